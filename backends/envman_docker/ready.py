"""Waiting until a container does what it is there for, and asking it things."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from envman import inside, process
from envman.backend import Job
from envman.errors import StepFailed
from envman.problem import Problem
from envman.services import catalogue, facts, knock, probe
from envman.spec.model import Service
from envman_docker import engine, enter, naming, view
from envman_docker.asking import Asking

_FIRST_POLL, _LAST_POLL = 0.01, 0.25
_SETTLED = 0.5  # seconds that a process without a port or a probe has to live
_PROVEN = 3.0  # the same, of one that has ended already
_USUAL_LIMIT = 90
_TRIES = 5  # ends, after which a process is taken for one that cannot run
_LAST_LINES = 12
_PATIENCE = 10  # seconds between the signals of a stop


def box(name: str, job: Job) -> str:
    """The id of the container of a service."""
    told = _inspect(name, job)
    return str(told["Id"])


def _inspect(name: str, job: Job) -> Mapping[str, Any]:
    asked = Asking(job.environ)
    found = asked.containers(label=naming.of_service(job.project, name))
    if not found:
        raise StepFailed(Problem(message=f"the container {name} is gone", hint="envman up"))
    return asked.container(found[0]["Id"])


def title(name: str, job: Job) -> str:
    """What a service is called in its row."""
    service, recipe = job.project.spec.services[name], catalogue.of(job.project.spec, name)
    if recipe is None:
        return " ".join(str(service.run or service.image).split())
    return f"{view.title(recipe, service.version or recipe.versions[0])} (container)"


def wait(name: str, job: Job) -> None:
    """Until it is ready; raises with the probe's answer and the container's last lines."""
    service = job.project.spec.services.get(name)
    limit = service.health.timeout if service and service.health else _USUAL_LIMIT
    began = seen = time.monotonic()
    run = ""  # which start of it is looked at: one that crashes and begins again has not lived
    pause, why = _FIRST_POLL, "it has not begun"
    while time.monotonic() - began < limit:
        told = _inspect(name, job)
        state = told["State"]
        if state["StartedAt"] != run:
            run, seen = state["StartedAt"], time.monotonic()
        if service is not None and service.may_end and state["Status"] == "exited" and state["ExitCode"] == 0:
            return
        if state["Status"] == "exited" or (state["Status"] == "restarting" and told["RestartCount"] >= _TRIES):
            raise _not_ready(name, f"it ended with {state['ExitCode']}", told, job)
        if state["Status"] == "running":
            answer = _not_yet(name, service, told, job, time.monotonic() - seen)
            if answer is None:
                return
            why = answer
        time.sleep(pause)
        pause = min(pause * 1.3, _LAST_POLL)
    raise _not_ready(name, f"after {limit} s: {why}", _inspect(name, job), job)


def _not_yet(name: str, service: Service | None, told: Mapping[str, Any], job: Job, lived: float) -> str | None:
    if service is None or service.once:
        return "it is not done yet" if service else None
    health, known = service.health, facts.on_host(job.project)[name]
    address = (known["host"], int(known["port"] or 0))
    if health and health.http:
        return probe.http(address, health.http)
    if health and health.exec:
        # Other images know nothing of the project's folder: there it runs where the server does.
        done = execute(
            job, str(told["Id"]), health.exec.argv(), inside_folder=naming.ROOT if service.run is not None else ""
        )
        return None if done.code == 0 else done.last_lines(2) or f"the probe ended with {done.code}"
    recipe = catalogue.of(job.project.spec, name)
    if recipe is None and service.port is None:
        return None if lived > (_PROVEN if told["RestartCount"] else _SETTLED) else "it has just begun"
    return knock.ask(recipe.native.probe if recipe else "tcp", address, known)


def _not_ready(name: str, why: str, told: Mapping[str, Any], job: Job) -> StepFailed:
    with engine.sdk(job.environ) as client:
        said = client.logs(told["Id"], tail=_LAST_LINES).decode("utf-8", "replace").rstrip()
    Asking(job.environ).stop(told["Id"], _PATIENCE)  # else the engine would start it again and again
    message = f"{name} is not ready: {why}\n{job.masker.mask(said) or 'it said nothing'}"
    return StepFailed(Problem(message=message, hint="mend it, then: envman up", key=f"services.{name}"))


def execute(
    job: Job,
    container: str,
    argv: Sequence[str],
    variables: Mapping[str, str] | None = None,
    inside_folder: str = naming.ROOT,
) -> process.Completed:
    """Run a command in a container of the stack, with the project's variables unless told others."""
    project = job.project
    place = {
        "engine": engine.find(job.environ).address,
        "project": naming.identity(project),
        "containers": container,
        "container": container,
        "user": "",
        "root": str(project.root),
        "inside": inside_folder,
        "pass": "\n".join(project.spec.env.passed) if variables is None else "",
    }
    values = variables if variables is not None else inside.resolve(project, view.viewpoint(project), job.environ)
    words, env, cwd = enter.enter(place, values, job.environ, argv, str(project.root))
    return process.stream(words, env=env, cwd=cwd, on_line=job.log)
