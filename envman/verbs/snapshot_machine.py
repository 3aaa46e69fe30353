"""`envman snapshot … --machine`: the whole machine, kept as it is now, and brought back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from envman import active, execute, identity, inside, ready, turn
from envman.active import Active
from envman.answer import Answer
from envman.errors import StepFailed, UsageError
from envman.execute import Executor
from envman.identity import Identity
from envman.plan import Goal, Plan, Step
from envman.problem import Problem
from envman.provision import turn_folder
from envman.request import Request
from envman.services import snapshots
from envman.services.snapshots import DeleteMachine, RestoreMachine, SaveMachine
from envman.spec.shape import suggestion

_DONE = {"save": "is kept", "restore": "is the machine again", "delete": "is gone"}


def snapshot_machine(request: Request, action: str, name: str | None, services: Sequence[str]) -> Answer:
    """Do one of the four things."""
    if services:
        raise UsageError(Problem(message="--machine keeps all of it", hint="leave out --service"))
    if action == "upgrade":
        raise UsageError(Problem(message="a machine is not upgraded", hint="envman up --refresh makes its parts anew"))
    found = active.find(request)
    tell = getattr(found.backend, "machines", None)
    if tell is None:
        message = f"{found.backend.NAME} has no machine to keep"
        raise UsageError(Problem(message=message, hint="without --machine the data of services is kept"))
    names = list(tell(found.project, request.environ))
    if action == "list":
        return Answer(result={"machines": names}, text="\n".join(names) or "no snapshots of the machine yet")
    if found.project.identity is None:
        raise StepFailed(Problem(message="this project was never up, and has no machine", hint="envman up"))
    if name is None:
        raise UsageError(Problem(message=f"snapshot {action} needs a name", hint=f"envman snapshot {action} before"))
    _check(found.project.identity, action, name, names)
    if action != "save":
        _confirm(request, action, name)
    _carry_out(request, found, found.project.identity, _step(action, name))
    request.console.say(f"{name} {_DONE[action]}")
    return Answer(result={"machine": name, "action": action})


def _check(own: Identity, action: str, name: str, names: Sequence[str]) -> None:
    snapshots.place(own, name)  # refuses what cannot be a name
    if action == "save" and name in names:
        raise UsageError(Problem(message=f"there is a {name} already", hint=f"envman snapshot delete {name} --machine"))
    if action != "save" and name not in names:
        hint = suggestion(name, names) or f"envman snapshot save {name} --machine"
        raise UsageError(Problem(message=f'there is no snapshot "{name}" of the machine', hint=hint))


def _step(action: str, name: str) -> Step:
    kinds: dict[str, Any] = {"save": SaveMachine, "restore": RestoreMachine, "delete": DeleteMachine}
    operation = kinds[action](name=name)
    return Step(name="machine", title=f"{action} {name}", reason="it was asked for", operation=operation)


def _carry_out(request: Request, found: Active, own: Identity, step: Step) -> None:
    with turn.taken(turn_folder(found.project.root), "snapshot", request.console):
        (own.folder / ready.FILE).unlink(missing_ok=True)
        if isinstance(step.operation, RestoreMachine):
            identity.remember(own, data=os.urandom(8).hex())  # the setup was done for data that goes
        log = execute.open_log(own.folder, "snapshot", inside.masker(found.project, request.environ))
        plan = Plan(backend=found.backend.NAME, goal=Goal.UP, steps=(step,))
        Executor(request, found.project, found.backend, log).run(plan)


def _confirm(request: Request, action: str, name: str) -> None:
    lost = "all that was done in the machine since is lost" if action == "restore" else "it cannot be made again"
    if request.yes:
        return
    if not request.may_ask:
        raise UsageError(
            Problem(message=f"{action} of {name}: {lost}, and nobody can answer here", hint="--yes answers")
        )
    if not request.console.ask(f"{action} {name}? {lost}"):
        raise UsageError("nothing was changed")
