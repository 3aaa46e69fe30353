"""Servers that come to this level as containers: asked for, or because nothing else brings them here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envman.backend import Job, Log, Serving, State, Vitals
from envman.errors import EngineMissing, EnvmanError, StepFailed
from envman.files import write_staged
from envman.frozen import replace
from envman.identity import Identity
from envman.problem import Problem
from envman.project import Project
from envman.services import catalogue, containers, facts, holding, lease
from envman.services.containers import Containers
from envman.services.holding import Holding
from envman.services.snapshots import RestoreData
from envman.spec.recipe import Recipe
from envman_venv.services import places, servers
from envman_venv.services.servers import Boxed, Server, Wanting

SOURCE = "container"


def chosen(project: Project, name: str, environ: Mapping[str, str]) -> Server | Wanting | Boxed | None:
    """What a service of the catalogue would run as; data stays where it is while the spec does not say otherwise."""
    service, recipe = project.spec.services[name], catalogue.of(project.spec, name)
    if recipe is None:
        return Boxed(title=service.image, image=service.image) if service.image and containers.able(environ) else None
    if service.source == "auto" and project.identity is not None:
        if _mark(project.identity, name).exists() and recipe.has_container:
            return servers.boxed(recipe, service, environ) or Boxed(title=recipe.title, image=str(recipe.image))
        if places.of(project.identity, name, recipe).data.is_dir():
            return servers.find_here(recipe, service, environ)
    return servers.find(recipe, service, environ)


def is_chosen(name: str, job: Job) -> bool:
    """Whether a service would run in a container."""
    return isinstance(chosen(job.project, name, job.environ), Boxed)


def _file(own: Identity, name: str) -> Path:
    return own.folder / "services" / f"{name}.lease"


def _mark(own: Identity, name: str) -> Path:
    # With the data, which `destroy` keeps: it says that a container holds this service's.
    return own.data / ".boxed" / name


def leave(own: Identity, name: str) -> None:
    """From now on its data is that of a server of this machine."""
    _mark(own, name).unlink(missing_ok=True)


def is_boxed(own: Identity, name: str) -> bool:
    """Whether it was started in a container last."""
    return lease.read(str(_file(own, name))).get("source") == SOURCE


def names(project: Project) -> list[str]:
    """Those of the spec that were."""
    return [name for name in project.spec.services if project.identity and is_boxed(project.identity, name)]


def _theirs(environ: Mapping[str, str]) -> Containers:
    found = containers.offered()
    if found is None:
        message = "no backend here runs containers"
        raise EngineMissing(Problem(message=message, hint='source = "auto" takes a program or a wheel'))
    missing = found[1].missing(environ)
    if missing:
        raise EngineMissing(missing)
    return found[1]


def start(name: str, job: Job, made_from: str) -> str:
    """Start it, and note how it is found again."""
    own = job.project.identity
    theirs = _theirs(job.environ)
    if own is None:
        raise EngineMissing("the project has no identity")
    containers.remember_use(own)
    _file(own, name).parent.mkdir(parents=True, exist_ok=True)
    write_staged(_mark(own, name), "")
    # Begun, but not there: a kill from here on leaves a container that the next look finds.
    lease.write(str(_file(own, name)), {"state": "stopped", "source": SOURCE})
    theirs.start(name, job)
    seen = theirs.observe(job.project, [name], job.environ)[name]
    port = str(job.project.ports.get(facts.port_name(name)) or "")
    told = {
        "state": "running",
        "source": SOURCE,
        "title": seen.title,
        "version": seen.version,
        "port": port,
        "made_from": made_from,
        "enter": theirs.ENTER,
    }
    lease.write(str(_file(own, name)), told | _placed(name, theirs, job))
    return f"{seen.title} on {facts.HOST}:{port} ({SOURCE})"


def _placed(name: str, theirs: Containers, job: Job) -> dict[str, str]:
    return {f"place.{key}": value for key, value in theirs.place(name, job).items()}


def restore(operation: RestoreData, job: Job) -> str:
    """Bring its data back; that may be another container."""
    theirs = _theirs(job.environ)
    told = theirs.restore(operation.name, operation.source, job)
    if job.project.identity is not None:
        file = str(_file(job.project.identity, operation.name))
        lease.write(file, lease.read(file) | _placed(operation.name, theirs, job))
    return told


def stop(name: str, job: Job) -> None:
    """Stop it; the note stays, and says where its data is."""
    if job.project.identity is None:
        return
    file = str(_file(job.project.identity, name))
    _theirs(job.environ).stop(name, job)
    lease.write(file, {**lease.read(file), "state": "stopped"})


def held(name: str, job: Job) -> Holding:
    """It, with its data."""
    return _theirs(job.environ).held(name, job)


def observe(project: Project, environ: Mapping[str, str]) -> dict[str, Serving]:
    """Those that were started in containers: the engine's word before our note."""
    mine = names(project)
    if not mine or project.identity is None:
        return {}
    notes = {name: lease.read(str(_file(project.identity, name))) for name in mine}
    try:
        seen = _theirs(environ).observe(project, mine, environ)
    except (EnvmanError, OSError) as error:
        why = error.problems[0].message if isinstance(error, EnvmanError) else str(error)
        seen = {name: Serving(state=State.DEGRADED, why=why) for name in mine}
    return {name: _told(seen[name], notes[name]) for name in mine}


def _told(one: Serving, note: Mapping[str, str]) -> Serving:
    port = note.get("port", "")
    return replace(
        one,
        # Its volume is kept when its container is gone.
        state=State.STOPPED if one.state is State.ABSENT else one.state,
        title=note.get("title", ""),
        version=note.get("version", ""),
        source=SOURCE,
        port=int(port) if port.isdigit() else None,
        made_from=note.get("made_from", ""),
    )


def vitals(project: Project, wanted: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, Vitals]:
    """How they are."""
    mine = [name for name in wanted if name in names(project)]
    theirs = containers.able(environ) if mine else None
    return theirs.vitals(project, mine, environ) if theirs else {}


def logs(project: Project) -> Mapping[str, Log]:
    """What they say."""
    mine = names(project)
    found = containers.offered() if mine else None
    told = found[1].logs(project) if found else {}
    return {name: told[name] for name in mine if name in told}


def foreign(project: Project, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Name, who wrote its data, and who would open it."""
    mine = names(project)
    theirs = containers.able(environ) if mine else None
    for name, wrote in (theirs.wrote(project, mine, environ) if theirs else {}).items():
        recipe = catalogue.of(project.spec, name)
        if recipe is not None:
            yield name, wrote, servers.asked_version(recipe, project.spec.services[name])


def require_same_major(project: Project, name: str, recipe: Recipe, wrote: str, version: str) -> None:
    """Raises when data was written by another major version."""
    found = containers.offered() if name in names(project) else None
    if found is not None:
        found[1].require_same_major(name, recipe, wrote, version)
    holding.require_same_major(name, recipe, wrote, version)


def refuse_upgrade(name: str, job: Job) -> None:
    """Raises with what is done in its place."""
    for one, wrote, version in foreign(job.project, job.environ):
        recipe = catalogue.of(job.project.spec, one)
        if one == name and recipe is not None:
            require_same_major(job.project, name, recipe, wrote, version)
    if name in names(job.project):
        raise StepFailed(f"the data of {name} is of the version that the spec asks for already")
