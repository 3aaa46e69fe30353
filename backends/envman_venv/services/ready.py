"""Waiting for a service: ready is what its own protocol, or the spec's probe, says is ready."""

from __future__ import annotations

import time

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content
from envman.problem import Problem
from envman.process import Stayed
from envman.services import catalogue, facts, lease, probe
from envman.spec.model import Service
from envman_venv.services.inner import entered
from envman_venv.services.places import Places

_FIRST_POLL, _LAST_POLL = 0.003, 0.1
_SETTLED = 0.3  # seconds that a process without a port or a probe has to live
_USUAL_LIMIT = 60
_LAST_LINES = 12


def wait(name: str, guardian: Stayed, where: Places, job: Job) -> None:
    """Until it is ready; raises with its last lines when it never is."""
    service = job.project.spec.services[name]
    limit = service.health.timeout if service.health else _USUAL_LIMIT
    began = time.monotonic()
    pause = _FIRST_POLL
    why: str | None = "it has not begun"
    while time.monotonic() - began < limit:
        found = lease.read(str(where.lease))
        if found.get("state") == "done" and service.may_end:
            return
        if found.get("state") in ("failed", "done") or guardian.has_ended():
            raise _not_ready(name, f"it ended with {found.get('exit', 'nothing said')}", where, guardian, job)
        if found.get("state") == "running":
            why = _not_yet(name, service, job, time.monotonic() - began)
            if why is None:
                return
        time.sleep(pause)
        pause = min(pause * 1.3, _LAST_POLL)
    raise _not_ready(name, f"after {limit} s: {why}", where, guardian, job)


def _not_yet(name: str, service: Service, job: Job, lived: float) -> str | None:
    known = facts.on_host(job.project)[name]
    address = (known["host"], int(known["port"] or 0))
    health = service.health
    if service.once:
        return "it is not done yet"
    if health and health.http:
        return probe.http(address, health.http)
    if health and health.exec:
        argv, env, cwd = entered(job, health.exec)
        done = process.capture(argv, env=env, cwd=cwd, limit=max(health.timeout - lived, 0.1))
        return None if done.code == 0 else done.last_lines(2) or f"the probe ended with {done.code}"
    recipe = catalogue.of(job.project.spec, name)
    if recipe:
        return probe.ask(recipe.native.probe, address, known)
    if service.port is not None:
        return probe.ask("tcp", address, known)
    return None if lived > _SETTLED else "it has just begun"


def _not_ready(name: str, why: str, where: Places, guardian: Stayed, job: Job) -> StepFailed:
    said = job.masker.mask(_last_lines(where, guardian)) or "it said nothing"
    return StepFailed(
        Problem(
            message=f"{name} is not ready: {why}\n{said}",
            hint=f"mend it, then: envman up\nthe service's log: {where.log}",
            key=f"services.{name}",
        )
    )


def _last_lines(where: Places, guardian: Stayed) -> str:
    # Of this start alone, and without the guardian's own: what it has to say is said above.
    data = content(where.log)
    said = data[guardian.log_begins :] if len(data) >= guardian.log_begins else data
    lines = said.decode("utf-8", "replace").splitlines()
    return "\n".join([line for line in lines if not line.startswith("--- envman,")][-_LAST_LINES:])
