"""Saving the data of a service and bringing it back: by the server's own tools, else as a copy of its folder."""

# The tools are used where what they read can be put in its place at one stroke; a restore that fails half way would
# leave data that is neither the old nor the new.

from __future__ import annotations

import os
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.errors import EnvmanError, StepFailed
from envman.files import readable_size, remove_tree
from envman.frozen import frozen
from envman.problem import Problem
from envman.services import catalogue, facts, lease
from envman.services.recipe import Recipe, Step, filled
from envman.services.snapshots import RestoreData, SaveData
from envman_venv.services import apply, data, places, provide, servers
from envman_venv.services.operations import StartService, StopService
from envman_venv.services.places import Places
from envman_venv.services.servers import Server

_FOLDER = "data"  # a copy of the whole folder; what is dumped is one file for each database
_DUMP = ".dump"


@frozen
class _Held:
    """A service whose data is to be saved, or replaced."""

    name: str
    recipe: Recipe
    server: Server
    where: Places

    @property
    def runs(self) -> bool:
        return lease.holds(lease.read(str(self.where.lease)))


def _held(name: str, job: Job) -> _Held:
    service = job.project.spec.services[name]
    recipe = catalogue.find(str(service.use))
    server = servers.find(recipe, service, job.environ)
    if job.project.identity is None or not isinstance(server, Server):
        raise StepFailed(Problem(message=f"the server of {name} is not on this machine", hint="envman up"))
    return _Held(name=name, recipe=recipe, server=server, where=places.of(job.project.identity, name, recipe))


def save(operation: SaveData, job: Job) -> str:
    """Into an empty folder."""
    held = _held(operation.name, job)
    title = f"{held.server.title} {held.server.version}"
    if held.recipe.dump is None or "place" not in held.recipe.statements:
        _copy_out(held, operation.target / _FOLDER, job)
        return f"{title}, its files"
    _require_running(held)
    own = facts.on_host(job.project)[held.name]["name"]
    for database in (own, *job.project.spec.services[held.name].databases):
        _use(held.recipe.dump, held, database, job, target=operation.target / f"{database}{_DUMP}")
    size = sum(file.stat().st_size for file in operation.target.iterdir())
    return f"{title}, dumped, {readable_size(size)}"


def restore(operation: RestoreData, job: Job) -> str:
    """From such a folder, whole or not at all."""
    held = _held(operation.name, job)
    title = f"{held.server.title} {held.server.version}"
    if (operation.source / _FOLDER).is_dir():
        _copy_in(held, operation.source / _FOLDER, job)
        return f"{title}, its files"
    _require_running(held)
    _read_in(held, sorted(operation.source.glob(f"*{_DUMP}")), job)
    return f"{title}, from its dump"


def _require_running(held: _Held) -> None:
    if not held.runs:
        raise StepFailed(
            Problem(message=f"{held.name} does not run, and its own tools have to ask it", hint="envman up")
        )


def _read_in(held: _Held, files: list[Path], job: Job) -> None:
    if held.recipe.restore is None:
        raise StepFailed(f"{held.recipe.title} has no way to read a dump")
    named = {file.name.removesuffix(_DUMP): file for file in files}
    # Read beside the data that is there, which gives way once all is read.
    try:
        for database, file in named.items():
            _say("stage", held, database, job)
            _use(held.recipe.restore, held, f"{database}.restored", job, source=file)
        for database in named:
            _say("place", held, database, job)
    except BaseException:
        for database in named:
            _leave(held, database, job)
        raise
    provide.again(held.name, held.where, job)


def _leave(held: _Held, database: str, job: Job) -> None:
    try:
        _say("leave", held, database, job)
    except EnvmanError as error:  # what failed before is what has to be told
        job.log(str(error))


def _known(held: _Held, database: str, job: Job) -> dict[str, str]:
    own = facts.on_host(job.project)[held.name]
    return {**own, **data.known(held.server, held.where), "name": database, "database": own["name"]}


def _use(
    tool: Step, held: _Held, database: str, job: Job, *, source: Path | None = None, target: Path | None = None
) -> None:
    known = _known(held, database, job)
    argv = [filled(word, known) for word in tool.argv]
    env = data.variables(held.where) | {key: filled(value, known) for key, value in held.recipe.client_env.items()}
    job.log(f"$ {os.path.basename(argv[0])} {database}")
    try:
        done = process.piped(argv, env=env, cwd=str(held.where.run), source=source, target=target)
    except FileNotFoundError:
        raise StepFailed(f"{argv[0]} is not on this machine, and {held.name} needs it for this") from None
    if done.code:
        said = job.masker.mask(done.last_lines(6))
        raise StepFailed(Problem(message=f"{held.name}: {os.path.basename(argv[0])} ended with {done.code}\n{said}"))


def _say(kind: str, held: _Held, database: str, job: Job) -> None:
    recipe = held.recipe
    own = facts.on_host(job.project)[held.name]["name"]
    provide.say(
        filled(recipe.statements[kind], {"item": database, "name": own}),
        f"restoring {database}",
        held.name,
        (recipe, held.server, held.where),
        job,
    )


def _stop(held: _Held, job: Job) -> None:
    apply.stop(StopService(name=held.name, wave=(held.name,)), job)


def _start(held: _Held, job: Job) -> None:
    apply.start(StartService(name=held.name, wave=(held.name,)), job)


def _copy_out(held: _Held, target: Path, job: Job) -> None:
    if not held.where.data.is_dir():
        raise StepFailed(Problem(message=f"{held.name} has no data yet", hint="envman up"))
    ran = held.runs
    if ran:
        _stop(held, job)  # while it writes, a copy of its files would be of no moment at all
    try:
        data.copy(held.where.data, target)
    finally:
        if ran:
            _start(held, job)


def _copy_in(held: _Held, source: Path, job: Job) -> None:
    _require_same_major(held, source)
    if job.project.identity is None:
        return
    places.make(held.where)
    places.make_room(held.where, job.project.identity, held.name)
    own, aside = held.where.data, data.aside(held.where)
    fresh = own.with_name(f"{own.name}.restored")
    remove_tree(fresh)
    data.put_back(held.where)
    data.copy(source, fresh)
    ran = held.runs
    _stop(held, job)
    remove_tree(aside)  # a kill may have left it, with other data in its place
    if own.exists():
        own.rename(aside)
    fresh.rename(own)
    try:
        if ran:
            _start(held, job)
    except BaseException:
        _stop(held, job)
        if aside.exists():
            remove_tree(own)
            data.put_back(held.where)
            _start(held, job)
        raise
    remove_tree(aside)


def _require_same_major(held: _Held, source: Path) -> None:
    wrote, major = data.written_by(source), held.server.version.split(".")[0]
    if wrote != major:
        raise StepFailed(
            Problem(
                message=f"the files of {held.name} were written by {held.recipe.title} {wrote}, and this is {major}",
                hint=f'ask for version = "{wrote}", then: envman up',
                key=f"services.{held.name}.version",
            )
        )
