"""Data of another major version becomes the data of the one that the spec asks for: made aside, compared, swapped."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

from envman.backend import Job
from envman.console import counted
from envman.errors import StepFailed
from envman.files import read_json, readable_size, write_json, write_staged
from envman.frozen import replace
from envman.problem import Problem
from envman.process import Stayed
from envman.services import contents, facts, holding, lease, probe, upgrades
from envman.services.upgrades import BeginUpgrade, DumpData, ReadData, Report, TakePlace
from envman.spec.recipe import Recipe, Upgrade
from envman_venv.services import apply, boxed, data, majors, sides
from envman_venv.services.operations import StopService
from envman_venv.services.places import Places
from envman_venv.services.tools import Held

_CONTENTS = "contents.json"
_GLOBALS = "globals.sql"
_DUMP = ".dump"
_PATIENCE = 600  # seconds in which a server has to read its files


def begin(operation: BeginUpgrade, job: Job) -> str:
    """See to it that both servers are here, and that the service does not run."""
    name = operation.name
    boxed.refuse_upgrade(name, job)
    recipe, where = sides.service(name, job)
    data.put_back(where)
    data.drop_fresh(where)
    wrote = data.written_by(where.data)
    if not wrote:
        raise StepFailed(Problem(message=f"{name} has no data yet", hint="envman up"))
    by_dump = not _way(recipe, name).opens
    asked = job.project.spec.services[name]
    now = holding.major(majors.expected(recipe, asked, job.environ))
    report = Report(title=recipe.title, wrote=wrote, now=now, by_dump=by_dump)
    upgrades.write_report(operation.folder, report)
    if not report.is_due:
        return f"its data is of version {now} already"
    new = sides.server(recipe, asked, job)
    if not by_dump and int(wrote) > int(now):
        message = f"{new.title} {now} does not open what {wrote} wrote, and there is no other way back"
        hint = f'ask for version = "{wrote}" again'
        raise StepFailed(Problem(message=message, hint=hint, key=f"services.{name}.version"))
    upgrades.write_report(operation.folder, replace(report, title=new.title))
    old = sides.server(recipe, replace(asked, version=wrote, source="auto"), job).version if by_dump else wrote
    _stop(name, where, job)
    return f"{new.title} {old} → {new.version}"


def _way(recipe: Recipe, name: str) -> Upgrade:
    if recipe.native.upgrade is None:
        message = f"envman cannot carry the data of {recipe.title} to another major version"
        raise StepFailed(Problem(message=message, key=f"services.{name}.version"))
    return recipe.native.upgrade


def _stop(name: str, where: Places, job: Job) -> None:
    known = lease.read(str(where.lease))
    processes = [lease.process(known, who) for who in ("guardian", "server")]
    if any(one is not None and lease.is_alive(one) for one in processes):
        apply.stop(StopService(name=name, wave=(name,)), job)


def dump(operation: DumpData, job: Job) -> str:
    """Take all that the old server has; where the new one opens its files, those."""
    name, report = operation.name, upgrades.read_report(operation.folder)
    if not report.by_dump:
        data.copy_fresh(sides.service(name, job)[1], report.now)
        return "a copy of its files"
    old = sides.old(name, report.wrote, job)
    with sides.serving(old):
        roles = _dump_all(sides.with_newer_tools(old, sides.new(name, job)), operation.folder)
    upgrades.write_report(operation.folder, replace(report, roles=tuple(roles)))
    files = list(operation.folder.glob(f"*{_DUMP}"))
    size = readable_size(sum(file.stat().st_size for file in files))
    return f"{counted(len(files), 'database')} dumped by {old.version}, {size}"


def _dump_all(old: Held, folder: Path) -> list[str]:
    own, dumping = old.recipe.database, contents.needed(old.recipe.native.dump)
    found = contents.of(old)
    write_json(folder / _CONTENTS, found)
    # It holds what the passwords of the roles are compared with.
    write_staged(folder / _GLOBALS, "\n".join(contents.question("globals", old, own)), mode=0o600)
    for database in found:
        holding.use(dumping, old, database, target=_file(folder, database))
    return contents.question("roles", old, own)


def _file(folder: Path, database: str) -> Path:
    return folder / f"{quote(database, safe='')}{_DUMP}"


def read(operation: ReadData, job: Job) -> str:
    """Let the new server read it aside; what it does not accept, or has otherwise, is removed."""
    new = sides.new(operation.name, job)
    report = upgrades.read_report(operation.folder)
    try:
        with sides.serving(new) as guardian:
            if report.by_dump:
                told = _read_all(new, sides.old(operation.name, report.wrote, job), operation.folder)
            else:
                told = _opened(new, guardian)
        data.carry(sides.service(operation.name, job)[1], new.where)
    except BaseException:
        data.drop_fresh(sides.service(operation.name, job)[1])
        raise
    finally:
        sides.forget(new)
    return f"{told} in {new.version}"


def _read_all(new: Held, old: Held, folder: Path) -> str:
    way = _way(new.recipe, new.name)
    reading = sides.with_newer_tools(new, old)
    holding.say((folder / _GLOBALS).read_text(encoding="utf-8"), "roles", reading)
    before = read_json(folder / _CONTENTS)
    for database in before:
        holding.use(contents.needed(way.restore), reading, database, source=_file(folder, database))
    after = contents.of(reading)
    contents.require_same(before, after)
    return f"{contents.summary(after)}, the same"


def _opened(new: Held, guardian: Stayed) -> str:
    way, name = _way(new.recipe, new.name), new.name
    end = time.monotonic() + _PATIENCE
    while way.probe and (why := _why_not(way.probe, new)):
        if guardian.has_ended() or time.monotonic() > end:
            raise StepFailed(f"{name} does not read its files: {why}")
        time.sleep(0.05)
    if way.after is not None:
        holding.use(way.after, new, new.recipe.database)
    return "its files are whole"


def _why_not(kind: str, new: Held) -> str | None:
    known = facts.on_host(new.job.project)[new.name]
    return probe.ask(kind, (known["host"], int(known["port"])), known)


def take_place(operation: TakePlace, job: Job) -> str:
    """Swap them."""
    _, where = sides.service(operation.name, job)
    kept = data.take_place(where)
    report = upgrades.read_report(operation.folder)
    name = f"{operation.name}.{kept.name.partition('.')[2]}"
    upgrades.write_report(operation.folder, replace(report, kept=name))
    return f"{report.title} {report.now}; the old data is kept as {name}"
