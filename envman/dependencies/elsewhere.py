"""The packages of a project whose environment stands elsewhere: its Python, its locks, and what is there in the end."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from envman import interpreters, versions
from envman.dependencies import pylock, requirements
from envman.errors import StepFailed
from envman.files import digest, write_staged
from envman.problem import Problem
from envman.project import Project

_NEWEST_FIRST = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9")
_NOT_LINUX = re.compile(r"-(?:macosx|win|android|ios|pyodide|emscripten)[^-]*\.whl$")
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


def carry(locks: Sequence[Path], target: Path) -> list[str]:
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
            found = _of_this_machine(artefact, file.parent)
            if found is None:
                continue
            if not found.is_file():
                message = f"{entry['name']}: the lock names {found}, which is not there"
                raise StepFailed(Problem(message=message, hint="bring it back, or: envman lock --upgrade"))
            name = f"files/{digest([str(found)])[:12]}/{found.name}"
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, target / name)
            artefact.pop("url", None)
            artefact["path"] = name
    pylock.write(target / file.name, {**lock, "packages": entries})


def _of_this_machine(artefact: Mapping[str, Any], folder: Path) -> Path | None:
    """The file of an artefact that nobody elsewhere can fetch: one of a folder or an index on this machine."""
    if "path" in artefact:
        return folder / str(artefact["path"])
    url = urlsplit(str(artefact.get("url", "")))
    # An index has wheels for every system; what Linux cannot install is not carried there.
    if url.scheme != "file" or _NOT_LINUX.search(url.path):
        return None
    return Path(unquote(url.path))


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
