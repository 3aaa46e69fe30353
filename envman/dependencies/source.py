"""Where a project's dependencies are written down: which files decide, what of them is asked for, judged by content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from envman.errors import UsageError
from envman.files import content, digest
from envman.frozen import field, frozen, replace
from envman.problem import Problem
from envman.spec import layer
from envman.spec.model import Python
from envman.spec.shape import suggestion


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
_MAIN_REQUIREMENTS = ("requirements.txt", "requirements/base.txt", "requirements/main.txt", "requirements.in")
_GROUP_REQUIREMENTS = (
    "requirements-{}.txt",
    "requirements_{}.txt",
    "{}-requirements.txt",
    "requirements/{}.txt",
    "requirements.{}.txt",
)
_LEGACY = ("setup.py", "setup.cfg")
MARKERS = ("uv.lock", "pylock.toml", "pyproject.toml", *_MAIN_REQUIREMENTS, *_LEGACY, ".python-version", *_NOT_READ)


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


def _pyproject(root: Path) -> dict[str, Any]:
    read = layer.read(root / "pyproject.toml")
    return read.table if read else {}


def _table(document: Any, *steps: str) -> dict[str, Any]:
    for step in steps:
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _is_installable(root: Path, pyproject: dict[str, Any]) -> bool:
    package = _table(pyproject, "tool", "uv").get("package")
    if isinstance(package, bool):
        return package
    return "build-system" in pyproject or any((root / name).is_file() for name in _LEGACY)


def _has_dependencies(root: Path, pyproject: dict[str, Any]) -> bool:
    project = _table(pyproject, "project")
    declared = any(key in project for key in ("dependencies", "optional-dependencies", "dynamic"))
    return declared or "dependency-groups" in pyproject or (bool(pyproject) and _is_installable(root, pyproject))


def _included(file: Path, seen: set[Path]) -> Iterable[Path]:
    """The file and all that it includes with -r and -c; those that are not there too, for they may appear."""
    if file in seen:
        return
    seen.add(file)
    yield file
    for line in content(file).decode("utf-8", "replace").splitlines():
        option, _, rest = line.strip().replace("=", " ", 1 if line.strip().startswith("--") else 0).partition(" ")
        if option in ("-r", "-c", "--requirement", "--constraint"):
            name = rest.split(" #")[0].strip()
        elif option[:2] in ("-r", "-c") and len(option) > 2 and not option.startswith("--"):
            name = option[2:]
        else:
            continue
        if "://" not in name:
            yield from _included((file.parent / name), seen)


def _is_hashed(files: Sequence[Path]) -> bool:
    text = "\n".join(content(file).decode("utf-8", "replace") for file in files).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    packages = [line for line in lines if line and line[0] not in "#-"]
    return bool(packages) and all("--hash=" in line for line in packages)


def _wrong(message: str, hint: str | None, key: str) -> UsageError:
    return UsageError(Problem(message=message, hint=hint, key=key))


def _choose_groups(python: Python, known: Sequence[str], default: Sequence[str], where: str) -> tuple[str, ...]:
    if python.groups is None:
        return tuple(name for name in default if name in known)
    for name in python.groups:
        if name not in known:
            hint = suggestion(name, known) if known else f"{where} has no groups"
            raise _wrong(f'there is no group "{name}" in {where}', hint, "python.groups")
    return python.groups


def _check_extras(python: Python, pyproject: dict[str, Any]) -> None:
    known = _table(pyproject, "project", "optional-dependencies")
    if "optional-dependencies" in (_table(pyproject, "project").get("dynamic") or ()):
        return
    for name in python.extras:
        if name not in known:
            hint = suggestion(name, known) if known else "the project has no extras"
            raise _wrong(f'there is no extra "{name}" in pyproject.toml', hint, "python.extras")


def _default_groups(pyproject: dict[str, Any]) -> list[str]:
    default = _table(pyproject, "tool", "uv").get("default-groups", ["dev"])
    if default == "all":
        return list(_table(pyproject, "dependency-groups"))
    return [name for name in default if isinstance(name, str)] if isinstance(default, list) else ["dev"]


def _requirements_files(root: Path, main: Path, python: Python) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    def of(group: str) -> Path | None:
        named = [root / pattern.format(group) for pattern in _GROUP_REQUIREMENTS]
        return next((file for file in named if file.is_file()), None)

    asked = python.groups if python.groups is not None else ("dev",)
    for name in python.groups or ():
        if of(name) is None:
            hint = f"create {_GROUP_REQUIREMENTS[0].format(name)}"
            raise _wrong(f'there is no requirements file for the group "{name}"', hint, "python.groups")
    extra = {name: file for name in asked if (file := of(name)) and file != main}
    return (main, *extra.values()), tuple(extra)


def _kind_of(file: Path) -> Kind:
    if file.name == "uv.lock":
        return Kind.UV_LOCK
    if file.name == "pylock.toml" or (file.name.startswith("pylock.") and file.suffix == ".toml"):
        return Kind.PYLOCK
    if file.name == "pyproject.toml" or file.name in _LEGACY:
        return Kind.PYPROJECT
    return Kind.REQUIREMENTS


def _deciding_file(root: Path, python: Python, pyproject: dict[str, Any], *, but: Path | None) -> Path | None:
    if python.from_ != "auto":
        file = root / python.from_
        if not file.is_file():
            raise _wrong(f"{python.from_} is not there", 'name a file of the project, or "auto"', "python.from")
        return file
    for name in ("uv.lock", "pylock.toml"):
        if (root / name).is_file() and root / name != but:
            return root / name
    if _has_dependencies(root, pyproject):
        return root / "pyproject.toml"
    for name in (*_MAIN_REQUIREMENTS, *_LEGACY):
        if (root / name).is_file():
            return root / name
    return None


def _relevant(pyproject: dict[str, Any]) -> str:
    # A changed [tool.ruff] must not touch the environment: of the tools only the builder's and uv's tables matter.
    builder = str(pyproject.get("build-system", "")).lower()
    tools = _table(pyproject, "tool")
    used = {name: table for name, table in tools.items() if name == "uv" or name.split("-")[0].split("_")[0] in builder}
    kept = {key: pyproject.get(key) for key in ("project", "dependency-groups", "build-system")}
    return repr((kept, used))


def _members(root: Path, pyproject: dict[str, Any]) -> list[Path]:
    workspace = _table(pyproject, "tool", "uv", "workspace")
    patterns = [pattern for pattern in workspace.get("members", []) if isinstance(pattern, str)]
    return sorted({file for pattern in patterns for file in root.glob(f"{pattern}/pyproject.toml")})


def _fingerprint(parts: Iterable[object], files: Iterable[Path], pyprojects: Iterable[dict[str, Any]]) -> str:
    return digest([repr(tuple(parts)), *map(content, files), *map(_relevant, pyprojects)])


def _inputs_of(lock: Path) -> str | None:
    """The fingerprint that a lock of envman's says it was made from; None for anybody else's lock."""
    read = layer.read(lock)
    made_from = _table(read.table if read else {}, "tool", "envman").get("inputs")
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
    pyproject = _pyproject(root)
    not_read = tuple(f"{name} ({what})" for name, what in _NOT_READ.items() if (root / name).exists())
    file = _deciding_file(root, python, pyproject, but=but)
    kind = _kind_of(file) if file else Kind.NOTHING
    files: tuple[Path, ...] = (file,) if file else ()
    groups: tuple[str, ...] = ()
    if file and kind is Kind.REQUIREMENTS:
        files, groups = _requirements_files(root, file, python)
        if _is_hashed(files):
            kind = Kind.HASHED
    elif kind in (Kind.PYPROJECT, Kind.UV_LOCK):
        known = list(_table(pyproject, "dependency-groups"))
        groups = _choose_groups(python, known, _default_groups(pyproject), "pyproject.toml")
        _check_extras(python, pyproject)

    own_files: list[Path] = []
    if kind in (Kind.REQUIREMENTS, Kind.HASHED):
        seen: set[Path] = set()
        own_files = [one for each in files for one in _included(each, seen)]
    elif kind in (Kind.UV_LOCK, Kind.PYLOCK):
        own_files = list(files)
    installs = kind in (Kind.PYPROJECT, Kind.UV_LOCK, Kind.PYLOCK) and _is_installable(root, pyproject)
    legacy = [root / name for name in _LEGACY] if installs else []
    members = _members(root, pyproject) if kind in (Kind.PYPROJECT, Kind.UV_LOCK) else []
    pyprojects = [pyproject, *(read.table for one in members if (read := layer.read(one)))]
    asked = (kind, groups, python.extras, python.packages, installs)
    watched = {root / name: None for name in MARKERS} | dict.fromkeys([*own_files, *members, *legacy])
    return Source(
        kind=kind,
        files=files,
        groups=groups,
        extras=python.extras,
        packages=python.packages,
        installs_project=installs,
        not_read=not_read,
        inputs=tuple(watched),
        fingerprint=_fingerprint(asked, [*own_files, *legacy], pyprojects if kind is not Kind.REQUIREMENTS else []),
        project=pyproject,
    )
