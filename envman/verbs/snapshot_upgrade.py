"""`envman snapshot upgrade`: the data of a service, carried to the major version that the spec asks for now."""

from __future__ import annotations

from pathlib import Path

from envman import execute, inside, ready, turn
from envman.active import Active
from envman.answer import Answer
from envman.errors import EnvmanError
from envman.execute import Executor
from envman.files import readable_size, remove_tree
from envman.identity import Identity
from envman.plan import Goal, Plan, Step
from envman.problem import Problem
from envman.provision import turn_folder
from envman.request import Request
from envman.services import snapshots, upgrades
from envman.services.upgrades import BeginUpgrade, DumpData, ReadData, Report, TakePlace


def upgrade(request: Request, found: Active, own: Identity, name: str) -> Answer:
    """Make the new data aside, and swap; until then nothing is changed."""
    with turn.taken(turn_folder(found.project.root), "snapshot", request.console):
        folder = snapshots.begin(snapshots.folder(own) / f"upgrade-{name}")
        try:
            report = _carry_over(request, found, own, name, folder)
        finally:
            remove_tree(folder)
    _tell(request, own, name, report)
    return Answer(result={"service": name, "from": report.wrote, "to": report.now, "kept": report.kept or None})


def _carry_over(request: Request, found: Active, own: Identity, name: str, folder: Path) -> Report:
    log = execute.open_log(own.folder, "snapshot", inside.masker(found.project, request.environ))
    executor = Executor(request, found.project, found.backend, log)

    def run(*steps: Step) -> Report:
        executor.run(Plan(backend=found.backend.NAME, goal=Goal.UP, steps=steps))
        return upgrades.read_report(folder)

    report = run(_step(name, "who wrote the data", BeginUpgrade(name=name, folder=folder)))
    if not report.is_due:
        return report
    # The service is stopped, and what is known of a project that is ready holds no more.
    (own.folder / ready.FILE).unlink(missing_ok=True)
    try:
        return run(
            _step(name, f"all that {report.title} {report.wrote} holds", DumpData(name=name, folder=folder)),
            _step(name, f"read by {report.title} {report.now}, aside", ReadData(name=name, folder=folder)),
            _step(name, "put it in its place", TakePlace(name=name, folder=folder)),
        )
    except EnvmanError as error:
        raise _unchanged(error, name, report.wrote) from error


def _step(name: str, title: str, operation: object) -> Step:
    return Step(name=name, title=title, reason="it was asked for", operation=operation)


def _unchanged(error: EnvmanError, name: str, wrote: str) -> EnvmanError:
    first, *rest = error.problems
    hint = f'nothing was changed: version = "{wrote}" opens the data of {name} as before'
    told = Problem(message=first.message, hint="\n".join(line for line in (hint, first.hint) if line), key=first.key)
    return type(error)([told, *rest])


def _tell(request: Request, own: Identity, name: str, report: Report) -> None:
    say = request.console.say
    if not report.is_due:
        say(f"{name}: nothing to do")
        return
    if report.roles:
        say(f"  roles that were made by hand came along, passwords and all: {', '.join(report.roles)}")
    size = next((readable_size(one.bytes) for one in upgrades.kept(own) if one.name == report.kept), "")
    say("  envman up starts it")
    say(f"  envman snapshot delete {report.kept} removes the old data, {size}")
