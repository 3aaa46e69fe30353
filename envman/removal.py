"""What was made for a project, on every backend, and taking it away: the registry decides, not the project's spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from importlib import import_module

from envman import backend, execute, identity, inside, ready, state
from envman.backend import Backend, as_backend
from envman.errors import EngineMissing
from envman.execute import Executor
from envman.frozen import frozen
from envman.plan import Goal, Plan
from envman.problem import Problem
from envman.project import Project
from envman.request import Request

_KEEPING = "keeping"  # under which it is remembered whose data a destroy has left


@frozen
class Made:
    """What one backend has made for a project: its steps to take it away, and the bytes of each thing."""

    backend: Backend
    plan: Plan
    sizes: Mapping[str, int]

    def rows(self) -> list[tuple[str, int]]:
        """Every thing that would go, with its size."""
        return [(name, self.sizes.get(name, 0)) for step in self.plan.steps for name in step.changes]


def _able(project: Project, environ: Mapping[str, str]) -> list[Backend]:
    used = _used(project)
    able: list[Backend] = []
    for name, module in backend.registered().items():
        one = as_backend(import_module(module))
        missing = one.missing(environ)
        if not missing:
            able.append(one)
        elif name in used:
            why = Problem(message=f"{project.name} was up on {name}, which cannot be asked now what is left there")
            raise EngineMissing((why, *missing))
    return able


def made(project: Project, environ: Mapping[str, str], *, data: bool) -> list[Made]:
    """What there is, with sizes; raises when a backend that was in use cannot be asked."""
    found = []
    for one in _able(project, environ):
        observed = one.observe(project, environ)
        goal = Goal.PURGE if data else Goal.DESTROY
        steps = one.plan(project, observed, goal)
        if steps:
            plan = Plan(backend=one.NAME, goal=goal, steps=steps)
            found.append(Made(backend=one, plan=plan, sizes=one.usage(project, environ).disk))
    return found


def take_away(request: Request, project: Project, going: Sequence[Made]) -> None:
    """Carry out what `made` has found."""
    own = project.identity
    if own is None:
        return
    (own.folder / ready.FILE).unlink(missing_ok=True)
    log = execute.open_log(own.folder, "destroy", inside.masker(project, request.environ))
    for one in going:
        Executor(request, project, one.backend, log).run(one.plan)
        state.forget(own.folder, one.backend.NAME)
    identity.remember(own, backends=[], **{_KEEPING: sorted({*keeping(project), *_used(project)})})


def keeping(project: Project) -> Set[str]:
    """The backends of which a destroy has left the data."""
    known = project.memory.get(_KEEPING)
    return {str(name) for name in known} if isinstance(known, list) else set()


def _used(project: Project) -> Sequence[str]:
    used = project.memory.get("backends")
    return used if isinstance(used, list) else []


def remember_use(project: Project, name: str) -> None:
    """Note that a backend is about to make something, so that nothing of it is ever forgotten."""
    names = _used(project)
    if project.identity and name not in names:
        identity.remember(project.identity, backends=[*names, name])


def size(project: Project, environ: Mapping[str, str]) -> tuple[int, bool]:
    """The bytes that the backends in use hold for a project, and whether that stays true while no file changes."""
    modules = backend.registered()
    total, lasts = 0, True
    for name in _used(project):
        one = as_backend(import_module(modules[name])) if name in modules else None
        if one is None or one.missing(environ):
            lasts = False
            continue
        total += sum(one.usage(project, environ).disk.values())
        lasts = lasts and not one.GROWS
    return total, lasts
