"""How the running containers are in this moment."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from envman.backend import Observed, State, Vitals
from envman.project import Project
from envman.services import catalogue, facts, knock, probe
from envman_docker.asking import Asking
from envman_docker.observe import Findings


def vitals(project: Project, observed: Observed, environ: Mapping[str, str]) -> Mapping[str, Vitals]:
    """Of each service that runs; the engine takes its time for a figure, so all are asked at once."""
    findings: Findings = observed.detail
    running = [name for name, one in observed.services.items() if one.state is State.RUNNING and not one.why]
    if not running:
        return {}
    asked = Asking(environ)
    with ThreadPoolExecutor(max_workers=8) as pool:
        sizes = pool.map(lambda name: _memory(asked, findings.boxes[name].id), running)
        return {
            name: Vitals(memory=size, why=_silent(project, name)) for name, size in zip(running, sizes, strict=True)
        }


def _memory(asked: Asking, box: str) -> int | None:
    told = asked.stats(box).get("memory_stats") or {}
    used = told.get("usage")
    if used is None:
        return None
    within = told.get("stats") or {}
    return int(used) - int(within.get("inactive_file", within.get("total_inactive_file", 0)))


def _silent(project: Project, name: str) -> str:
    service, known = project.spec.services[name], facts.on_host(project)[name]
    if not known["port"]:
        return ""
    address = known["host"], int(known["port"])
    if service.health and service.health.http:
        return probe.http(address, service.health.http) or ""
    recipe = catalogue.of(project.spec, name)
    return knock.ask(recipe.native.probe if recipe and service.health is None else "tcp", address, known) or ""
