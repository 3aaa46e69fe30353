"""Files of requirements, as pip reads them: what they include, which folders they name, whether they are a lock."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from envman.errors import wrong_key
from envman.files import content
from envman.spec.model import Python

MAIN = ("requirements.txt", "requirements/base.txt", "requirements/main.txt", "requirements.in")
_OF_GROUP = (
    "requirements-{}.txt",
    "requirements_{}.txt",
    "{}-requirements.txt",
    "requirements/{}.txt",
    "requirements.{}.txt",
)


def _lines(file: Path) -> list[str]:
    text = content(file).decode("utf-8", "replace").replace("\r\n", "\n").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines()]


def _option(line: str) -> tuple[str, str]:
    """The option that a line begins with, if it does, and what follows."""
    long = line.startswith("--")
    option, _, rest = line.replace("=", " ", 1 if long else 0).partition(" ")
    if not option.startswith("-"):
        option, rest = "", line
    elif not long and len(option) > 2:
        option, rest = option[:2], f"{option[2:]} {rest}"
    return option, rest.split(" #")[0].strip().strip("'\"")


def included(files: Iterable[Path]) -> list[Path]:
    """The files and all that they include with -r and -c; those that are not there too, for they may appear."""
    found: dict[Path, None] = {}
    waiting = list(files)
    while waiting:
        # Two that include each other would otherwise go on under ever longer names.
        file = Path(os.path.normpath(waiting.pop(0)))
        if file not in found:
            found[file] = None
            waiting += _includes(file)
    return list(found)


def _includes(file: Path) -> Iterator[Path]:
    for option, name in map(_option, _lines(file)):
        if option in ("-r", "-c", "--requirement", "--constraint") and "://" not in name:
            yield file.parent / name


def local_folders(root: Path, files: Iterable[Path]) -> list[Path]:
    """The projects on this disk that requirements name: what those need stands in files of theirs."""
    named = [
        name for file in files for option, name in map(_option, _lines(file)) if option in ("", "-e", "--editable")
    ]
    places = [root / name.partition("[")[0] for name in named if name.startswith((".", "/"))]
    return [place for place in places if not place.is_file()]  # a wheel may be named too


def is_hashed(files: Sequence[Path]) -> bool:
    """Whether every requirement has a hash, which makes the files a lock."""
    packages = [line for file in files for line in _lines(file) if line and line[0] not in "#-"]
    return bool(packages) and all("--hash=" in line for line in packages)


def _asked(python: Python) -> tuple[str, ...]:
    return python.groups if python.groups is not None else ("dev",)


def of_groups(root: Path, python: Python) -> tuple[Path, ...]:
    """Every file that would be read for the groups that are asked for, if it were there."""
    return tuple(root / pattern.format(name) for name in _asked(python) for pattern in _OF_GROUP)


def files_of(root: Path, main: Path, python: Python) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The main file and those of the groups that are asked for, and the groups that were found."""

    def of(group: str) -> Path | None:
        named = [root / pattern.format(group) for pattern in _OF_GROUP]
        return next((file for file in named if file.is_file()), None)

    for name in python.groups or ():
        if of(name) is None:
            hint = f"create {_OF_GROUP[0].format(name)}"
            raise wrong_key(f'there is no requirements file for the group "{name}"', hint, "python.groups")
    extra = {name: file for name in _asked(python) if (file := of(name)) and file != main}
    return (main, *extra.values()), tuple(extra)
