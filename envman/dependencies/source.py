"""Where a project's dependencies are written down: which files decide, what of them is asked for, judged by content."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from envman.dependencies import pyproject, requirements
from envman.errors import wrong_key
from envman.files import content, digest
from envman.frozen import field, frozen, replace
from envman.spec import layer
from envman.spec.model import Python


class Kind(StrEnum):
    """The forms that envman reads."""

    UV_LOCK = "uv.lock"
    PYLOCK = "pylock.toml"
    PYPROJECT = "pyproject.toml"
    REQUIREMENTS = "requirements"
    HASHED = "hashed requirements"
    NOTHING = "nothing"


# Forms that other tools write; they are named, so that nobody believes they were read.
_NOT_READ = {
    "poetry.lock": "Poetry's lock",
    "pdm.lock": "PDM's lock",
    "Pipfile.lock": "Pipenv's lock",
    "Pipfile": "Pipenv's file",
    "environment.yml": "a conda environment",
    "conda-lock.yml": "a conda lock",
    "pixi.lock": "pixi's lock",
    "pixi.toml": "pixi's file",
}
MARKERS = (
    "uv.lock", "pylock.toml", "pyproject.toml", *requirements.MAIN, *pyproject.LEGACY, ".python-version", *_NOT_READ
)  # fmt: skip


@frozen
class Source:
    """What decides which packages are installed."""

    kind: Kind
    files: tuple[Path, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    installs_project: bool = False
    not_read: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()
    fingerprint: str = ""
    project: dict[str, Any] = field(default_factory=dict)
    stale: Path | None = None  # a lock that envman wrote for other inputs than today's

    @property
    def label(self) -> str:
        """The name of what decides, as a person would say it."""
        return self.files[0].name if self.files else "the spec"

    @property
    def is_locked(self) -> bool:
        """Whether the project's own files already name every version."""
        return self.kind in (Kind.UV_LOCK, Kind.PYLOCK, Kind.HASHED)

    def understood(self) -> list[str]:
        """What was read and what not, for a project that has no spec."""
        asked = [f"group {name}" for name in self.groups] + [f"extra {name}" for name in self.extras]
        also = f" ({', '.join(asked)})" if asked else ""
        lines = [f"packages from {' + '.join(file.name for file in self.files)}{also}"] if self.files else []
        if self.installs_project:
            lines.append("the project itself, editable")
        return lines


def _kind_of(file: Path) -> Kind:
    if file.name == "uv.lock":
        return Kind.UV_LOCK
    if file.name == "pylock.toml" or (file.name.startswith("pylock.") and file.suffix == ".toml"):
        return Kind.PYLOCK
    if file.name == "pyproject.toml" or file.name in pyproject.LEGACY:
        return Kind.PYPROJECT
    return Kind.REQUIREMENTS


def _deciding_file(root: Path, python: Python, document: dict[str, Any], *, but: Path | None) -> Path | None:
    if python.from_ != "auto":
        file = root / python.from_
        if not file.is_file():
            raise wrong_key(f"{python.from_} is not there", 'name a file of the project, or "auto"', "python.from")
        if file.name in _NOT_READ:
            hint = "export it to requirements.txt or pylock.toml with its own tool, and name that"
            raise wrong_key(f"{python.from_} is {_NOT_READ[file.name]}, which is not read yet", hint, "python.from")
        return file
    for name in ("uv.lock", "pylock.toml"):
        if (root / name).is_file() and root / name != but:
            return root / name
    if pyproject.has_dependencies(root, document):
        return root / "pyproject.toml"
    for name in (*requirements.MAIN, *pyproject.LEGACY):
        if (root / name).is_file():
            return root / name
    return None


def _inputs_of(lock: Path) -> str | None:
    """The fingerprint that a lock of envman's says it was made from; None for anybody else's lock."""
    if b"[tool.envman]" not in content(lock):
        return None
    read = layer.read(lock)
    made_from = pyproject.table(read.table if read else {}, "tool", "envman").get("inputs")
    return made_from if isinstance(made_from, str) else None


def detect(root: Path, python: Python) -> Source:
    """What decides in this folder; raises UsageError when the spec names something that is not there."""
    source = _detect(root, python)
    if source.kind is not Kind.PYLOCK or python.from_ != "auto":
        return source
    made_from = _inputs_of(source.files[0])
    if made_from is None:
        return source
    beneath = _detect(root, python, but=source.files[0])
    if beneath.fingerprint == made_from:
        return replace(source, packages=(), groups=beneath.groups)
    return replace(beneath, stale=source.files[0])


def is_ours(lock: Path) -> bool:
    """Whether envman wrote this lock."""
    return _inputs_of(lock) is not None


def without_lock(root: Path, python: Python) -> Source:
    """What decides when the lock that envman writes is left out: the inputs of that lock."""
    return _detect(root, python, but=root / "pylock.toml")


def _detect(root: Path, python: Python, *, but: Path | None = None) -> Source:
    document = pyproject.read(root)
    file = _deciding_file(root, python, document, but=but)
    kind = _kind_of(file) if file else Kind.NOTHING
    files: tuple[Path, ...] = (file,) if file else ()
    groups: tuple[str, ...] = ()
    if file and kind is Kind.REQUIREMENTS:
        files, groups = requirements.files_of(root, file, python)
        if requirements.is_hashed(files):
            kind = Kind.HASHED
    elif kind in (Kind.PYPROJECT, Kind.UV_LOCK):
        groups = pyproject.chosen_groups(python, document)
        pyproject.check_extras(python, document)
    installs = kind in (Kind.PYPROJECT, Kind.UV_LOCK, Kind.PYLOCK) and pyproject.is_installable(root, document)
    inputs = _inputs(root, python, kind, files, document, installs=installs)
    asked = (kind, groups, python.extras, python.packages, installs)
    watched = dict.fromkeys([*(root / name for name in MARKERS), *inputs.files, *inputs.pyprojects, *inputs.appearing])
    return Source(
        kind=kind,
        files=files,
        groups=groups,
        extras=python.extras,
        packages=python.packages,
        installs_project=installs,
        not_read=tuple(f"{name} ({what})" for name, what in _NOT_READ.items() if (root / name).exists()),
        inputs=tuple(watched),
        fingerprint=_fingerprint(asked, inputs, own=None if kind is Kind.REQUIREMENTS else document),
        project=document,
    )


@frozen
class _Inputs:
    """What is read on the way to the packages, apart from the project's own pyproject.toml."""

    files: tuple[Path, ...]  # that count by their whole content
    pyprojects: tuple[Path, ...]  # of which only some tables count
    appearing: tuple[Path, ...] = ()  # that would be read if they were there


def _inputs(
    root: Path, python: Python, kind: Kind, files: Sequence[Path], document: dict[str, Any], *, installs: bool
) -> _Inputs:
    if kind in (Kind.REQUIREMENTS, Kind.HASHED):
        read = requirements.included(files)
        local = requirements.local_folders(root, read)
        return _Inputs(
            files=(*read, *(folder / name for folder in local for name in pyproject.LEGACY)),
            pyprojects=tuple(folder / "pyproject.toml" for folder in local),
            appearing=requirements.of_groups(root, python),
        )
    own = list(files) if kind in (Kind.UV_LOCK, Kind.PYLOCK) else []
    if installs:
        own += [*(root / name for name in pyproject.LEGACY), *pyproject.named_files(root, document)]
    others = pyproject.members(root, document) if kind in (Kind.PYPROJECT, Kind.UV_LOCK) else []
    return _Inputs(files=tuple(own), pyprojects=tuple(others))


def _fingerprint(asked: tuple[object, ...], inputs: _Inputs, *, own: dict[str, Any] | None) -> str:
    documents = [own] if own is not None else []
    documents += [read.table for file in inputs.pyprojects if (read := layer.read(file))]
    return digest([repr(asked), *map(content, inputs.files), *map(pyproject.relevant, documents)])
