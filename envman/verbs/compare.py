"""`envman compare`: the backends side by side, for this project on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envman import active
from envman.answer import Answer
from envman.backend import Backend
from envman.comparing import advice as advising
from envman.comparing import facts, text
from envman.comparing.advice import Advice
from envman.comparing.figures import Comparison
from envman.errors import EngineMissing, EnvmanError, UsageError
from envman.files import write_staged
from envman.frozen import frozen, replace
from envman.problem import Problem
from envman.project import Project
from envman.request import Request
from envman.spec.shape import suggestion

_USUAL_TASK = "test"
_USUAL_ROUNDS = 3


@frozen
class Wanted:
    """What is asked for besides the backends."""

    measure: bool = False
    rounds: int | None = None
    task: str | None = None
    html: Path | None = None


def compare(request: Request, names: Sequence[str], wanted: Wanted) -> Answer:
    """Ask every backend, measure where it was asked for, and say which one to take."""
    project = active.read(request)
    backends = facts.chosen(names)
    _check(project, wanted)
    levels = tuple(
        facts.level(one, project, request.environ, versions=wanted.measure or wanted.html is not None)
        for one in backends
    )
    known = Comparison(
        project=project.name,
        root=str(project.root),
        at=_at(request),
        date=time.strftime("%Y-%m-%d %H:%M"),
        machine=facts.machine(),
        levels=levels,
    )
    told: list[Problem] = []
    if wanted.measure:
        known, told = _measured(request, project, backends, known, wanted)
    advised = advising.advise(known)
    if wanted.html is not None:
        _write(request, wanted.html, known, advised)
    return Answer(
        result=document(known, advised),
        text="\n".join(text.lines(known, advised, request.console)),
        problems=tuple(told),
    )


def _check(project: Project, wanted: Wanted) -> None:
    """Before any work: what could only fail after it."""
    for name, value in (("--task", wanted.task), ("--rounds", wanted.rounds)):
        if value is not None and not wanted.measure:
            raise UsageError(Problem(message=f"{name} is about what is measured", hint="add --measure"))
    if wanted.task is not None and wanted.task not in project.spec.tasks:
        hint = suggestion(wanted.task, project.spec.tasks) or "tasks are written in [tasks] of the spec"
        raise UsageError(Problem(message=f'there is no task "{wanted.task}"', hint=hint, key="tasks"))
    if wanted.html is not None and (wanted.html.is_dir() or not wanted.html.parent.is_dir()):
        raise UsageError(Problem(message=f"{wanted.html} cannot be written", hint="--html takes a file"))


def _at(request: Request) -> str:
    try:
        return active.find(request).backend.NAME
    except EnvmanError:
        return ""


def _measured(
    request: Request, project: Project, backends: Sequence[Backend], known: Comparison, wanted: Wanted
) -> tuple[Comparison, list[Problem]]:
    from envman.comparing import measure

    able = [one for one in backends if known.level(one.NAME).is_here]
    if not able:
        raise EngineMissing([problem for one in known.levels for problem in one.missing])
    rounds = wanted.rounds or _USUAL_ROUNDS
    task = wanted.task or (_USUAL_TASK if _USUAL_TASK in project.spec.tasks else None)
    request.console.say(measure.summary(able, rounds))
    found, told = measure.measure(request, project, able, rounds=rounds, task=task)
    return replace(known, measured=found, rounds=rounds, task=task), told


def _write(request: Request, file: Path, known: Comparison, advised: Advice) -> None:
    from envman.comparing import page

    write_staged(file, page.render(known, advised))
    request.console.say(f"wrote {file}")


def document(known: Comparison, advised: Advice) -> dict[str, Any]:
    """The result of --json: all that the table and the page show, with every sample."""
    return {
        "project": {"name": known.project, "root": known.root, "backend": known.at or None},
        "date": known.date,
        "machine": known.machine.as_json(),
        "backends": {
            one.name: {
                **one.as_json(),
                "measured": known.measured[one.name].as_json() if one.name in known.measured else None,
            }
            for one in known.levels
        },
        "rounds": known.rounds or None,
        "task": known.task,
        "packages_identical": known.same_packages() if known.measured else None,
        "recommendation": advised.as_json(),
    }
