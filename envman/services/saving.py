"""Saving the data of a service and bringing it back: by the server's own tools, else as a copy of its files."""

# The tools are used where what they read can be put in its place at one stroke; a restore that fails half way would
# leave data that is neither the old nor the new.

from __future__ import annotations

from pathlib import Path

from envman.errors import EnvmanError, StepFailed
from envman.files import content, readable_size, write_json, write_staged
from envman.problem import Problem
from envman.services import contents, holding, provide
from envman.services.holding import Holding, major
from envman.services.recipe import filled

FOLDER = "data"  # a copy of the files; what is dumped is one file for each database
NOTE = ".envman-version"  # among the files: which major version wrote them, and that they are whole
FILLED = ".envman-provided"  # among the files: what the spec had made in them
_DUMP = ".dump"


def save(held: Holding, target: Path) -> str:
    """Into an empty folder."""
    title = f"{held.title} {held.version}"
    if held.recipe.native.dump is None or not holding.by_dump(held.recipe):
        _copy_out(held, target / FOLDER)
        return f"{title}, its files"
    holding.require_running(held)
    for database in (holding.of_project(held), *held.job.project.spec.services[held.name].databases):
        holding.use(held.recipe.native.dump, held, database, target=target / f"{database}{_DUMP}")
    size = sum(file.stat().st_size for file in target.iterdir())
    return f"{title}, dumped, {readable_size(size)}"


def _copy_out(held: Holding, target: Path) -> None:
    ran = held.runs()
    if ran:
        held.stop()  # while it writes, a copy of its files would be of no moment at all
    try:
        held.copy_out(target)
    finally:
        if ran:
            held.start()


def restore(held: Holding, source: Path) -> str:
    """From such a folder, whole or not at all."""
    title = f"{held.title} {held.version}"
    if not is_dump(source):
        _require_same_major(held, source / FOLDER)
        held.replace_by(source / FOLDER)
        return f"{title}, its files"
    holding.require_running(held)
    _read_in(held, sorted(source.glob(f"*{_DUMP}")))
    return f"{title}, from its dump"


def is_dump(source: Path) -> bool:
    """Whether such a folder holds dumps, which other versions read too."""
    return not (source / FOLDER).is_dir()


def wrote(files: Path) -> str:
    """The major version that wrote a copy of files; nothing when it is not whole."""
    filled_with = content(files / FILLED).decode().strip()
    return "" if filled_with == holding.BEGUN else content(files / NOTE).decode().strip()


def note_version(files: Path, version: str) -> None:
    """Say which version wrote a copy of files."""
    write_staged(files / NOTE, f"{major(version)}\n", mode=0o600)


def _read_in(held: Holding, files: list[Path]) -> None:
    if held.recipe.native.restore is None:
        raise StepFailed(f"{held.recipe.title} has no way to read a dump")
    named = {file.name.removesuffix(_DUMP): file for file in files}
    # Read beside the data that is there, which gives way once all is read.
    try:
        for database, file in named.items():
            _say("stage", held, database)
            holding.use(held.recipe.native.restore, held, f"{database}.restored", source=file)
        for database in named:
            _say("place", held, database)
    except BaseException:
        for database in named:
            _leave(held, database)
        raise
    provide.again(held)


def _leave(held: Holding, database: str) -> None:
    try:
        _say("leave", held, database)
    except EnvmanError as error:  # what failed before is what has to be told
        held.job.log(str(error))


def _say(kind: str, held: Holding, database: str) -> None:
    known = {"item": database, "name": holding.of_project(held)}
    holding.say(filled(held.recipe.native.statements[kind], known), f"restoring {database}", held)


def _require_same_major(held: Holding, files: Path) -> None:
    before, now = wrote(files), major(held.version)
    if before != now:
        raise StepFailed(
            Problem(
                message=f"the files of {held.name} were written by {held.recipe.title} {before}, and this is {now}",
                hint=f'ask for version = "{before}", then: envman up',
                key=f"services.{held.name}.version",
            )
        )


def look(held: Holding, target: Path) -> str:
    """Write down what the service holds, as far as it can be asked."""
    if not held.runs():
        raise StepFailed(Problem(message=f"{held.name} does not run, and cannot be asked", hint="envman up"))
    found = contents.carried(held)
    write_json(target, found)
    return f"holds {contents.summary(found)}" if found else "its files"
