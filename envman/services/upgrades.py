"""Data of another major version, and what it becomes: the operations, and the old data that is kept beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from envman import paths
from envman.files import read_json, size_of, write_json
from envman.frozen import frozen
from envman.identity import Identity

_REPORT = "report.json"
_KEPT = re.compile(r"(?P<name>[^.]+)\.(?P<version>\d+(-\d+)?)")


@frozen
class BeginUpgrade:
    """Find out who wrote the data of a service, bring both servers here, stop it; leaves a report in the folder."""

    name: str
    folder: Path


@frozen
class DumpData:
    """Put all that the old server holds into the folder; where the new one opens its files, a copy of them aside."""

    name: str
    folder: Path


@frozen
class ReadData:
    """Make the new data aside, and see that all is in it."""

    name: str
    folder: Path


@frozen
class TakePlace:
    """Put the new data in the place of the old, which is kept beside."""

    name: str
    folder: Path


@frozen
class Report:
    """What an upgrade has found out and done."""

    title: str  # of the server, without its version
    wrote: str  # the major version of the data
    now: str  # the major version that the spec asks for
    by_dump: bool = True  # else the server opens a copy of the files
    roles: tuple[str, ...] = ()  # made by hand, and made again
    kept: str = ""  # the name of the old data

    @property
    def is_due(self) -> bool:
        """Whether there is anything to do."""
        return self.wrote != self.now


@frozen
class Aside:
    """Old data that an upgrade has kept."""

    name: str
    service: str
    version: str
    folder: Path
    bytes: int
    time: int  # when it was set aside, in seconds of the epoch


def write_report(folder: Path, report: Report) -> None:
    """Leave it for the steps that follow."""
    content = {
        "title": report.title,
        "wrote": report.wrote,
        "now": report.now,
        "by_dump": report.by_dump,
        "roles": list(report.roles),
        "kept": report.kept,
    }
    write_json(folder / _REPORT, content)


def read_report(folder: Path) -> Report:
    """What the steps before have left."""
    content = read_json(folder / _REPORT)
    return Report(**{**content, "roles": tuple(content["roles"])})


def kept(identity: Identity | None) -> list[Aside]:
    """The old data of a project, the newest first."""
    found = [_aside(*one) for one in _folders(identity)] if identity else []
    return sorted(found, key=lambda one: (-one.time, one.name))


def _folders(identity: Identity) -> Iterator[tuple[str, str, Path]]:
    for folder in identity.data.glob("*.*"):
        match = _KEPT.fullmatch(folder.name)
        if match and folder.is_dir():
            yield match["name"], match["version"], folder
    # That of servers which are another user stands elsewhere, one folder for each service.
    for folder in (Path(paths.reachable_folder()) / "projects" / identity.id).glob("*/data.*"):
        match = _KEPT.fullmatch(folder.name)
        if match and folder.is_dir():
            yield folder.parent.name, match["version"], folder


def _aside(service: str, version: str, folder: Path) -> Aside:
    return Aside(
        name=f"{service}.{version}",
        service=service,
        version=version.partition("-")[0],
        folder=folder,
        bytes=size_of(folder),
        time=int(folder.stat().st_ctime),
    )
