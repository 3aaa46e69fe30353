"""What Vagrant reads on this machine: a copy of its own, because programs in the machine can write to the project."""

# The generated files in the project are for people to look at. What the project itself brings to be carried out here
# (raw, a Vagrantfile that was taken over, playbooks) could have been written by what runs in the machine: once there is
# one, a change of it is asked about.
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from envman import paths
from envman.errors import UsageError
from envman.files import content, digest, read_json, write_json, write_staged
from envman.problem import Problem
from envman.project import Project
from envman_vagrant import options, places, vagrantfile

_TRUSTED = "ENVMAN_TRUST"
_RAW = "raw.rb"


def folder(project: Project) -> Path:
    """Where Vagrant's copy stands."""
    return places.folder(project) / "files"


def _record(project: Project) -> Path:
    # By the folder's path, beside all projects: what a machine may have written is not forgotten with the machine.
    return Path(paths.data_folder()) / "trusted" / f"{digest([str(project.root)])[:24]}.json"


def deliver(project: Project, value: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Write it; raises UsageError where a file of the project's is not the one that was there before."""
    own = vagrantfile.write(project, value)
    brought = dict(_brought(project, own))
    record = _record(project)
    known = read_json(record)
    trusted = {os.path.realpath(word) for word in environ.get(_TRUSTED, "").split(os.pathsep) if word}
    now = {str(file): digest([text]) for file, text in brought.items()}
    for file, seen in now.items():
        if record.exists() and known.get(file) != seen and os.path.realpath(file) not in trusted:
            name = os.path.relpath(file, project.root)
            message = f"{name} is carried out on this machine, and has changed since the virtual one was made"
            hint = f"programs in there could have written it: look at it, then {_TRUSTED}={file} envman up"
            raise UsageError(Problem(message=message, hint=hint, file=name))
    target = folder(project)
    target.mkdir(parents=True, exist_ok=True)
    text = brought.get(own)
    write_staged(target / "Vagrantfile", text.decode("utf-8", "replace") if text else vagrantfile.template())
    vagrantfile.write_values(target, value)
    raw = Path(value["raw"]) if value["raw"] else None
    write_staged(target / _RAW, brought[raw].decode("utf-8", "replace") if raw in brought else "")
    write_json(record, now)


def _brought(project: Project, own: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file with what stands in it now."""
    if vagrantfile.is_taken(own):
        yield own, content(own)
    asked = options.of(project.spec)
    names = [*([asked.raw] if asked.raw else []), *(one.path for one in asked.provision if one.kind == "ansible")]
    for name in names:
        yield project.root / name, content(project.root / name)
