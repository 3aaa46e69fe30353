"""Which level to take, and why: out of what the spec asks, what this machine can run, and what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from envman.comparing import figures
from envman.comparing.facts import ASPECTS, Level
from envman.comparing.figures import Comparison, Figures
from envman.console import counted
from envman.files import readable_size
from envman.frozen import frozen
from envman.problem import Problem

_NAMED = 2  # keys of a level that are named one by one
_OF_ITS_OWN = {"files": "files", "processes": "processes", "kernel": "a kernel", "network": "a network"}
_CLEAR_ONCE = 2.0  # the same where there is one sample, and nobody knows its spread
_CLEAR = 1.1  # times: less is no difference that anybody feels


@frozen
class Advice:
    """The level to take, why, and when another one would be better."""

    backend: str | None
    reasons: tuple[str, ...]
    otherwise: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The facts of the document."""
        return {"backend": self.backend, "reasons": list(self.reasons), "otherwise": list(self.otherwise)}


def advise(known: Comparison) -> Advice:
    """The lightest level that honours most of the spec, of those that this machine was seen to run."""
    able = [one for one in known.levels if one.is_here and _works(known, one)]
    if not able:
        here = [one for one in known.levels if one.is_here]
        why = "none of them went through here" if here else "this machine can run none of them"
        return Advice(backend=None, reasons=(why, *(_absent(one) for one in known.levels if not one.is_here)))
    best = min(able, key=lambda one: (len(one.unsupported), one.rank))
    return Advice(
        backend=best.name,
        reasons=(*_honours(known, best), *_failures(known), *_differences(known, best, able)),
        otherwise=tuple(_otherwise(known, best)),
    )


def _works(known: Comparison, one: Level) -> bool:
    found = known.measured.get(one.name)
    if found is None:
        return True
    passed = any(other.task_code == 0 for other in known.measured.values())
    return not found.failed and not (passed and found.task_code)


def _honours(known: Comparison, best: Level) -> Iterator[str]:
    if not best.unsupported:
        lightest = all(one.rank >= best.rank for one in known.levels)
        which = "the lightest level, and it" if lightest and len(known.levels) > 1 else "it"
        yield f"{which} honours all that the spec asks"
        for one in known.levels:
            if one.is_here and one.rank < best.rank and one.unsupported:
                yield f"{one.name} cannot honour {keys(one.unsupported)}"
        return
    yield f"no level that runs here honours all of the spec; {best.name} lacks {keys(best.unsupported)}"
    for one in known.levels:
        if not one.is_here and not one.unsupported:
            yield f"{one.name} would honour all of it, but {_absent(one).partition(': ')[2]}"


def keys(problems: Sequence[Problem]) -> str:
    """The keys that a level cannot honour, the first by their names."""
    named = [problem.key or problem.message for problem in problems[:_NAMED]]
    rest = len(problems) - len(named)
    return f"{', '.join(named)} and {counted(rest, 'more key')}" if rest else " and ".join(named)


def _absent(one: Level) -> str:
    return f"{one.name}: {one.missing[0].message}"


def _failures(known: Comparison) -> Iterator[str]:
    codes = {name: one.task_code for name, one in known.measured.items() if one.task_code is not None}
    passed = [name for name, code in codes.items() if code == 0]
    failing = [f"{name} (exit code {code})" for name, code in codes.items() if code]
    if failing and passed:
        yield f"{known.task} passes on {' and '.join(passed)}, and fails on {' and '.join(failing)}"
    elif failing:
        yield f"{known.task} fails wherever it was run: {', '.join(failing)}"
    for name, one in known.measured.items():
        if one.failed:
            yield f"{name} did not go through here: {one.failed}"
    if not known.same_packages():
        yield "the packages are not the same everywhere"


def _differences(known: Comparison, best: Level, able: Sequence[Level]) -> Iterator[str]:
    """What the other levels cost or save; only what is more than the spread, and more than anybody overlooks."""
    own = known.measured.get(best.name)
    for other in able:
        found = known.measured.get(other.name)
        if other is best or own is None or found is None:
            continue
        told = [
            f"{words[0]} {_pair(own.figures[key], found.figures[key])}"
            for key, words in known.rows().items()
            if key in own.figures and key in found.figures and _is_clear(own.figures[key], found.figures[key])
        ]
        if told:
            yield f"from {best.name} to {other.name}: {', '.join(told)}"
        else:
            yield f"{other.name} costs what {best.name} costs: no difference is larger than the spread"


def _is_clear(one: Figures, other: Figures) -> bool:
    apart = one.highest < other.lowest or other.highest < one.lowest
    low, high = sorted((one.median, other.median))
    once = one.unit == figures.SECONDS and 1 in (len(one.samples), len(other.samples))
    return apart and high > (_CLEAR_ONCE if once else _CLEAR) * low


def _pair(ours: Figures, theirs: Figures) -> str:
    if ours.unit == figures.BYTES:
        return f"{readable_size(round(ours.median))} to {readable_size(round(theirs.median))}"
    unit, size = figures.scale([ours, theirs])
    return f"{figures.number(ours.median / size)} to {figures.number(theirs.median / size)} {unit}"


def _otherwise(known: Comparison, best: Level) -> Iterator[str]:
    offered: set[str] = set()
    for one in known.levels:
        if not _works(known, one):
            continue
        more = [aspect for aspect in ASPECTS if one.owns(aspect) and not best.owns(aspect) and aspect not in offered]
        if more:
            offered.update(more)
            where = "" if one.is_here else ", which this machine lacks"
            yield f"{one.name}{where}, for {_listed([_OF_ITS_OWN[aspect] for aspect in more])} of the project's own"
    for one in known.levels:
        if one.has_table and one is not best and _works(known, one):
            yield f"{one.name}, if what [{one.name}] of the spec says matters: no other level reads it"
    if known.at and known.at != best.name:
        yield f"the project is at {known.at} now; envman switch {best.name} moves it, with its data"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
