"""What a machine costs here: the files that its provider keeps, and the memory that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from envman import process
from envman.backend import Usage
from envman.files import size_of
from envman.project import Project
from envman_vagrant import machine, naming, places, states
from envman_vagrant.providers import Provider

_FILE = re.compile(r'(/[^"]+)"?$')


def usage(project: Project, environ: Mapping[str, str]) -> Usage:
    """Disk by what destroy would remove; memory while it runs."""
    known = machine.made_by(project)
    if known is None:
        return Usage()
    state, name = states.of(known, places.dotfile(project), environ)
    if state in (states.State.ABSENT, states.State.GHOST):
        return Usage()
    files = [_FILE.search(line) for line in _asked(known.disks, name, environ)]
    disk = sum(_size(Path(file[1])) for file in files if file)
    memory = _memory(known, name, environ) if state is states.State.RUNNING else None
    return Usage(disk={f"machine {naming.machine(project)}": disk}, memory=memory)


def _asked(argv: tuple[str, ...], name: str, environ: Mapping[str, str]) -> list[str]:
    if not argv:
        return []
    try:
        done = process.capture([word.replace("{id}", name) for word in argv], env={**environ, "LC_ALL": "C"}, limit=10)
    except OSError:
        return []
    return done.output.splitlines() if done.code == 0 else []


def _size(path: Path) -> int:
    try:
        return size_of(path) if path.is_dir() else path.stat().st_blocks * 512  # disks of machines have holes
    except OSError:
        return 0


def _memory(provider: Provider, name: str, environ: Mapping[str, str]) -> int | None:
    lines = _asked(provider.memory, name, environ)
    found = [line.split() for line in lines]
    return next((int(one[1]) * 1024 for one in found if one[:1] == ["rss"] and one[1].isdigit()), None)
