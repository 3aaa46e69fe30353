"""Bringing a project to what its spec says: the work that `up`, `run`, `shell` and `restart` share."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from envman import (
    active,
    execute,
    generated,
    hooks,
    identity,
    inside,
    paths,
    ports,
    ready,
    removal,
    standing,
    state,
    turn,
)
from envman import backend as engines
from envman.active import Active
from envman.answer import envelope
from envman.backend import Backend, Observed, State
from envman.console import Console
from envman.dependencies.source import Kind
from envman.errors import EnvmanError, UsageError
from envman.execute import Executor
from envman.files import digest, write_staged
from envman.frozen import frozen, replace
from envman.plan import Goal, Plan
from envman.problem import Problem
from envman.project import Project
from envman.ready import Ready
from envman.request import Request
from envman.services import passwords


@frozen
class Provisioned:
    """A project that is as its spec says, and what it took."""

    active: Active
    observed: Observed
    plan: Plan
    told: tuple[Problem, ...]
    seconds: float


def make_plan(project: Project, backend: Backend, observed: Observed, *, start: bool, goal: Goal = Goal.UP) -> Plan:
    """What `up` has to do. Pure but for the hooks' inputs, which are judged by content."""
    steps = backend.plan(project, observed, goal)
    after = hooks.steps(
        project,
        state.read(project.folder, backend.NAME),
        generation=observed.generation,
        packages=observed.packages_fingerprint,
        renewed=any(step.renews for step in steps),
        start=start,
    )
    # The setup may need the project's databases, and its processes may need the setup.
    first = [step for step in steps if not step.after_setup]
    last = [step for step in steps if step.after_setup]
    setup = [step for step in after if step.name == "setup"]
    begin = [step for step in after if step.name != "setup"]
    return Plan(backend=backend.NAME, goal=goal, steps=(*first, *setup, *last, *begin))


def turn_folder(root: Path) -> Path:
    """Where whoever works on a project folder holds its turn."""
    # By the folder's path, not by the project's id: two first ups at once must meet before either has an id.
    return Path(paths.data_folder()) / "turns" / digest([str(root)])[:24]


def claimed(project: Project) -> Project:
    """The project with its identity, made when it has none, and the passwords of its services."""
    try:
        own = identity.claim(project.root, project.name)
        passwords.ensure(own, [name for name, service in project.spec.services.items() if service.use])
    except OSError as error:
        problem = Problem(
            message=f"{project.generated} cannot be written: {error.strerror}",
            hint="envman needs to write in the project's folder and in its data folder",
        )
        raise UsageError(problem) from error
    return replace(project, identity=own, memory=identity.recall(own))


def _remembered(project: Project) -> Project:
    return replace(project, memory=identity.recall(project.identity))


def _with_ports(
    project: Project, observed: Observed, console: Console, environ: Mapping[str, str]
) -> tuple[Project, list[Problem]]:
    asked = ports.asked(project)
    if not asked and not project.ports:
        return project, []
    running = [one.port for one in observed.services.values() if one.state is State.RUNNING and one.port]
    # Two projects that choose at the same moment would choose the same: the second has to see the first's choice.
    folder = Path(paths.data_folder()) / "turns" / "ports"
    with turn.taken(folder, "choosing ports", console):
        given, told = ports.allocate(project, observed.ports, frozenset(running), lambda: engines.taken(environ))
        if project.identity and (given != project.ports or project.memory.get("asked_ports") != asked):
            identity.remember(project.identity, ports=given, asked_ports=asked)
        turn.end(folder)
    return replace(project, ports=given), told


def _settle_python(project: Project, observed: Observed) -> None:
    # Where the spec leaves a choice, the first backend's Python becomes the choice of all of them.
    if project.identity and observed.python and project.memory.get("python") != observed.python:
        identity.remember(project.identity, python=observed.python)


def provision(request: Request, command: str, *, start: bool, announce: bool, goal: Goal = Goal.UP) -> Provisioned:
    """Do what is missing, step by step. Raises with nothing lost; the next call resumes."""
    started = time.perf_counter()
    found = active.find(request)
    with turn.taken(turn_folder(found.project.root), command, request.console) as waited:
        # Whoever had the turn before may have changed everything.
        found = replace(found, project=claimed(active.read(request) if waited else found.project))
        if found.project.memory.get("moving") and found.project.identity is not None:
            from envman import moving  # which nobody needs otherwise

            moving.recover(request, found, found.project.identity)
            found = replace(found, project=_remembered(found.project))
        _note_use(found)
        try:
            done = bring_up(request, found, start=start, announce=announce, goal=goal)
        except EnvmanError:
            # What was passed over, and what this one cannot do, may well be why.
            for problem in (*found.passed_over, *found.unsupported):
                request.console.warn(problem)
            raise
        return replace(done, seconds=time.perf_counter() - started)


def _note_use(found: Active) -> None:
    if found.project.memory.get("ancestors"):  # of a project that was moved once
        from envman import moving

        moving.note_use(found.project, found.backend.NAME)


def bring_up(request: Request, found: Active, *, start: bool, announce: bool, goal: Goal = Goal.UP) -> Provisioned:
    """The same, for whoever has the project's turn."""
    project, backend = found.project, found.backend
    _require_lock(request, project)
    folder = project.folder or Path(paths.data_folder())
    observed = backend.observe(project, request.environ)
    project, told = _with_ports(project, observed, request.console, request.environ)
    inside.resolve(project, backend.viewpoint(project), request.environ)
    plan = make_plan(project, backend, observed, start=start, goal=goal)
    found = replace(found, project=project)
    if plan.steps:
        removal.remember_use(project, backend.NAME)
        (folder / ready.FILE).unlink(missing_ok=True)
        if project.spec_file is not None:
            generated.renew_schema(project.root, project.spec_file)
        if announce:
            _announce(request, found, plan, observed.target_python)
        log = execute.open_log(folder, "up", inside.masker(project, request.environ))
        Executor(request, project, backend, log).run(plan)
        if project.source.kind is Kind.UV_LOCK:  # it may have been brought up to date on the way
            project = replace(active.read(request), ports=project.ports)
        project = _remembered(project)
        found = replace(found, project=project)
        observed = backend.observe(project, request.environ)
        _settle_python(project, observed)
    if active.is_usual(request) and not identity.recall(project.identity).get("moving"):
        write_ready(found, observed)
    told += [*found.passed_over, *found.unsupported, *_not_read(project)]
    return Provisioned(active=found, observed=observed, plan=plan, told=tuple(told), seconds=0.0)


def _not_read(project: Project) -> list[Problem]:
    return [
        Problem(message=f"not read: {name}", hint=f"{project.source.label} decides here")
        for name in project.source.not_read
    ]


def _require_lock(request: Request, project: Project) -> None:
    source = project.source
    if not request.locked or (source.is_locked and not source.packages):
        return
    if source.is_locked and source.packages:
        message = f"python.packages is beyond {source.label}, and --locked forbids to resolve"
        raise UsageError(Problem(message=message, hint="envman lock", key="python.packages"))
    if source.stale:
        message = f"{source.stale.name} is older than {source.label}, and --locked forbids to resolve"
        raise UsageError(Problem(message=message, hint="envman lock"))
    if source.files or source.packages:
        raise UsageError(
            Problem(message=f"no lock covers {source.label}, and --locked asks for one", hint="envman lock")
        )


def _announce(request: Request, found: Active, plan: Plan, version: str) -> None:
    console, project = request.console, found.project
    console.say(
        f"{console.style(project.name, 'bold')} · {found.backend.NAME}" + (f" · Python {version}" if version else "")
    )
    if project.spec_file is None:
        for line in project.source.understood():
            console.say(f"  {console.style(line, 'dim')}")
    for step in plan.steps:
        console.detail(f"  {step.name}: {step.title} ({step.reason})")


def write_ready(found: Active, observed: Observed) -> None:
    """Leave what the hot path reads. Written last: whoever finds it whole finds the project whole."""
    project, backend = found.project, found.backend
    if project.folder is None:
        return
    file = Ready()
    file.root, file.name, file.backend, file.enter = str(project.root), project.name, backend.NAME, backend.ENTER
    file.identity = project.identity.id if project.identity else ""
    file.summary = f"{project.name} · {backend.NAME} · Python {observed.python}"
    file.facts = {
        "spec": str(project.spec_file or ""),
        "start": "1" if project.spec.hooks.start else "",
        "stops": "1" if observed.stops else "",
    }
    if not observed.services:  # those have to be looked at every time
        file.facts |= {
            "status": standing.text(found, observed, Console(color=False)),
            "status --json": envelope("status", ok=True, result=standing.describe(found, observed), problems=()),
        }
    file.place = dict(backend.place(project, observed))
    # Two inputs of one path keep the first; the files of hooks may be inputs of the packages as well.
    watched = [*map(str, project.inputs), *backend.watched(project, observed), *map(str, hooks.watched(project))]
    watched.append(str(import_module(backend.ENTER).__file__))  # another version of it may want another place
    file.inputs = [ready.stamp(path) for path in dict.fromkeys(watched)]
    file.env_files = inside.env_files(project)
    file.variables = inside.declared(project, backend.viewpoint(project))
    file.depends = [(name, os.environ.get(name, "")) for name in backend.DEPENDS]
    file.tasks = {name: ["sh" if task.is_line else "", *task.words] for name, task in project.spec.tasks.items()}
    write_staged(project.folder / ready.FILE, file.dump(), mode=0o600)


def suggestions(project: Project) -> Sequence[str]:
    """What to type next."""
    first_task = next(iter(project.spec.tasks), None)
    run = f"envman run {first_task}" if first_task else "envman run CMD"
    return ["envman shell", run]
