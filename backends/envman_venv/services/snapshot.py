"""Saving the data of a service and bringing it back: by the server's own tools, else as a copy of its folder."""

# The tools are used where what they read can be put in its place at one stroke; a restore that fails half way would
# leave data that is neither the old nor the new.

from __future__ import annotations

from pathlib import Path

from envman.backend import Job
from envman.errors import EnvmanError, StepFailed
from envman.files import readable_size, remove_tree
from envman.problem import Problem
from envman.services import facts
from envman.services.recipe import filled
from envman.services.snapshots import RestoreData, SaveData
from envman_venv.services import apply, data, places, provide, tools
from envman_venv.services.operations import StartService, StopService
from envman_venv.services.tools import Held

_FOLDER = "data"  # a copy of the whole folder; what is dumped is one file for each database
_DUMP = ".dump"


def save(operation: SaveData, job: Job) -> str:
    """Into an empty folder."""
    held = tools.held(operation.name, job)
    title = f"{held.server.title} {held.server.version}"
    if held.recipe.native.dump is None or "place" not in held.recipe.native.statements:
        _copy_out(held, operation.target / _FOLDER, job)
        return f"{title}, its files"
    _require_running(held)
    own = facts.on_host(job.project)[held.name]["name"]
    for database in (own, *job.project.spec.services[held.name].databases):
        tools.use(held.recipe.native.dump, held, database, job, target=operation.target / f"{database}{_DUMP}")
    size = sum(file.stat().st_size for file in operation.target.iterdir())
    return f"{title}, dumped, {readable_size(size)}"


def restore(operation: RestoreData, job: Job) -> str:
    """From such a folder, whole or not at all."""
    held = tools.held(operation.name, job)
    title = f"{held.server.title} {held.server.version}"
    if (operation.source / _FOLDER).is_dir():
        _copy_in(held, operation.source / _FOLDER, job)
        return f"{title}, its files"
    _require_running(held)
    _read_in(held, sorted(operation.source.glob(f"*{_DUMP}")), job)
    return f"{title}, from its dump"


def _require_running(held: Held) -> None:
    if not held.runs:
        raise StepFailed(
            Problem(message=f"{held.name} does not run, and its own tools have to ask it", hint="envman up")
        )


def _read_in(held: Held, files: list[Path], job: Job) -> None:
    if held.recipe.native.restore is None:
        raise StepFailed(f"{held.recipe.title} has no way to read a dump")
    named = {file.name.removesuffix(_DUMP): file for file in files}
    # Read beside the data that is there, which gives way once all is read.
    try:
        for database, file in named.items():
            _say("stage", held, database, job)
            tools.use(held.recipe.native.restore, held, f"{database}.restored", job, source=file)
        for database in named:
            _say("place", held, database, job)
    except BaseException:
        for database in named:
            _leave(held, database, job)
        raise
    provide.again(held.name, held.where, job)


def _leave(held: Held, database: str, job: Job) -> None:
    try:
        _say("leave", held, database, job)
    except EnvmanError as error:  # what failed before is what has to be told
        job.log(str(error))


def _say(kind: str, held: Held, database: str, job: Job) -> None:
    recipe = held.recipe
    own = facts.on_host(job.project)[held.name]["name"]
    provide.say(
        filled(recipe.native.statements[kind], {"item": database, "name": own}),
        f"restoring {database}",
        held.name,
        (recipe, held.server, held.where),
        job,
    )


def _stop(held: Held, job: Job) -> None:
    apply.stop(StopService(name=held.name, wave=(held.name,)), job)


def _start(held: Held, job: Job) -> None:
    apply.start(StartService(name=held.name, wave=(held.name,)), job)


def _copy_out(held: Held, target: Path, job: Job) -> None:
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


def _copy_in(held: Held, source: Path, job: Job) -> None:
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


def _require_same_major(held: Held, source: Path) -> None:
    wrote, major = data.written_by(source), held.server.version.split(".")[0]
    if wrote != major:
        raise StepFailed(
            Problem(
                message=f"the files of {held.name} were written by {held.recipe.title} {wrote}, and this is {major}",
                hint=f'ask for version = "{wrote}", then: envman up',
                key=f"services.{held.name}.version",
            )
        )
