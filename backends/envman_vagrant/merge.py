"""What has to be copied in which direction, decided from three looks: before, here, and there."""

# Nothing of the user's is lost: a file that changed on both sides stays as it is here, and the other one is set aside.
from __future__ import annotations

from collections.abc import Iterable, Mapping

from envman.frozen import frozen

_COARSE = 1_000_000_000  # some file systems know whole seconds alone


@frozen
class Decision:
    """Names, each in one of these at most; folders end with a slash."""

    push: tuple[str, ...] = ()
    pull: tuple[str, ...] = ()
    remove_here: tuple[str, ...] = ()
    remove_there: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()  # they are pushed, and what they were there is set aside

    @property
    def is_nothing(self) -> bool:
        """Whether both sides are the same."""
        return not (self.push or self.pull or self.remove_here or self.remove_there or self.conflicts)


def decide(before: Mapping[str, str], here: Mapping[str, str], there: Mapping[str, str], *, trusted: bool) -> Decision:
    """The least that makes both sides the same.

    A machine that has begun anew since the last time is not trusted: what differs there may be older, or half written.
    """
    found: dict[str, list[str]] = {"push": [], "pull": [], "remove_here": [], "remove_there": [], "conflicts": []}
    for name in sorted(here.keys() | there.keys()):
        kind = _of(before.get(name), here.get(name), there.get(name), trusted=trusted, is_folder=name.endswith("/"))
        if kind:
            found[kind].append(name)
    going = set(found["remove_here"])
    staying = {name.rstrip("/") for name in here if not name.endswith("/") and name not in going}
    pull = [one for one in found["pull"] if f"{one}/" not in here and not staying & set(_above(one))]
    # What is inside a folder goes before the folder.
    return Decision(
        push=tuple(found["push"]),
        pull=tuple(pull),
        remove_here=tuple(reversed(found["remove_here"])),
        remove_there=tuple(reversed(found["remove_there"])),
        conflicts=tuple(found["conflicts"]),
    )


def _of(before: str | None, here: str | None, there: str | None, *, trusted: bool, is_folder: bool) -> str:
    if same(here, there):
        return ""
    if here is None:
        if same(there, before):
            return "remove_there"
        # A folder comes with what is in it: an empty one may only hold what git ignores.
        return "" if is_folder else "pull"
    if there is None:
        return "remove_here" if trusted and same(here, before) else "push"
    if same(there, before):
        return "push"
    return "pull" if trusted and same(here, before) else "conflicts"


def _above(name: str) -> Iterable[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def same(one: str | None, other: str | None) -> bool:
    """Whether two files are the same, as far as size, time and mode tell."""
    if one is None or other is None or one == other:
        return one == other
    mine, theirs = one.split(" "), other.split(" ")
    if mine[0] == "->" or theirs[0] == "->" or len(mine) != len(theirs) or (mine[0], mine[2]) != (theirs[0], theirs[2]):
        return False
    times = int(mine[1]), int(theirs[1])
    return any(time % _COARSE == 0 for time in times) and times[0] // _COARSE == times[1] // _COARSE


def settled(
    before: Mapping[str, str], here: Mapping[str, str], there: Mapping[str, str], done: Decision
) -> dict[str, str]:
    """What both sides hold once that is done."""
    known = {name: stamp for name, stamp in here.items() if same(stamp, there.get(name))}
    known |= {name: here[name] for name in (*done.push, *done.conflicts)}
    known |= {name: there[name] for name in done.pull}
    gone = {*done.remove_here, *done.remove_there}
    kept = {name: stamp for name, stamp in before.items() if name in here and name in there}
    return {name: stamp for name, stamp in {**kept, **known}.items() if name not in gone}
