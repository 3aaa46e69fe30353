"""Moving a project to another backend: the new one is made and filled beside the old, which stays until then."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence, Set
from contextlib import ExitStack
from pathlib import Path

from envman import backend, execute, identity, inside, ready, removal
from envman.active import Active
from envman.backend import Backend, Observed, Serving, State
from envman.console import Console
from envman.errors import EnvmanError, StepFailed
from envman.execute import Executor
from envman.files import read_json, readable_size, remove_tree, size_of
from envman.frozen import frozen, replace
from envman.identity import Identity
from envman.plan import Goal, Plan, Step
from envman.problem import Problem
from envman.project import Project
from envman.request import Request
from envman.services import catalogue, containers, contents, facts
from envman.services.snapshots import LookAtData, RestoreData, SaveData

MOVING = "moving"  # under which an unfinished move is remembered, and where it goes
ANCESTORS = "ancestors"  # under which the backends are remembered whose data was carried away from them
_DATA, _BEFORE = "data", "data_before"  # the word for the data that the setup was done for, now and before the move
_STAGING = ".moving"  # beside the data of services, whose names have no dot


@frozen
class Side:
    """One of the two backends, with the project as it is there."""

    request: Request
    project: Project
    backend: Backend

    def in_silence(self) -> Side:
        """The same, whose steps have no rows of their own."""
        return replace(self, request=replace(self.request, console=Console(quiet=True)))

    def observe(self) -> Observed:
        """What is there now."""
        return self.backend.observe(self.project, self.request.environ)

    def steps(self, goal: Goal) -> tuple[Step, ...]:
        """What has to be done for a goal."""
        return self.backend.plan(self.project, self.observe(), goal)

    def carry_out(self, steps: Sequence[Step], goal: Goal = Goal.UP) -> None:
        """Do it."""
        if not steps or self.project.folder is None:
            return
        if goal.builds:
            removal.remember_use(self.project, self.backend.NAME)
        log = execute.open_log(self.project.folder, "switch", inside.masker(self.project, self.request.environ))
        plan = Plan(backend=self.backend.NAME, goal=goal, steps=tuple(steps))
        Executor(self.request, self.project, self.backend, log).run(plan)


@frozen
class Move:
    """From where to where, and what goes along."""

    old: Side
    new: Side  # on ports that nobody else has, until all is there
    own: Identity
    carried: tuple[str, ...]  # services whose data goes along
    shared: tuple[str, ...]  # services that both backends have in the same container
    stays: tuple[str, ...]  # services with data that no tool of ours can carry
    ran: bool  # whether the old one was up, and is to be so again where the move fails

    @property
    def staging(self) -> Path:
        """Where the data is on its way."""
        return self.own.data / _STAGING


def prepare(request: Request, found: Active, own: Identity, target: Backend, *, data: bool) -> Move:
    """Look at both sides; nothing is done yet."""
    project = found.project
    old = Side(request=request, project=project, backend=found.backend)
    new = Side(request=request, project=project, backend=target)
    seen = old.observe()
    there = seen.services
    both = shared(old, new)
    new = replace(new, project=on_spare_ports(project, both))
    keeping = [name for name in project.spec.services if _keeps(project, name)]
    # A destroy leaves the data, and nothing to see of it.
    kept = old.backend.NAME in removal.keeping(project)
    has = [name for name in keeping if kept or (name in there and there[name].state is not State.ABSENT)]
    images = tuple(
        name for name, one in project.spec.services.items() if one.image and name in there and name not in both
    )
    return Move(
        old=old,
        new=new,
        own=own,
        carried=tuple(name for name in has if name not in both) if data else (),
        shared=both,
        stays=images if data else (*(name for name in has if name not in both), *images),
        ran=seen.state not in (State.ABSENT, State.STOPPED),
    )


def _keeps(project: Project, name: str) -> bool:
    recipe = catalogue.of(project.spec, name)
    return recipe is not None and recipe.keeps


def shared(old: Side, new: Side) -> tuple[str, ...]:
    """The services that both have in the same container: one of them takes its servers from the other."""
    offered = containers.offered()
    sides = {old.backend.NAME: new, new.backend.NAME: old}
    borrower = sides.get(offered[0]) if offered else None
    if borrower is None or not getattr(borrower.backend, "BORROWS", False):
        return ()
    here = borrower.observe().services
    return tuple(name for name in old.observe().services if _is_borrowed(borrower, name, here.get(name)))


def _is_borrowed(side: Side, name: str, there: Serving | None) -> bool:
    service = side.project.spec.services.get(name)
    if service is None or service.run is not None:
        return False
    if there is not None and there.source:
        return there.source == "container"
    recipe = catalogue.of(side.project.spec, name)
    if recipe is None or service.source != "auto":
        return recipe is None or service.source == "container"
    version = service.version or recipe.versions[0]
    offers = side.backend.offers(recipe, side.request.environ)
    return any(one.version == version and one.source == "container" for one in offers)


def on_spare_ports(project: Project, but: Sequence[str] = ()) -> Project:
    """On ports that are free now, but for some services: those of the other side stay its own."""
    kept = [facts.port_name(name) for name in but]
    names = [*project.spec.ports, *(facts.port_name(name) for name in project.spec.services if name not in but)]
    with ExitStack() as held:
        found: dict[str, int] = {}
        for name in names:
            probe = held.enter_context(socket.socket())
            probe.bind((facts.HOST, 0))
            found[name] = probe.getsockname()[1]
    return replace(project, ports={**found, **{name: project.ports[name] for name in kept if name in project.ports}})


def begin(move: Move) -> None:
    """From here on a kill leaves a note, by which the next command knows what is half made."""
    remove_tree(move.staging)
    if not has_own_data(move):
        _note_ancestors(move, {move.new.backend.NAME})  # nor does it get any, if this ends halfway
    identity.remember(move.own, **{MOVING: move.new.backend.NAME, _BEFORE: identity.recall(move.own).get(_DATA)})
    (move.own.folder / ready.FILE).unlink(missing_ok=True)


def build(move: Move) -> None:
    """Make the new one, with its servers and without the project's own processes: those of the old still run."""
    steps = [step for step in move.new.steps(Goal.UP) if not step.after_setup and step.name not in move.shared]
    move.new.carry_out(steps)


def carry(move: Move) -> Mapping[str, str]:
    """Bring the data over and see that all of it is there; what it was, by service."""
    if not move.carried:
        return {}
    old = move.old
    old.carry_out(old.steps(Goal.QUIET), Goal.QUIET)
    old.carry_out([step for step in old.steps(Goal.UP) if not step.after_setup])  # whoever is to be asked has to run
    told = {name: _bring_over(move, name) for name in move.carried}
    # What the setup did was done for other data.
    identity.remember(move.own, **{_DATA: os.urandom(8).hex()})
    return told


def _bring_over(move: Move, name: str) -> str:
    """The data of one service; raises where what has arrived is not what was there."""
    old, new = (side.in_silence() for side in (move.old, move.new))
    place = move.staging / name
    place.mkdir(parents=True, mode=0o700)
    before, after = move.staging / f"{name}.before.json", move.staging / f"{name}.after.json"
    with move.old.request.console.step(name, f"from {old.backend.NAME} to {new.backend.NAME}") as line:
        old.carry_out([_step(name, "look at it", LookAtData(name=name, target=before))])
        old.carry_out([_step(name, "bring it out", SaveData(name=name, target=place))])
        _note_ancestors(move, {new.backend.NAME})  # from here on what it has is a copy
        new.carry_out([_step(name, "bring it in", RestoreData(name=name, source=place))])
        new.carry_out([_step(name, "compare it", LookAtData(name=name, target=after))])
        one, other = read_json(before), read_json(after)
        contents.require_same(one, other)
        what = contents.summary(one) if one else "its files"
        size = readable_size(size_of(place))
        remove_tree(place)
        line.done(f"{what}, carried and compared" if one else f"{what} carried ({size})")
    return what


def _note_ancestors(move: Move, added: Set[str], gone: Set[str] = frozenset()) -> None:
    identity.remember(move.own, **{ANCESTORS: sorted((_ancestors(identity.recall(move.own)) | added) - gone)})


def _ancestors(memory: Mapping[str, object]) -> set[str]:
    known = memory.get(ANCESTORS)
    return {str(name) for name in known} if isinstance(known, list) else set()


def note_use(project: Project, name: str) -> None:
    """Somebody works there again without a move: what it has is no mere copy any more."""
    known = _ancestors(project.memory)
    if project.identity is not None and name in known:
        identity.remember(project.identity, **{ANCESTORS: sorted(known - {name})})


def _step(name: str, title: str, operation: object) -> Step:
    return Step(name=name, title=title, reason="the project moves", operation=operation)


def leave(move: Move) -> None:
    """The old one ends, and its ports are free; then the new one is what `up` means."""
    move.old.carry_out([step for step in move.old.steps(Goal.DOWN) if step.name not in move.shared], Goal.DOWN)


def settle(move: Move) -> None:
    """From now on the developer's choice is the new one."""
    old, new = move.old.backend.NAME, move.new.backend.NAME
    _note_ancestors(move, {old} if move.carried else set(), {new})
    identity.remember(move.own, **{MOVING: "", "backend": new})
    remove_tree(move.staging)


def give_up(move: Move) -> None:
    """What was made of the new one stops; the old one is as it was, but for its own processes."""
    remove_tree(move.staging)
    known = identity.recall(move.own)
    if _BEFORE in known and known.get(_DATA) != known[_BEFORE]:
        identity.remember(move.own, **{_DATA: known[_BEFORE]})
    # The note stays where this fails: then the next command tries again.
    move.new.carry_out([step for step in move.new.steps(Goal.DOWN) if step.name not in move.shared], Goal.DOWN)
    identity.remember(move.own, **{MOVING: ""})


def put_back(move: Move) -> None:
    """The old one stops, which did not run before the move."""
    move.old.carry_out(move.old.steps(Goal.DOWN), Goal.DOWN)


def recover(request: Request, found: Active, own: Identity) -> None:
    """After a move that was killed: what is half made of the new one stops, as far as it can be asked."""
    name = identity.recall(own).get(MOVING)
    if not isinstance(name, str) or name not in backend.registered():
        return
    target = backend.load(name)
    if target.missing(request.environ):
        return
    request.console.say(f"a move to {name} was not finished: what was made there is stopped")
    try:
        give_up(prepare(request, found, own, target, data=False))
    except EnvmanError as error:
        request.console.warn(Problem(message=f"it may still run: {error}", hint=f"envman down --backend {name}"))


def has_own_data(move: Move) -> bool:
    """Whether the new one was in use before, and nobody carried its data on from there."""
    memory = identity.recall(move.own)
    name, used = move.new.backend.NAME, memory.get("backends")
    was_used = (isinstance(used, list) and name in used) or name in removal.keeping(move.old.project)
    return was_used and name not in _ancestors(memory)


def require_able(move: Move) -> None:
    """Raises when a service cannot be on the new side: before anything is touched."""
    move.new.steps(Goal.UP)
    missing = [name for name in move.carried if catalogue.of(move.new.project.spec, name) is None]
    if missing:
        raise StepFailed(f"{missing[0]} is no server of the catalogue")
