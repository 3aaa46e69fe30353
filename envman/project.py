"""A project as one value: its folder, its identity, its valid spec and what decides its packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envman import generated, identity, versions
from envman.dependencies import pylock, source
from envman.dependencies.source import Kind, Source
from envman.errors import UsageError
from envman.frozen import frozen
from envman.identity import Identity
from envman.interpreters import Request as PythonRequest
from envman.problem import Problem
from envman.services import catalogue
from envman.spec import layer, load
from envman.spec.model import Spec
from envman.spec.shape import Shape

_OTHERS_ALLOWED = "ENVMAN_TRUST"


@frozen
class Project:
    """What the commands work on."""

    root: Path
    name: str
    identity: Identity | None
    spec: Spec
    spec_file: Path | None
    local: Spec | None
    source: Source
    python: PythonRequest
    ports: Mapping[str, int]  # by name: the ports of this machine that are ours
    memory: Mapping[str, Any]  # what belongs to the project and to no backend
    inputs: tuple[Path, ...]

    @property
    def generated(self) -> Path:
        """The folder of what can be made again."""
        return self.root / generated.FOLDER

    @property
    def folder(self) -> Path | None:
        """State, logs and data, outside the checkout; None before the first up."""
        return self.identity.folder if self.identity else None


def find_root(start: Path) -> Path:
    """The project's folder: the nearest with a spec, else the nearest with a lock, else with anything that we read."""
    start = start.resolve()
    with_spec = load.find_root(start)
    if with_spec is not None:
        return with_spec
    home = Path.home()
    above = [folder for folder in (start, *start.parents) if folder == start or folder not in (home, *home.parents)]
    for markers in (("uv.lock", "pylock.toml"), source.MARKERS):
        for folder in above:
            if any((folder / marker).is_file() for marker in markers):
                return folder
    raise UsageError(
        Problem(
            message=f"nothing in {start} says what to build",
            hint="envman init writes a spec; or start with a pyproject.toml or a requirements.txt",
        )
    )


def check_owner(root: Path, environ: Mapping[str, str]) -> None:
    """Refuse a checkout of another user: its spec could make us run anything."""
    if sys.platform == "win32":
        return
    trusted = {os.path.realpath(word) for word in environ.get(_OTHERS_ALLOWED, "").split(os.pathsep) if word}
    if str(root) in trusted:
        return
    mine = {os.geteuid()}
    if os.geteuid() == 0 and environ.get("SUDO_UID", "").isdigit():
        mine.add(int(environ["SUDO_UID"]))
    for place in (root, root / load.SPEC_FILE, root / load.PYPROJECT, root / load.LOCAL_FILE):
        try:
            owner = place.stat().st_uid
        except OSError:
            continue
        if owner not in mine:
            raise UsageError(
                Problem(
                    message=f"belongs to another user ({_user_name(owner)}); its spec could run anything as you",
                    hint=f"if you trust it: export {_OTHERS_ALLOWED}={root}",
                    file=layer.shown(place),
                )
            )


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _name(spec: Spec, packages: Source, root: Path) -> str:
    declared = packages.project.get("project")
    own = declared.get("name") if isinstance(declared, dict) else None
    return spec.name or (own if isinstance(own, str) and own.strip() else None) or root.name or "project"


def _python_request(root: Path, spec: Spec, packages: Source) -> PythonRequest:
    if spec.python.version:
        return PythonRequest(text=spec.python.version, asked_by="the spec")
    try:
        pinned = (root / ".python-version").read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        pinned = []
    for word in pinned:
        text = word.removeprefix("cpython-").removeprefix("python")
        if text[:1].isdigit() and all(part.isdigit() for part in text.split(".")) and 2 <= len(text.split(".")) <= 3:
            return PythonRequest(text=text, asked_by=".python-version")
    declared = packages.project.get("project")
    required = declared.get("requires-python") if isinstance(declared, dict) else None
    if isinstance(required, str):
        return PythonRequest(text=_valid_range(root, required), asked_by="requires-python")
    if packages.kind is Kind.PYLOCK:
        locked = pylock.head(packages.files[0]).get("requires-python")
        if isinstance(locked, str) and versions.is_valid(locked):
            return PythonRequest(text=locked, asked_by=packages.label)
    return PythonRequest(text="", asked_by="nobody")


def _valid_range(root: Path, text: str) -> str:
    if not versions.is_valid(text):
        problem = Problem(
            message=f'requires-python "{text}" is not a range of versions',
            hint='write, for example, ">=3.11"',
            file=layer.shown(root / "pyproject.toml"),
            key="project.requires-python",
        )
        raise UsageError(problem)
    return text


def _check_bundle(root: Path, spec: Spec) -> None:
    bundle = spec.network.ca
    if isinstance(bundle, str) and bundle != "auto" and not (root / bundle).is_file():
        message = f"network.ca: {bundle} is not there, and without it nothing could be trusted"
        raise UsageError(Problem(message=message, hint='name a bundle of the project, or "auto"', key="network.ca"))


def _ports(kept: object) -> dict[str, int]:
    # The record is a file like any other: what makes no sense in it counts as absent.
    found = kept if isinstance(kept, dict) else {}
    return {str(name): port for name, port in found.items() if isinstance(port, int) and 0 < port < 65536}


def open_project(
    start: Path,
    environ: Mapping[str, str],
    *,
    profiles: Sequence[str] | None = None,
    shapes: Mapping[str, Shape[Any]] | None = None,
) -> Project:
    """Read everything there is to know without running anything; raises UsageError with all that is wrong."""
    root = find_root(start)
    check_owner(root, environ)
    if profiles is None and environ.get("ENVMAN_PROFILE"):
        profiles = environ["ENVMAN_PROFILE"].split(",")
    loaded = load.load(root, profiles=profiles, backends=shapes, recipes=catalogue.names)
    _check_bundle(root, loaded.spec)
    packages = source.detect(root, loaded.spec.python)
    if loaded.file is None and packages.kind is Kind.NOTHING and packages.not_read:
        message = f"what decides here is not read yet: {', '.join(packages.not_read)}"
        hint = "export it to requirements.txt or pylock.toml with its own tool, or write a spec: envman init"
        raise UsageError(Problem(message=message, hint=hint))
    name = _name(loaded.spec, packages, root)
    own = identity.find(root, name)
    memory = identity.recall(own)
    return Project(
        root=root,
        name=name,
        identity=own,
        spec=loaded.spec,
        spec_file=loaded.file,
        local=loaded.local,
        source=packages,
        python=_python_request(root, loaded.spec, packages),
        ports=_ports(memory.get("ports")),
        memory=memory,
        inputs=(*loaded.inputs, *packages.inputs),
    )


def remembered(own: Identity | None, root: Path, name: str) -> Project:
    """A project as the registry knows it, whatever its files say now: enough to remove what was made for it."""
    return Project(
        root=root,
        name=name,
        identity=own,
        spec=Spec(),
        spec_file=None,
        local=None,
        source=Source(kind=Kind.NOTHING),
        python=PythonRequest(text="", asked_by="nobody"),
        ports={},
        memory=identity.recall(own),
        inputs=(),
    )


def find_remembered(start: Path, environ: Mapping[str, str], shapes: Mapping[str, Shape[Any]]) -> Project:
    """The project that a folder belongs to, also where its spec is broken or gone."""
    try:
        root = find_root(start)
    except UsageError:
        here = start.resolve()
        with_id = [folder for folder in (here, *here.parents) if (folder / generated.FOLDER / "id").is_file()]
        if not with_id:
            raise
        root = with_id[0]
    check_owner(root, environ)
    try:
        spec = load.load(root, backends=shapes, recipes=catalogue.names).spec
        name = _name(spec, source.detect(root, Spec().python), root)
    except UsageError:
        name = root.name
    own = identity.find(root, name)
    known = identity.recall(own).get("name")
    return remembered(own, root, known if isinstance(known, str) else name)
