"""The comparison as one page that stands alone: no script, nothing fetched, charts drawn in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import envman_templates
from envman.comparing import figures, text
from envman.comparing.advice import Advice
from envman.comparing.facts import ASPECTS
from envman.comparing.figures import BYTES, Comparison
from envman.console import counted
from envman.files import readable_size
from envman.frozen import frozen

_TEMPLATE = Path(str(envman_templates.__file__)).parent / "compare" / "page.html.jinja"
_EDGE = 100.0  # percent of a chart's width
_MEANING = {
    "files": "the file system that programs see",
    "processes": "whose programs they see",
    "kernel": "whose kernel runs them",
    "network": "whose addresses and ports they have",
}


@frozen
class Bar:
    """One level in a chart; lengths are percent of the chart's width."""

    name: str
    label: str
    spread: str
    width: float
    low: float
    high: float
    dots: tuple[float, ...]
    is_advised: bool


@frozen
class Tick:
    """One mark of an axis."""

    at: float
    label: str
    anchor: str


@frozen
class Chart:
    """One row of figures as bars on one axis, from nothing."""

    title: str
    meaning: str
    unit: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


def charts(known: Comparison, advice: Advice) -> Iterator[Chart]:
    """One for each row that at least one level has more than nothing in."""
    for key, (title, meaning) in known.rows().items():
        across = known.across(key)
        if max(one.highest for one in across) > 0:
            yield _chart(known, advice, key, title, meaning)


def _chart(known: Comparison, advice: Advice, key: str, title: str, meaning: str) -> Chart:
    unit, size = figures.scale(known.across(key))
    marks = figures.ticks(max(one.highest for one in known.across(key)) / size)
    end = marks[-1]

    def percent(value: float) -> float:
        return round(_EDGE * value / size / end, 3)

    bars = []
    for name, found in known.measured.items():
        one = found.figures.get(key)
        if one is None:
            continue
        label, _, spread = text.figure(known, name, key).partition(" (")
        bars.append(
            Bar(
                name=name,
                label=label,
                spread=spread.rstrip(")"),
                width=percent(one.median),
                low=percent(one.lowest),
                high=percent(one.highest),
                dots=tuple(percent(value) for value in one.samples) if one.unit != BYTES else (),
                is_advised=name == advice.backend,
            )
        )
    return Chart(title=title, meaning=meaning, unit=unit, bars=tuple(bars), ticks=tuple(_ticks(marks, unit)))


def _ticks(marks: list[float], unit: str) -> Iterator[Tick]:
    for index, value in enumerate(marks):
        last = index == len(marks) - 1
        anchor = "start" if index == 0 else "end" if last else "middle"
        label = f"{value:g} {unit}" if last else f"{value:g}"
        yield Tick(at=round(_EDGE * value / marks[-1], 3), label=label, anchor=anchor)


def render(known: Comparison, advice: Advice) -> str:
    """The whole page."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(_values(known, advice))


def _values(known: Comparison, advice: Advice) -> dict[str, Any]:
    first = [(label, cell) for label, cell in text.cells(known)]
    names = {words[0] for words in known.rows().values()} | {"packages"}
    return {
        "known": known,
        "advice": advice,
        "charts": list(charts(known, advice)),
        "given": [(label, _MEANING.get(label, ""), _row(known, cell)) for label, cell in first if label not in names],
        "figures": [(label, _row(known, cell)) for label, cell in first if label in names],
        "rounds": counted(known.rounds, "round"),
        "memory": readable_size(known.machine.memory) if known.machine.memory else "",
        "different": {name: known.different_packages(name) for name in known.measured},
        "aspects": ASPECTS,
    }


def _row(known: Comparison, cell: Any) -> list[str]:
    return [cell(one) for one in known.levels]
