"""How the running services are in this moment: whether they answer, and what memory they take."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from envman.backend import Observed, State, Vitals
from envman.project import Project
from envman.services import catalogue, facts, knock, probe
from envman_vagrant.services.look import Unit


def vitals(project: Project, observed: Observed, environ: Mapping[str, str]) -> Mapping[str, Vitals]:
    """Of each service that runs. A probe that is a command of the project is not run: to look changes nothing."""
    units: Mapping[str, Unit] = observed.detail.units
    running = [name for name, one in observed.services.items() if one.state is State.RUNNING and not one.why]
    if not running:
        return {}
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda name: _silent(project, name), running)
        return {
            name: Vitals(memory=units[name].memory if name in units else None, why=why)
            for name, why in zip(running, answers, strict=True)
        }


def _silent(project: Project, name: str) -> str:
    service, known = project.spec.services.get(name), facts.on_host(project).get(name, {})
    if service is None or not known.get("port"):
        return ""
    address = known["host"], int(known["port"])
    if service.health and service.health.http:
        return probe.http(address, service.health.http) or ""
    recipe = catalogue.of(project.spec, name)
    return knock.ask(recipe.native.probe if recipe and service.health is None else "tcp", address, known) or ""
