"""The project's own Dockerfile: where its image comes from, and what it copies."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from envman.errors import wrong_key
from envman.files import content, digest

_INSTRUCTION = re.compile(r"^\s*(FROM|COPY|ADD)\s+(.*)$", re.IGNORECASE)
_SKIPPED = (".git", ".envman", ".venv", "node_modules", "__pycache__")


def state(root: Path, name: str) -> str:
    """A digest of the Dockerfile and of the files that it copies; refuses one that cannot be a base."""
    file = root / name
    if not file.is_file():
        raise wrong_key(f"{name} is not there", "name a Dockerfile of the project", "docker.dockerfile")
    _refuse_alpine(file, name)
    parts: list[str | bytes] = []
    for one in files(root, name):
        parts += [os.path.relpath(one, file.parent), _mode(one), content(one)]
    return digest(parts)


def _mode(file: Path) -> str:
    try:
        return str(file.stat().st_mode & 0o111)
    except OSError:
        return ""


def files(root: Path, name: str) -> list[Path]:
    """The Dockerfile, what keeps files out of its context, and the files that it copies."""
    file = root / name
    context = file.parent
    found = dict.fromkeys([file, file.with_name(f"{file.name}.dockerignore"), context / ".dockerignore"])
    for source in _sources(file):
        for one in sorted(context.glob(source.lstrip("/"))) if source.strip("./") else [context]:
            # The whole project changes with every edit, and what was copied of it is hidden by the mount anyway.
            if one.is_file():
                found[one] = None
            elif not root.is_relative_to(one.resolve()):
                found.update(dict.fromkeys(_below(one)))
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - set(_SKIPPED))
        yield from (Path(place, name) for name in sorted(names))


def _instructions(file: Path) -> Iterator[tuple[str, str]]:
    text = content(file).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        matched = _INSTRUCTION.match(line)
        if matched:
            yield matched[1].upper(), matched[2]


def _sources(file: Path) -> Iterator[str]:
    for word, rest in _instructions(file):
        words = _words(rest)
        options = [one for one in words if one.startswith("--")]
        if word == "FROM" or any(one.startswith("--from") for one in options):
            continue
        named = [one for one in words if one not in options][:-1]
        yield from (one for one in named if not any(sign in one for sign in ("://", "$", "<<", "git@", "..")))


def _words(rest: str) -> list[str]:
    options, _, listed = rest.partition("[")
    if listed and all(word.startswith("--") for word in options.split()):
        try:
            return [*options.split(), *map(str, json.loads(f"[{listed}"))]
        except ValueError:
            pass
    try:
        return shlex.split(rest)
    except ValueError:
        return []


def _refuse_alpine(file: Path, name: str) -> None:
    stages: dict[str, str] = {}
    last = ""
    for word, rest in _instructions(file):
        words = [one for one in rest.split() if not one.startswith("--")]
        if word == "FROM" and words:
            last = stages.get(words[0].lower(), words[0])
            if len(words) > 2 and words[1].lower() == "as":
                stages[words[2].lower()] = last
    if is_alpine(last):
        raise wrong_key(f"{name} begins with {last}: {NO_ALPINE}", NOT_ALPINE, "docker.dockerfile")


NO_ALPINE = "Alpine has no apt, and musl, its C library, takes no usual wheels: they would all be built"
NOT_ALPINE = "begin with a slim image of Debian, for example python:3.12-slim-bookworm"


def is_alpine(image: str) -> bool:
    """Whether an image's name says that it is Alpine."""
    return "alpine" in image.lower()
