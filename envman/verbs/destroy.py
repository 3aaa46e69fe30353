"""`envman destroy`: remove what envman made for a project, on every backend, and nothing else."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from envman import active, backend, execute, identity, inside, state, turn
from envman.answer import Answer
from envman.backend import as_backend
from envman.errors import UsageError
from envman.execute import Executor
from envman.files import readable_size, remove_tree, size_of
from envman.plan import Goal, Plan
from envman.problem import Problem
from envman.project import Project
from envman.provision import turn_folder
from envman.request import Request

KEPT = "data"


def destroy(request: Request, *, data: bool) -> Answer:
    """Show what goes, with sizes; ask; remove it. Data of services stays unless `data` says otherwise."""
    project = active.read(request)
    going = _going(project, request, data=data)
    if not going:
        request.console.say(f"{project.name}: envman has made nothing here")
        return Answer(result={"removed": []})
    removed = [{"path": str(path), "bytes": size} for path, size in going]
    for path, size in going:
        request.console.say(f"  remove {path}  {readable_size(size)}")
    if not data and project.folder and (project.folder / KEPT).exists():
        request.console.say(f"  keep   {project.folder / KEPT}  (--data removes it)")
    _confirm(request, project)
    with turn.taken(turn_folder(project.root), "destroy", request.console):
        _remove(request, project, data=data)
    request.console.say(f"{project.name} is gone; the project's own files are untouched")
    return Answer(result={"removed": removed})


def _confirm(request: Request, project: Project) -> None:
    if request.yes:
        return
    if not request.may_ask:
        raise UsageError(Problem(message="destroy asks first, and nobody can answer here", hint="envman destroy --yes"))
    if not request.console.ask(f"Remove these of {project.name}?"):
        raise UsageError("nothing was removed")


def _going(project: Project, request: Request, *, data: bool) -> list[tuple[Path, int]]:
    going: list[tuple[Path, int]] = []
    for module in backend.registered().values():
        one = as_backend(import_module(module))
        observed = one.observe(project, request.environ)
        for step in one.plan(project, observed, Goal.DESTROY):
            going += [(Path(path), size_of(Path(path))) for path in step.changes]
    if project.generated.exists():
        going.append((project.generated, size_of(project.generated)))
    if project.folder and project.folder.exists():
        kept = 0 if data else size_of(project.folder / KEPT)
        going.append((project.folder, size_of(project.folder) - kept))
    return going


def _remove(request: Request, project: Project, *, data: bool) -> None:
    masker = inside.masker(project, request.environ)
    for module in backend.registered().values():
        one = as_backend(import_module(module))
        observed = one.observe(project, request.environ)
        made = Plan(backend=one.NAME, goal=Goal.DESTROY, steps=one.plan(project, observed, Goal.DESTROY))
        if project.folder is not None:
            log = execute.open_log(project.folder, "destroy", masker)
            Executor(request, project, one, log).run(made)
            state.forget(project.folder, one.NAME)
    if project.identity is not None and project.folder is not None:
        keeps = not data and (project.folder / KEPT).exists()
        if not keeps:
            identity.forget(project.identity)
        for entry in list(project.folder.iterdir()):
            if data or entry.name not in (KEPT, *([identity.RECORD] if keeps else [])):
                remove_tree(entry)
        if not keeps:
            project.folder.rmdir()
    remove_tree(project.generated)
