"""How the running services are in this moment: whether they answer, and what memory they take."""

from __future__ import annotations

from collections.abc import Mapping

from envman.backend import Observed, State, Vitals
from envman.identity import Identity
from envman.project import Project
from envman.services import catalogue, facts, lease, memory, probe
from envman_venv.services import boxed
from envman_venv.services.observe import leases


def vitals(project: Project, observed: Observed, environ: Mapping[str, str]) -> Mapping[str, Vitals]:
    """Of each service that runs. A probe that is a command of the project is not run: to look changes nothing."""
    running = [name for name, one in observed.services.items() if one.state is State.RUNNING and not one.why]
    inside = boxed.vitals(project, running, environ)
    return {name: inside[name] if name in inside else _vitals(project, name) for name in running}


def _vitals(project: Project, name: str) -> Vitals:
    server = _server(project.identity, name)
    return Vitals(
        memory=memory.of_session(server[0]) if server else None,
        why=_silent(project, name) if name in project.spec.services else "",
    )


def _server(identity: Identity | None, name: str) -> lease.Process | None:
    file = leases(identity).get(name)
    return lease.process(lease.read(file), "server") if file else None


def _silent(project: Project, name: str) -> str:
    service, known = project.spec.services[name], facts.on_host(project)[name]
    if not known["port"]:
        return ""
    address = known["host"], int(known["port"])
    if service.health and service.health.http:
        return probe.http(address, service.health.http) or ""
    recipe = catalogue.of(project.spec, name)
    kind = recipe.native.probe if recipe and service.health is None else "tcp"
    return probe.ask(kind, address, known) or ""
