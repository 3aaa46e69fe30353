"""Starting and stopping services in the machine, and what else is done about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from envman.backend import Job
from envman.frozen import replace
from envman.services import catalogue, facts, provide
from envman.services.holding import major
from envman.services.recipe import filled
from envman.services.snapshots import LookAtData, RestoreData, SaveData
from envman.services.upgrades import BeginUpgrade
from envman.spec.recipe import Recipe
from envman_vagrant import connection, guest, view
from envman_vagrant.services import (
    asking,
    boxed,
    held,
    inner,
    kept,
    layout,
    look,
    majors,
    ready,
    scripts,
    servers,
    snapshot,
    units,
)
from envman_vagrant.services.look import Unit
from envman_vagrant.services.operations import KeepData, KeepVolumes, Start, Stop
from envman_vagrant.services.plan import made_from
from envman_vagrant.services.servers import Server

_OTHER_MAJOR = 3  # what the script that makes data ends with when another one wrote it
_FIRST_SPARE = 25100  # above what servers usually listen on, and below what systems give away


def start(operation: Start, job: Job) -> str:
    """Begin the whole wave, and wait for this one."""
    name = operation.name
    if name == operation.wave[0]:  # the first of the wave begins all
        connection.lead(job)  # the ports of a service that the spec has just got
        begun = [one for one in operation.wave if _begin(one, job)]
        if begun:
            guest.run(job, scripts.began(begun), f"could not start {', '.join(begun)}")
    try:
        ready.wait(name, job)
        found = noted(name, job)
        _fill(found, job)
    except BaseException:
        end([name], job)  # else systemd would start it again and again
        raise
    done = scripts.noted(layout.of(name), {"made_from": made_from(job.project, name)})
    guest.run(job, done, f"could not note that {name} is ready")
    kept.drop(name, job)
    port = job.project.ports.get(facts.port_name(name))
    at = f" on {facts.HOST}:{port}" if port else ""
    return f"{found.title}{at}" + (f" ({found.source})" if found.source != "process" else "")


def noted(name: str, job: Job) -> Unit:
    """What is noted of a service, and in its data."""
    done = asking.ask(guest.place(job.project), job.environ, look.noted(name))
    if done.code:
        raise guest.failed(job, done, f"{name} could not be looked at")
    return look.read(done.output.splitlines()).get(name, Unit(name=name))


def _fill(found: Unit, job: Job) -> None:
    """Make what the spec wants in it, where that is not made yet."""
    recipe = catalogue.of(job.project.spec, found.name)
    if recipe and recipe.keeps and found.filled != provide.wanted(job.project.spec.services[found.name]):
        provide.provide(held.held(found.name, job))


def _begin(name: str, job: Job) -> bool:
    """Make all that its unit needs; whether it has to be started."""
    recipe = catalogue.of(job.project.spec, name)
    where = layout.of(name)
    before = layout.locked(name) + scripts.unless_it_runs(name, where, made_from(job.project, name))
    service = job.project.spec.services[name]
    if recipe is not None:
        script = _of_recipe(name, recipe, job)
    else:
        script = boxed.script(name, service, job) if service.image else _of_project(name, job)
    done = guest.attempt(job, before + scripts.stopped([name]) + script)
    if recipe and done.code == _OTHER_MAJOR:
        majors.refuse(name, recipe, scripts.foreign(done.output), look.asked_version(job.project, name))
    if done.code:
        raise guest.failed(job, done, f"could not start {name}")
    return scripts.RUNS not in done.output.splitlines()


def _of_project(name: str, job: Job) -> str:
    service, where, user = job.project.spec.services[name], layout.of(name), connection.user(job)
    title = look.title(job.project, name)
    argv = service.run.argv() if service.run else ()
    return "".join(
        (
            scripts.folders(where, user),
            scripts.file(where.start, scripts.of_project(argv, inner.variables(job)), user),
            scripts.unit(where, units.text(units.of(name, service, title, user))),
            scripts.noted(where, {"title": title, "source": "process", "version": ""}),
        )
    )


def make_afresh(name: str, job: Job) -> None:
    """Give a service new data; what it had is set aside."""
    recipe = catalogue.of(job.project.spec, name)
    if recipe is not None:
        script = layout.locked(name) + scripts.stopped([name]) + _of_recipe(name, recipe, job, afresh=True)
        guest.run(job, script, f"could not make new data for {name}")


def _of_recipe(name: str, recipe: Recipe, job: Job, *, afresh: bool = False) -> str:
    service, where, native = job.project.spec.services[name], layout.of(name), recipe.native
    server = servers.ensure(recipe, service, job)
    kept.bring_back(name, job)
    known = facts_of(name, server, job) | spares(job, name)
    title = f"{server.title} {server.version}"
    unit = replace(
        units.of(name, service, title, layout.USER), stop=native.stop, patience=native.patience, umask="0077"
    )
    within: tuple[str, ...] = ()
    if server.within:
        unit = boxed.of_engine(replace(unit, user="root"))
        within = ("env", f"ENVMAN_BOX={boxed.box(name)}", f"ENVMAN_NUMBERS={where.container}", server.within)
    files = [
        scripts.file(f"{where.run}/{file}", filled(text, known), layout.USER) for file, text in native.files.items()
    ]
    return "".join(
        (
            scripts.room(int(known["port"]), native.programs),
            scripts.folders(where, layout.USER),
            *files,
            scripts.data(recipe, where, known, major(server.version), server.within, afresh=afresh)
            if recipe.keeps
            else "",
            scripts.file(where.start, scripts.of_server(recipe, where, known, within), unit.user),
            scripts.unit(where, units.text(unit)),
            scripts.noted(where, servers.facts_of(server)),
        )
    )


def facts_of(name: str, server: Server, job: Job) -> dict[str, str]:
    """What a server and its tools may ask for, seen from inside."""
    where, port = layout.of(name), view.ports_inside(job.project)[name]
    own = facts.at(job.project, {name: (facts.HOST, port)})[name]
    return {**own, **servers.known(server, where.data, where.run)}


def spares(job: Job, name: str) -> dict[str, str]:
    """Ports for what a server needs besides the one that its clients know: the same at every start."""
    taken = {port for port in view.ports_inside(job.project).values() if port}
    taken |= {port.port for port in job.project.spec.ports.values()}
    free = [port for port in range(_FIRST_SPARE, _FIRST_SPARE + 1000) if port not in taken]
    place = 2 * list(job.project.spec.services).index(name)
    return {"spare": str(free[place]), "spare2": str(free[place + 1])}


def stop(operation: Stop, job: Job) -> str:
    """End them, and leave nothing but their data."""
    names = operation.names
    script = f"{scripts.stopped(names)}{scripts.forgotten(names)}systemctl daemon-reload\n"
    guest.run(job, script, f"could not stop {', '.join(names)}")
    return f"{', '.join(names)} is stopped"


def end(names: Iterable[str], job: Job) -> None:
    """End them; they are known to be stopped."""
    guest.attempt(job, scripts.stopped(names))


HANDLERS: Mapping[type, Callable[[Any, Job], str | None]] = {
    Start: start,
    Stop: stop,
    KeepData: kept.keep,
    KeepVolumes: kept.keep_volumes,
    SaveData: snapshot.save,
    LookAtData: snapshot.look,
    RestoreData: snapshot.restore,
    BeginUpgrade: snapshot.upgrade,
}
