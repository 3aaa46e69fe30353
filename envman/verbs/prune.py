"""`envman prune`: remove what is left of projects that are gone, or that nobody used for long."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from envman import identity, removal, turn
from envman.answer import Answer
from envman.console import counted
from envman.errors import UsageError
from envman.files import readable_size, size_of
from envman.frozen import frozen
from envman.identity import Identity
from envman.problem import Problem
from envman.project import Project, remembered
from envman.provision import turn_folder
from envman.removal import Made
from envman.request import Request
from envman.verbs.list import entries

_DAY = 86400


@frozen
class _Going:
    """What would go of one project."""

    project: Project
    root: Path
    exists: bool
    made: list[Made]
    size: int

    def as_json(self) -> dict[str, Any]:
        return {"name": self.project.name, "root": str(self.root), "bytes": self.size}


def _going(entry: dict[str, Any], request: Request, *, data: bool) -> _Going:
    own = Identity(id=entry["id"])
    # Where another project took its place, nothing in that folder is to be touched.
    root = Path(entry["root"]) if entry["exists"] else own.folder / "gone"
    project = remembered(own, root, entry["name"])
    made = removal.made(project, request.environ, data=False)
    size = sum(bytes_ for one in made for _, bytes_ in one.rows())
    if not entry["exists"]:
        size += size_of(own.folder) - (0 if data else size_of(own.data))
    return _Going(project=project, root=Path(entry["root"]), exists=entry["exists"], made=made, size=size)


def _leaves_something(one: _Going, *, data: bool) -> bool:
    own = one.project.identity
    only_data = own is not None and own.data.exists() and not data
    return bool(one.made) or (not one.exists and not only_data)


def prune(request: Request, *, older: int | None, data: bool, dry_run: bool) -> Answer:
    """Show what would go and how much; ask; remove it."""
    now = time.time()
    chosen = [
        _going(entry, request, data=data)
        for entry in entries(request.environ, sizes=False)
        if not entry["exists"] or (older is not None and now - entry["last_used"] > older * _DAY)
    ]
    chosen = [one for one in chosen if _leaves_something(one, data=data)]
    total = sum(one.size for one in chosen)
    for one in chosen:
        request.console.say(f"  remove {one.project.name}  {readable_size(one.size)}  {one.root}")
    if not chosen:
        request.console.say("nothing to prune")
        return Answer(result={"removed": [], "bytes": 0, "dry_run": dry_run})
    if not dry_run:
        _confirm(request, len(chosen), total)
        for one in chosen:
            _remove(request, one, data=data)
    request.console.say(f"{'would free' if dry_run else 'freed'} {readable_size(total)}")
    return Answer(result={"removed": [one.as_json() for one in chosen], "bytes": total, "dry_run": dry_run})


def _confirm(request: Request, count: int, total: int) -> None:
    if request.yes:
        return
    if not request.may_ask:
        raise UsageError(Problem(message="prune asks first, and nobody can answer here", hint="envman prune --yes"))
    if not request.console.ask(f"Remove {counted(count, 'environment')}, {readable_size(total)}?"):
        raise UsageError("nothing was removed")


def _remove(request: Request, going: _Going, *, data: bool) -> None:
    project = going.project
    with turn.taken(turn_folder(going.root), "prune", request.console):
        removal.take_away(request, project, removal.made(project, request.environ, data=False))
        if not going.exists and project.identity:
            identity.forget(project.identity, data=data)
        turn.end(turn_folder(going.root))
