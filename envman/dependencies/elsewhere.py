"""The packages of a project whose environment stands elsewhere: its Python, its locks, and what is there in the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from envman import interpreters, versions
from envman.dependencies import pylock, requirements
from envman.files import digest, write_staged
from envman.project import Project

_NEWEST_FIRST = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9")
# Run by the Python there: what it is, and what is installed.
INVENTORY = (
    "import json, platform, importlib.metadata as m;"
    "found = {d.name: d.version for d in m.distributions()};"
    "print(json.dumps({'python': platform.python_version(), 'packages': found}))"
)


def python(project: Project, environ: Mapping[str, str]) -> str:
    """The X.Y to use: the one asked for, else the one in use, else the one that this machine would use itself."""
    request = project.python
    if not request.is_range:
        return ".".join(request.text.split(".")[:2])
    used = project.memory.get("python")
    if isinstance(used, str) and request.accepts(versions.release(used)):
        return ".".join(used.split(".")[:2])
    here = interpreters.choose(request, interpreters.installed(environ), environ)
    if here is not None:
        return ".".join(map(str, here.version[:2]))
    known = (one for one in _NEWEST_FIRST if request.accepts(tuple(map(int, one.split(".")))))
    return next(known, _NEWEST_FIRST[1])


def carry(project: Project, locks: Sequence[Path], target: Path) -> list[str]:
    """Copy the locks with all that they read; the names to install from."""
    texts = [file for file in locks if file.suffix != ".toml"]
    for file in locks:
        if file.suffix == ".toml":
            _third_party(file, target)
    if not texts:
        return [file.name for file in locks]
    read = [file for file in requirements.included(texts) if file.is_file()]
    above = Path(os.path.commonpath([file.parent for file in read]))  # one may include another by a relative path
    for file in read:
        write_staged(target / file.relative_to(above), file.read_text(encoding="utf-8"))
    return [str(file.relative_to(above)) if file in texts else file.name for file in locks]


def _third_party(file: Path, target: Path) -> None:
    """Copy a lock without what stands in the project's folder: that is mounted, and installed once it is there."""
    lock = pylock.read(file)
    entries = [entry for entry in pylock.packages(lock) if "directory" not in entry]
    for entry in entries:
        for artefact in _artefacts(entry):
            if "path" in artefact:
                name = f"files/{digest([str(artefact['path'])])[:12]}/{Path(artefact['path']).name}"
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.parent / artefact["path"], target / name)
                artefact["path"] = name
    pylock.write(target / file.name, {**lock, "packages": entries})


def _artefacts(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (entry[key] for key in ("archive", "sdist") if isinstance(entry.get(key), dict))
    yield from entry.get("wheels", ())


def local(files: Sequence[Path], root: Path, inside: str) -> list[str]:
    """The folders of the project that its locks install, as they are called where the project stands `inside`."""
    found: list[str] = []
    for file in files:
        for entry in pylock.packages(pylock.read(file)) if file.suffix == ".toml" else ():
            directory = entry.get("directory")
            if isinstance(directory, dict) and isinstance(directory.get("path"), str):
                place = os.path.relpath((file.parent / directory["path"]).resolve(), root)
                editable = "-e " if directory.get("editable") else ""
                found.append(f"{editable}{inside}/{place}".removesuffix("/."))
    return found
