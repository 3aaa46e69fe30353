"""Snapshots: the data of a project's services as they were, each with what proves that it is still whole."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from envman.errors import StepFailed, UsageError
from envman.files import digest, read_json, remove_tree, write_json
from envman.frozen import frozen
from envman.identity import Identity
from envman.problem import Problem

_FOLDER = ".snapshots"  # beside the data of services, whose names have no dot: what keeps the one keeps the other
_MANIFEST = "manifest.json"
_FORMAT = 1
_ALLOWED = "._-"


@frozen
class SaveData:
    """Put the data of a service into an empty folder."""

    name: str
    target: Path


@frozen
class RestoreData:
    """Put what `SaveData` has left in a folder in the place of a service's data: all of it, or nothing."""

    name: str
    source: Path


@frozen
class SaveMachine:
    """Keep the whole machine, where a backend has one."""

    name: str


@frozen
class RestoreMachine:
    """Bring it back as it was."""

    name: str


@frozen
class DeleteMachine:
    """Remove what was kept of it."""

    name: str


@frozen
class LookAtData:
    """Write into a file what a service that runs holds, as it says itself: what another level must hold as well."""

    name: str
    target: Path


@frozen
class Kept:
    """The data of one service."""

    recipe: str
    version: str
    bytes: int
    sha256: str


@frozen
class Snapshot:
    """The data of some services at one moment."""

    name: str
    folder: Path
    time: int  # seconds of the epoch
    services: Mapping[str, Kept]

    @property
    def bytes(self) -> int:
        """What it holds."""
        return sum(one.bytes for one in self.services.values())


def folder(identity: Identity) -> Path:
    """Where the snapshots of a project stand."""
    return identity.data / _FOLDER


def place(identity: Identity, name: str) -> Path:
    """Where a snapshot of that name stands, or would."""
    if not name or name[0] in _ALLOWED or not all(letter.isalnum() or letter in _ALLOWED for letter in name):
        problem = Problem(message=f'"{name}" cannot be the name of a snapshot', hint="use letters, digits, ., - and _")
        raise UsageError(problem)
    return folder(identity) / name


def read(where: Path) -> Snapshot | None:
    """The snapshot in a folder; None when there is none, or not a whole one."""
    content = read_json(where / _MANIFEST)
    if content.get("format") != _FORMAT:
        return None
    try:
        services = {
            str(name): Kept(
                recipe=str(one["recipe"]),
                version=str(one["version"]),
                bytes=int(one["bytes"]),
                sha256=str(one["sha256"]),
            )
            for name, one in content["services"].items()
        }
        return Snapshot(name=where.name, folder=where, time=int(content["time"]), services=services)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def known(identity: Identity | None) -> list[Snapshot]:
    """Every snapshot of a project, the newest first."""
    folders = folder(identity).glob("[!.]*") if identity else ()
    found = [one for one in map(read, folders) if one is not None]
    return sorted(found, key=lambda one: (-one.time, one.name))


def begin(target: Path) -> Path:
    """The folder in which a snapshot is made, for the user alone."""
    staging = target.with_name(f".{target.name}.new")
    remove_tree(staging)
    staging.mkdir(parents=True)
    staging.chmod(0o700)
    return staging


def finish(staging: Path, target: Path, versions: Mapping[str, tuple[str, str]]) -> Snapshot:
    """Write down what each service has left, with its recipe and version, and put the whole in its place."""
    services = {
        name: Kept(
            recipe=recipe,
            version=version,
            bytes=sum(file.lstat().st_size for file in _files(staging / name)),
            sha256=digest_of(staging / name),
        )
        for name, (recipe, version) in versions.items()
    }
    written = {
        name: {"recipe": one.recipe, "version": one.version, "bytes": one.bytes, "sha256": one.sha256}
        for name, one in services.items()
    }
    now = int(time.time())
    write_json(staging / _MANIFEST, {"format": _FORMAT, "time": now, "services": written})
    aside = target.with_name(f".{target.name}.old")
    remove_tree(aside)
    if target.exists():
        target.rename(aside)
    staging.rename(target)
    remove_tree(aside)
    return Snapshot(name=target.name, folder=target, time=now, services=services)


def verify(snapshot: Snapshot, name: str) -> None:
    """Raises StepFailed when the data of a service is not what was saved."""
    if digest_of(snapshot.folder / name) != snapshot.services[name].sha256:
        message = f"the data of {name} in snapshot {snapshot.name} is damaged: its digest is another one"
        raise StepFailed(Problem(message=message, hint="nothing was changed; envman snapshot list shows the others"))


def _files(top: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(top):
        folders.sort()
        yield from (Path(here, name) for name in sorted(names))


def digest_of(top: Path) -> str:
    """One digest of all that is in a folder."""
    parts: list[str] = []
    for file in _files(top):
        parts.append(os.path.relpath(file, top))
        if file.is_symlink():
            parts.append(os.readlink(file))
        else:
            with file.open("rb") as stream:
                parts.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return digest(parts)
