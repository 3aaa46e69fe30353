"""What is known of a service's volume: a note in the user's data folder, which names that very volume."""

from __future__ import annotations

from pathlib import Path

from envman.files import read_json, write_json
from envman.frozen import frozen
from envman.project import Project
from envman_docker import naming

_FOLDER = ".volumes"  # beside the data of services that run elsewhere, whose names have no dot


@frozen
class Note:
    """A volume with data."""

    volume: str
    mark: str = ""  # what its label says; another volume of the same name has another one
    version: str = ""  # the major version that wrote it
    filled: str = ""  # what the spec had made in it


def _file(project: Project, service: str) -> Path | None:
    return project.identity.data / _FOLDER / f"{service}.json" if project.identity else None


def read(project: Project, service: str) -> Note:
    """The note, which may be of a volume that is gone."""
    file = _file(project, service)
    found = read_json(file) if file else {}
    words = {key: value for key, value in found.items() if isinstance(value, str)}
    return Note(
        volume=words.get("volume") or naming.volume(project, service),
        mark=words.get("mark", ""),
        version=words.get("version", ""),
        filled=words.get("filled", ""),
    )


def write(project: Project, service: str, note: Note) -> None:
    """Leave it for the next time."""
    file = _file(project, service)
    if file is not None:
        write_json(file, {name: getattr(note, name) for name in ("volume", "mark", "version", "filled")})
