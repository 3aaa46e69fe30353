"""`envman switch`: move the project to another backend, with its data."""

from __future__ import annotations

from collections.abc import Mapping

from envman import active, backend, identity, moving, turn
from envman.active import Active
from envman.answer import Answer
from envman.backend import Backend
from envman.console import Console
from envman.errors import EngineMissing, EnvmanError, UsageError
from envman.frozen import replace
from envman.moving import Move
from envman.plan import Goal
from envman.problem import Problem
from envman.provision import Provisioned, bring_up, claimed, suggestions, turn_folder, write_ready
from envman.request import Request


def switch(request: Request, name: str, *, data: bool) -> Answer:
    """Make and fill the new one beside the old, then change over; stay where we are if anything fails."""
    if request.backend or request.environ.get("ENVMAN_BACKEND"):
        message = "switch decides what --backend and ENVMAN_BACKEND would decide"
        raise UsageError(Problem(message=message, hint=f"envman switch {name}, without them"))
    target = backend.load(name)
    found = active.find(request)
    with turn.taken(turn_folder(found.project.root), "switch", request.console) as waited:
        if waited:
            found = active.find(request)  # whoever had the turn before may have moved it
        found = replace(found, project=claimed(active.read(request)))
        own = found.project.identity
        if own is not None:
            moving.recover(request, found, own)
            found = replace(found, project=replace(found.project, memory=identity.recall(own)))
        if own is None or name == found.backend.NAME:
            return _already(request, found, name)
        _require(target, request)
        move = moving.prepare(request, found, own, target, data=data)
        moving.require_able(move)
        _show(request.console, move)
        _confirm(request, move)
        done, told = _move(request, found, move)
    for problem in done.told:
        request.console.warn(problem)
    request.console.say(f"{found.project.name} is at {name} now.   {'  ·  '.join(suggestions(done.active.project))}")
    result = {
        "from": found.backend.NAME,
        "to": name,
        "data": dict(told),
        "steps": [step.as_json() for step in done.plan.steps],
    }
    return Answer(result=result, problems=done.told)


def _already(request: Request, found: Active, name: str) -> Answer:
    if found.project.identity is not None:
        identity.remember(found.project.identity, backend=name)
    request.console.say(f"{found.project.name} is at {name} already; envman up brings it up")
    return Answer(result={"from": name, "to": name, "data": {}, "steps": []})


def _require(target: Backend, request: Request) -> None:
    missing = target.missing(request.environ)
    if missing:
        raise EngineMissing(list(missing))


def _show(console: Console, move: Move) -> None:
    old, new = move.old.backend.NAME, move.new.backend.NAME
    going = f"data of {', '.join(move.carried)} goes along" if move.carried else "no data goes along"
    console.say(f"{console.style(f'{old} {console.marks[3]} {new}', 'bold')}: {going}")
    for side, goal, what in ((move.new, Goal.UP, "makes"), (move.old, Goal.DOWN, "ends")):
        steps = [step for step in side.steps(goal) if step.name not in move.shared]
        names = ", ".join(dict.fromkeys(step.name for step in steps))
        console.say(f"  {side.backend.NAME} {what}: {names or 'nothing'}")
        for step in steps:
            console.detail(f"    {step.name}: {step.title} ({step.reason})")
    for name in move.stays:
        console.say(f"  the data of {name} stays at {old}")
    for name in move.shared:
        console.say(f"  {name} is the same container for both")


def _confirm(request: Request, move: Move) -> None:
    if not move.carried or not moving.has_own_data(move) or request.yes:
        return
    name = move.new.backend.NAME
    lost = f"what {name} has of {', '.join(move.carried)} from before is replaced"
    if not request.may_ask:
        raise UsageError(Problem(message=f"{lost}, and nobody can answer here", hint="--yes, or --no-data keeps it"))
    if not request.console.ask(f"{lost}. Go on?"):
        raise UsageError("nothing was changed")


def _move(request: Request, found: Active, move: Move) -> tuple[Provisioned, Mapping[str, str]]:
    """All of it; whatever fails, the old one is brought up again."""
    moving.begin(move)
    try:
        moving.build(move)
        told = moving.carry(move)
        moving.leave(move)
        there = replace(found, backend=move.new.backend, chosen_by="envman switch", passed_over=())
        there = replace(there, project=replace(found.project, memory=identity.recall(move.own)))
        # Not the usual one yet: nobody shall find it ready before the choice is made.
        done = bring_up(replace(request, backend=move.new.backend.NAME), there, start=True, announce=False)
        moving.settle(move)
        if active.is_usual(request):
            write_ready(done.active, done.observed)
    except BaseException:
        _go_back(request, found, move)
        raise
    return done, told


def _go_back(request: Request, found: Active, move: Move) -> None:
    old, new = move.old.backend.NAME, move.new.backend.NAME
    again = f"{old} is brought up again" if move.ran else f"the project stays at {old}, which did not run"
    request.console.say(f"the move to {new} failed; {again}")
    try:
        moving.give_up(move)
    except EnvmanError as second:
        problem = Problem(
            message=f"what was made of {new} may still run: {second}", hint=f"envman down --backend {new}"
        )
        request.console.error(problem)
    before = replace(found, project=replace(found.project, memory=identity.recall(move.own)))
    try:
        if move.ran:
            bring_up(request, before, start=True, announce=False)
        else:
            moving.put_back(move)
    except EnvmanError as second:
        request.console.error(Problem(message=f"{old} did not come up: {second}", hint="envman up"))
