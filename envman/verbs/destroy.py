"""`envman destroy`: remove what envman made for a project, on every backend, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envman import backend, identity, removal, turn
from envman.answer import Answer
from envman.errors import UsageError
from envman.files import readable_size, remove_tree, size_of
from envman.frozen import replace
from envman.problem import Problem
from envman.project import Project, find_remembered
from envman.provision import turn_folder
from envman.removal import Made
from envman.request import Request
from envman.services import upgrades


def destroy(request: Request, *, data: bool) -> Answer:
    """Show what goes, with sizes; ask; remove it. Data of services stays unless `data` says otherwise."""
    project = find_remembered(request.folder, request.environ, backend.options())
    made = removal.made(project, request.environ, data=data)
    rows = [*(row for one in made for row in one.rows()), *_folders(project, made, data=data)]
    if not rows:
        request.console.say(f"{project.name}: envman has made nothing here")
        return Answer(result={"removed": []})
    for name, size in rows:
        request.console.say(f"  remove {name}  {readable_size(size)}")
    if not data and project.identity and project.identity.data.exists():
        request.console.say(f"  keep   {project.identity.data}  (--data removes it)")
        for old in upgrades.kept(project.identity):
            request.console.say(f"  keep   {old.folder}  {readable_size(old.bytes)}  (from before an upgrade)")
    _confirm(request, project)
    with turn.taken(turn_folder(project.root), "destroy", request.console):
        _remove(request, project, data=data)
        turn.end(turn_folder(project.root))
    request.console.say(f"{project.name} is gone; the project's own files are untouched")
    return Answer(result={"removed": [{"path": name, "bytes": size} for name, size in rows]})


def _confirm(request: Request, project: Project) -> None:
    if request.yes:
        return
    if not request.may_ask:
        raise UsageError(Problem(message="destroy asks first, and nobody can answer here", hint="envman destroy --yes"))
    if not request.console.ask(f"Remove these of {project.name}?"):
        raise UsageError("nothing was removed")


def _folders(project: Project, made: Sequence[Made], *, data: bool) -> list[tuple[str, int]]:
    found = []
    if project.generated.exists():
        inside = sum(size for one in made for name, size in one.rows() if project.generated in Path(name).parents)
        found.append((str(project.generated), size_of(project.generated) - inside))
    own = project.identity
    if own and own.folder.exists():
        old = [(str(one.folder), one.bytes) for one in upgrades.kept(own)] if data else []
        inside = sum(size for name, size in old if own.data in Path(name).parents)
        found.append((str(own.folder), size_of(own.folder) - (inside if data else size_of(own.data))))
        found += old
    return found


def _remove(request: Request, project: Project, *, data: bool) -> None:
    # A copied folder has no identity yet, and what was copied with it is still to be removed.
    own = project.identity or identity.claim(project.root, project.name)
    project = replace(project, identity=own)
    removal.take_away(request, project, removal.made(project, request.environ, data=data))
    identity.forget(own, data=data)
    remove_tree(project.generated)
