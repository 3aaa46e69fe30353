"""`envman snapshot`: the data of the project's services, kept as it is now, and brought back."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from envman import active, execute, identity, inside, ready, turn
from envman.active import Active
from envman.answer import Answer
from envman.backend import Observed, State
from envman.console import columns
from envman.errors import StepFailed, UsageError
from envman.execute import Executor
from envman.files import readable_size, readable_span, remove_tree
from envman.frozen import replace
from envman.identity import Identity
from envman.plan import Goal, Plan, Step
from envman.problem import Problem
from envman.project import Project
from envman.provision import turn_folder
from envman.request import Request
from envman.services import catalogue, snapshots, upgrades
from envman.services.snapshots import RestoreData, SaveData, Snapshot
from envman.services.upgrades import Aside
from envman.spec.shape import suggestion
from envman.verbs import snapshot_upgrade


def snapshot(request: Request, action: str, name: str | None, services: Sequence[str]) -> Answer:
    """Do one of the five things."""
    if action == "list":
        return _list(request)
    if name is None:
        example = "db" if action == "upgrade" else "before"
        raise UsageError(Problem(message=f"snapshot {action} needs a name", hint=f"envman snapshot {action} {example}"))
    if action == "save":
        return _save(request, name, services)
    if action == "upgrade":
        return _upgrade(request, name)
    return _restore(request, name, services) if action == "restore" else _delete(request, name)


def _save(request: Request, name: str, wanted: Sequence[str]) -> Answer:
    found, own = _found(request)
    target = snapshots.place(own, name)
    if target.exists():
        _confirm(request, f"Replace snapshot {name}?", f"snapshot {name} is already there")
    with turn.taken(turn_folder(found.project.root), "snapshot", request.console):
        observed = found.backend.observe(found.project, request.environ)
        chosen = _keeping(found, observed, wanted)
        staging = snapshots.begin(target)
        try:
            for service in chosen:
                (staging / service).mkdir(mode=0o700)
            steps = [_step(one, f"save {one}", SaveData(name=one, target=staging / one)) for one in chosen]
            _carry_out(request, found, own, steps)
            versions = {one: (str(found.project.spec.services[one].use), _version(observed, one)) for one in chosen}
            made = snapshots.finish(staging, target, versions)
        finally:
            remove_tree(staging)
    request.console.say(f"snapshot {name}: {', '.join(chosen)}, {readable_size(made.bytes)}")
    return Answer(result=_as_json(made))


def _restore(request: Request, name: str, wanted: Sequence[str]) -> Answer:
    found, own = _found(request)
    kept = _known(own, name)
    chosen = _restorable(found, kept, wanted)
    for service in chosen:
        snapshots.verify(kept, service)
    _confirm(request, f"Replace the data of {', '.join(chosen)} by snapshot {name}?", "restore replaces data")
    with turn.taken(turn_folder(found.project.root), "snapshot", request.console):
        # The setup was done for the data that goes; noted first, so that a kill cannot hide it.
        (own.folder / ready.FILE).unlink(missing_ok=True)
        identity.remember(own, data=os.urandom(8).hex())
        steps = [_step(one, f"restore {one}", RestoreData(name=one, source=kept.folder / one)) for one in chosen]
        _carry_out(request, found, own, steps)
    request.console.say(f"{', '.join(chosen)} as in snapshot {name}")
    if found.project.spec.hooks.setup:
        request.console.say("  envman up runs the setup again")
    return Answer(result=_as_json(kept) | {"restored": list(chosen)})


def _upgrade(request: Request, name: str) -> Answer:
    found, own = _found(request)
    _require_keeping(found, [name])
    return snapshot_upgrade.upgrade(request, found, own, name)


def _list(request: Request) -> Answer:
    own = active.read(request).identity
    found, aside = snapshots.known(own), upgrades.kept(own)
    now = time.time()
    rows = [
        (one.name, readable_span(now - one.time), readable_size(one.bytes), ", ".join(one.services)) for one in found
    ]  # fmt: skip
    rows += [
        (one.name, readable_span(now - one.time), readable_size(one.bytes), f"{one.service}, before an upgrade")
        for one in aside
    ]
    text = "\n".join(columns([("NAME", "AGE", "SIZE", "SERVICES"), *rows])) if rows else "no snapshots yet"
    old = [
        {"name": one.name, "service": one.service, "version": one.version, "bytes": one.bytes, "time": one.time}
        for one in aside
    ]
    return Answer(result={"snapshots": [_as_json(one) for one in found], "kept": old}, text=text)


def _delete(request: Request, name: str) -> Answer:
    project = active.read(request)
    own = _own(project.identity)
    aside = next((one for one in upgrades.kept(own) if one.name == name), None)
    if aside is not None and snapshots.read(snapshots.place(own, name)) is None:
        return _delete_kept(request, project, aside)
    kept = _known(own, name)
    size = readable_size(kept.bytes)
    _confirm(request, f"Remove snapshot {name}, {size}?", f"snapshot {name} holds {size}")
    with turn.taken(turn_folder(project.root), "snapshot", request.console):
        remove_tree(kept.folder)
    request.console.say(f"snapshot {name} is gone, {size}")
    return Answer(result=_as_json(kept))


def _delete_kept(request: Request, project: Project, old: Aside) -> Answer:
    size = readable_size(old.bytes)
    _confirm(request, f"Remove the old data {old.name}, {size}?", f"{old.name} is old data, {size}")
    with turn.taken(turn_folder(project.root), "snapshot", request.console):
        remove_tree(old.folder)
    request.console.say(f"the old data {old.name} is gone, {size}")
    return Answer(result={"name": old.name, "service": old.service, "version": old.version, "bytes": old.bytes})


def _own(own: Identity | None) -> Identity:
    if own is None:
        raise StepFailed(Problem(message="this project was never up, and has no data", hint="envman up"))
    return own


def _found(request: Request) -> tuple[Active, Identity]:
    found = active.find(request)
    own = _own(found.project.identity)
    # A folder that was moved here is adopted, as `up` would do it.
    return replace(found, project=replace(found.project, identity=own)), own


def _known(own: Identity, name: str) -> Snapshot:
    found = snapshots.read(snapshots.place(own, name))
    if found is None:
        names = [one.name for one in snapshots.known(own)]
        hint = suggestion(name, names) if names else f"envman snapshot save {name}"
        raise UsageError(Problem(message=f'there is no snapshot "{name}"', hint=hint))
    return found


def _keeps(found: Active, name: str) -> bool:
    recipe = catalogue.of(found.project.spec, name)
    return recipe is not None and recipe.keeps


def _require_keeping(found: Active, wanted: Sequence[str]) -> None:
    known = found.project.spec.services
    for name in wanted:
        if name not in known:
            raise UsageError(Problem(message=f'there is no service "{name}"', hint=suggestion(name, known)))
        if not _keeps(found, name):
            raise UsageError(f"{name} keeps no data that a snapshot could hold")


def _keeping(found: Active, observed: Observed, wanted: Sequence[str]) -> list[str]:
    """The services whose data is to be saved; raises when one that is named has none."""
    known = found.project.spec.services
    _require_keeping(found, wanted)
    chosen = list(dict.fromkeys(wanted)) or [name for name in known if _keeps(found, name)]
    if not chosen:
        raise UsageError(f"no service of {found.project.name} keeps data")
    for name in chosen:
        one = observed.services.get(name)
        if one is None or one.state is State.ABSENT:
            raise StepFailed(Problem(message=f"{name} has no data yet", hint="envman up"))
    return chosen


def _restorable(found: Active, kept: Snapshot, wanted: Sequence[str]) -> list[str]:
    """The services whose data is to be restored; raises when the snapshot, or the spec, has another one."""
    for name in wanted:
        if name not in kept.services:
            hint = suggestion(name, kept.services)
            raise UsageError(Problem(message=f"snapshot {kept.name} holds nothing of {name}", hint=hint))
    chosen = list(dict.fromkeys(wanted)) or list(kept.services)
    for name in chosen:
        service = found.project.spec.services.get(name)
        used = service.use if service else None
        if used != kept.services[name].recipe:
            message = f"snapshot {kept.name} holds {kept.services[name].recipe} as {name}, and the spec "
            message += f"has {used} there" if used else "has no such service"
            raise UsageError(
                Problem(message=message, hint="--service NAME restores one of them", key=f"services.{name}")
            )
    return chosen


def _version(observed: Observed, name: str) -> str:
    return observed.services[name].version


def _step(name: str, title: str, operation: SaveData | RestoreData) -> Step:
    return Step(name=name, title=title, reason="it was asked for", operation=operation)


def _carry_out(request: Request, found: Active, own: Identity, steps: Sequence[Step]) -> None:
    log = execute.open_log(own.folder, "snapshot", inside.masker(found.project, request.environ))
    plan = Plan(backend=found.backend.NAME, goal=Goal.UP, steps=tuple(steps))
    Executor(request, found.project, found.backend, log).run(plan)


def _confirm(request: Request, question: str, why: str) -> None:
    if request.yes:
        return
    if not request.may_ask:
        raise UsageError(Problem(message=f"{why}, and nobody can answer here", hint="--yes answers"))
    if not request.console.ask(question):
        raise UsageError("nothing was changed")


def _as_json(one: Snapshot) -> dict[str, Any]:
    services = {
        name: {"recipe": kept.recipe, "version": kept.version, "bytes": kept.bytes, "sha256": kept.sha256}
        for name, kept in one.services.items()
    }
    return {"name": one.name, "time": one.time, "bytes": one.bytes, "services": services}
