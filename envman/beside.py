"""A project on a backend beside the one in use: brought up for a while on ports of its own, and ended again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from envman import identity, inside, moving, turn
from envman.active import Active
from envman.backend import Backend, State, enter_of
from envman.errors import StepFailed
from envman.frozen import replace
from envman.moving import MOVING, Side, on_spare_ports, shared
from envman.plan import Goal
from envman.provision import bring_up, claimed, make_plan, turn_folder
from envman.request import Request

Command = tuple[list[str], dict[str, str], str]  # argument vector, variables, folder


@contextmanager
def standing(request: Request, found: Active, target: Backend) -> Iterator[Side]:
    """The project on that backend while the body runs; afterwards that runs which ran before, and no more."""
    with turn.taken(turn_folder(found.project.root), "up", request.console):
        side, ran = _raised(request, _as_left(request, replace(found, project=claimed(found.project))), target)
    try:
        yield side
    finally:
        if not ran:
            with turn.taken(turn_folder(found.project.root), "down", request.console):
                _end(side, found)


def _as_left(request: Request, found: Active) -> Active:
    own = found.project.identity
    if own is None or not found.project.memory.get(MOVING):
        return found
    moving.recover(request, found, own)  # else what is half made would pass for what runs
    return replace(found, project=replace(found.project, memory=identity.recall(own)))


def _raised(request: Request, found: Active, target: Backend) -> tuple[Side, bool]:
    if target.NAME == found.backend.NAME:
        ran = _runs(Side(request=request, project=found.project, backend=target))
        done = bring_up(request, found, start=False, announce=False)
        return Side(request=request, project=done.active.project, backend=target), ran
    as_usual = Side(request=request, project=found.project, backend=target)
    if _runs(as_usual):  # somebody has asked for it with --backend
        one = replace(request, backend=target.NAME)
        done = bring_up(one, replace(found, backend=target), start=False, announce=False)
        return replace(as_usual, project=done.active.project), True
    both = shared(Side(request=request, project=found.project, backend=found.backend), as_usual)
    side = replace(as_usual, project=on_spare_ports(found.project, both))
    plan = make_plan(side.project, target, side.observe(), start=False)
    try:
        side.carry_out([step for step in plan.steps if step.name not in both])
    except BaseException:
        _end(side, found)
        raise
    return replace(side, project=replace(side.project, memory=identity.recall(side.project.identity))), False


def _runs(side: Side) -> bool:
    observed = side.observe()
    return observed.state in (State.RUNNING, State.DEGRADED)


def _end(side: Side, found: Active) -> None:
    both = shared(Side(request=side.request, project=found.project, backend=found.backend), side)
    steps = [step for step in side.steps(Goal.DOWN) if step.name not in both or side.backend.NAME == found.backend.NAME]
    side.carry_out(steps, Goal.DOWN)


def command(side: Side, argv: tuple[str, ...], cwd: str) -> Command:
    """A process of this machine that runs the command there, without a terminal."""
    observed = side.observe()
    if not observed.generation:
        raise StepFailed(f"{side.backend.NAME} is {observed.state}")
    place = side.backend.place(side.project, observed)
    values = inside.resolve(side.project, side.backend.viewpoint(side.project), side.request.environ)
    words, env, folder = enter_of(side.backend.ENTER).enter(place, values, side.request.environ, argv, cwd)
    return list(words), dict(env), folder
