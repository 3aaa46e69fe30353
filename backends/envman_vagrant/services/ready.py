"""Waiting for a service: ready is what its own protocol, or the spec's probe, says is ready."""

from __future__ import annotations

import time

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.problem import Problem
from envman.services import catalogue, facts, knock, probe
from envman.spec.model import Service
from envman_vagrant import guest, view
from envman_vagrant.services import asking, boxed, inner, layout, look
from envman_vagrant.services.look import Unit

_FIRST_POLL, _LAST_POLL = 0.02, 0.25
_SETTLED = 0.5  # seconds that a process without a port or a probe has to live
_BEGINS = 3.0  # seconds in which systemd has begun what it was told to
_USUAL_LIMIT = 90
_LAST_LINES = 12


def unit(name: str, job: Job) -> Unit:
    """Its unit in this moment."""
    done = asking.ask(guest.place(job.project), job.environ, look.shown(name))
    if done.code:
        raise guest.failed(job, done, f"{name} could not be looked at")
    return look.read(done.output.splitlines()).get(name, Unit(name=name))


def wait(name: str, job: Job) -> None:
    """Until it is ready; raises with the probe's answer and its last lines."""
    service = job.project.spec.services[name]
    limit = service.health.timeout if service.health else _USUAL_LIMIT
    began = time.monotonic()
    lives: float | None = None  # since when
    before: int | None = None  # how often systemd had started it again when it was found running
    pause, why = _FIRST_POLL, "it has not begun"
    while time.monotonic() - began < limit:
        found, now = unit(name, job), time.monotonic()
        before = found.restarts if before is None else before
        if service.may_end and found.is_done:
            return
        # One that systemd is about to start again has not lived either.
        if found.has_ended or found.restarts > before or (found.active == "inactive" and now - began > _BEGINS):
            raise _not_ready(
                name, f"it ended with {found.code}" if found.has_ended else "it ended, and began again", job
            )
        if found.runs:
            lives = now if lives is None else lives
            answer = _not_yet(name, service, job, now - lives)
            if answer is None:
                return
            why = answer
        elif found.active == "activating" and service.once:
            why = "it is not done yet"
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_POLL)
    raise _not_ready(name, f"after {limit} s: {why}", job)


def _not_yet(name: str, service: Service, job: Job, lived: float) -> str | None:
    known = facts.on_host(job.project)[name]
    address = (known["host"], int(known["port"] or 0))
    health = service.health
    if health and health.http:
        return probe.http(address, health.http)
    if health and health.exec:
        if service.image:  # it knows nothing of the project: there it runs where the server does
            argv, env, cwd = boxed.probe(name, health.exec.argv(), job)
        else:
            argv, env, cwd = inner.entered(job, health.exec)
        done = process.capture(argv, env=env, cwd=cwd, limit=max(health.timeout - lived, 0.1))
        return None if done.code == 0 else done.last_lines(2) or f"the probe ended with {done.code}"
    recipe = catalogue.of(job.project.spec, name)
    why = boxed.lives(name, view.port_of_image(service), job) if service.image else None
    if recipe is None and service.port is None:
        settled = bool(service.image) or lived > _SETTLED
        return why or (None if settled else "it has just begun")
    return why or knock.ask(recipe.native.probe if recipe else "tcp", address, known)


def _not_ready(name: str, why: str, job: Job) -> StepFailed:
    message = f"{name} is not ready: {why}\n{job.masker.mask(_last_lines(name, job)) or 'it said nothing'}"
    return StepFailed(Problem(message=message, hint="mend it, then: envman up", key=f"services.{name}"))


def _last_lines(name: str, job: Job) -> str:
    """Of this start alone: the script that it began with was made for it."""
    began = f'"@$(stat -c %Y {layout.of(name).start})"'
    words = f"--quiet --no-pager --output=cat --all --lines={_LAST_LINES} --since={began}"
    script = f"journalctl --sync 2>/dev/null\njournalctl {words} _SYSTEMD_UNIT={layout.unit(name)}\n"
    done = asking.ask(guest.place(job.project), job.environ, script)
    return done.output.rstrip() if done.code == 0 else ""
