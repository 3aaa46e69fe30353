"""The comparison for a terminal: one table that fits 80 columns for three levels, and what needs more words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from envman.comparing import figures
from envman.comparing.advice import Advice
from envman.comparing.facts import ASPECTS, Level
from envman.comparing.figures import Comparison
from envman.console import Console, counted, shortened

_WIDTH = 80
_LABEL = 14
_TOGETHER = 3  # levels side by side
_NAMED = 5  # packages that are named one by one


def lines(known: Comparison, advice: Advice, console: Console) -> Iterator[str]:
    """All of it."""
    for start in range(0, len(known.levels), _TOGETHER):
        yield from _table(known, known.levels[start : start + _TOGETHER], console)
        yield ""
    if known.measured:
        yield from _method(known)
        yield ""
    noted = list(_notes(known, console))
    yield from [*noted, ""] if noted else []
    yield console.style(f"Take {advice.backend}." if advice.backend else "None of them.", "bold", out=True)
    yield from (f"  {reason}" for reason in advice.reasons)
    if advice.otherwise:
        yield "Otherwise:"
        yield from (f"  {one}" for one in advice.otherwise)


def _table(known: Comparison, levels: Sequence[Level], console: Console) -> Iterator[str]:
    room = (_WIDTH - _LABEL) // len(levels) - 2
    said = dict(cells(known))

    def line(label: str, cell: Callable[[Level], str]) -> str:
        shown = "".join(f"  {shortened(cell(one), room):<{room}}" for one in levels)
        return f"{shortened(label, _LABEL):<{_LABEL}}{shown}".rstrip()

    yield console.style(line("", lambda one: one.name), "bold", out=True)
    for label, cell in said.items():
        yield line(label, cell)


def cells(known: Comparison) -> Iterator[tuple[str, Callable[[Level], str]]]:
    """The rows: a label, and what stands in it for each level."""
    for aspect in ASPECTS:
        yield aspect, partial(_aspect, aspect)
    yield "reproduces", lambda one: one.repeats
    yield "needs", lambda one: one.needs
    yield "runs here", lambda one: "yes" if one.is_here else "no"
    yield "cannot honour", lambda one: counted(len(one.unsupported), "key") if one.unsupported else "nothing"
    for key, (label, _) in known.rows().items():
        yield label, partial(_figure, known, key)
    if known.measured:
        yield "packages", lambda one: packages(known, one.name)


def _aspect(name: str, one: Level) -> str:
    return one.isolates.get(name, "unknown")


def _figure(known: Comparison, key: str, one: Level) -> str:
    return figure(known, one.name, key)


def figure(known: Comparison, name: str, key: str) -> str:
    """What stands in a row of figures."""
    found = known.measured.get(name)
    if found is None or key not in found.figures:
        return "failed" if found is not None and found.failed else "-"
    text = figures.told(found.figures[key], figures.scale(known.across(key)))
    return f"{text.partition(' (')[0]}, exit code {found.task_code}" if key == "task" and found.task_code else text


def packages(known: Comparison, name: str) -> str:
    """How many, and whether they are the same."""
    found = known.measured.get(name)
    if found is None or (found.failed and not found.packages):
        return "-"
    different = known.different_packages(name)
    if different:
        return f"{len(found.packages)}, {len(different)} {'differs' if len(different) == 1 else 'differ'}"
    alone = sum(bool(one.packages) for one in known.measured.values()) < 2
    return f"{len(found.packages)}" if alone else f"{len(found.packages)}, identical"


def _method(known: Comparison) -> Iterator[str]:
    yield f"Medians of {counted(known.rounds, 'round')}, in brackets the lowest and the highest; on a copy of the"
    yield f"project, {known.machine.cores} cores, {known.machine.system}."


def _notes(known: Comparison, console: Console) -> Iterator[str]:
    arrow = console.marks[3]
    for one in known.levels:
        for problem in one.missing:
            yield f"{one.name} does not run here: {problem.message}"
            yield from (f"  {arrow} {line}" for line in (problem.hint or "").splitlines())
        for problem in one.unsupported:
            yield f"{one.name} cannot honour {problem.key}: {problem.message}"
            yield from (f"  {arrow} {line}" for line in (problem.hint or "").splitlines())
        failed = known.measured[one.name].failed if one.name in known.measured else ""
        if failed:
            yield f"{one.name} failed: {failed}"
        different = list(known.different_packages(one.name).items())
        if different:
            named = [f"{name} {own or 'absent'} ({first or 'absent'})" for name, (first, own) in different[:_NAMED]]
            rest = f" and {len(different) - _NAMED} more" if len(different) > _NAMED else ""
            yield f"{one.name} has other packages, in brackets those of the first: {', '.join(named)}{rest}"
