"""The measured figures as a page: tables, a chart, and on what they were measured."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench import peers

_DOCS = Path(__file__).parents[1] / "docs"
_PAGE, _CHART = _DOCS / "benchmarks.md", _DOCS / "benchmarks.svg"
_TITLES = {
    "venv": "A virtual environment",
    "services": "Services",
    "docker": "Containers",
    "vagrant": "Machines",
}
_HEAD = """\
# Benchmarks

Every figure is a median; ours and theirs were measured in turn, in one run, and the ratio is the median over
neighbouring pairs: below 1 envman took less time. A bar is the ratio that we have set ourselves; one that is missed
stays here until it is met. `make bench` measures again and writes this page.

![Ratios of times, envman to others](benchmarks.svg)

"""
# The chart: a row for each ratio, on a scale of powers of ten.
_LEFT, _WIDTH, _ROW, _TOP = 430, 380, 22, 40
_LOWEST, _HIGHEST = 0.02, 4.0
_STYLE = """\
<style>
text { font: 12px system-ui, sans-serif; fill: #222 }
.bar { fill: #3b6ea5 } .axis { stroke: #bbb } .one { stroke: #555 } .goal { stroke: #c2410c; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .bar { fill: #7aa7d6 } .axis { stroke: #444 } .one { stroke: #999 } .goal { stroke: #fb923c }
}
</style>"""

Row = Mapping[str, Any]


def write(results: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> None:
    """Write the page and its chart; rows that were not measured are left out."""
    measured = results["rows"]
    parts = [_HEAD]
    for group, names in groups.items():
        known = [name for name in names if name in measured]
        if known:
            parts.append(
                f"## {_TITLES.get(group, group)}\n\n| what | median | range | ratio | bar |\n|---|---|---|---|---|\n"
            )
            parts += [_line(figure) for name in known for figure in measured[name]["figures"]]
            parts.append("\n")
    parts.append("## Measured on\n\n")
    parts += [f"- {line}\n" for line in _measured_on(measured)]
    _PAGE.write_text("".join(parts), encoding="utf-8")
    _CHART.write_text(_chart(list(_ratios(measured, groups))), encoding="utf-8")


def _line(figure: Row) -> str:
    if figure["note"]:
        return f"| {figure['name']} | {figure['note']} | | | |\n"
    ratio = f"{figure['ratio']:.2f}" if figure["ratio"] is not None else ""
    bar = (
        f"{figure['bar']:g}{'' if figure['ratio'] <= figure['bar'] else ', missed'}" if figure["bar"] and ratio else ""
    )
    span = "" if figure["lowest"] == figure["highest"] else f"{_shown(figure, 'lowest')} – {_shown(figure, 'highest')}"
    return f"| {figure['name']} | {_shown(figure, 'median')} | {span} | {ratio} | {bar} |\n"


def _shown(figure: Row, which: str) -> str:
    value = float(figure[which])
    if figure["unit"] != "ms":
        return f"{value:.0f} {figure['unit']}"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _measured_on(measured: Mapping[str, Any]) -> list[str]:
    machines: dict[str, list[float]] = {}
    for row in measured.values():
        what, _, load = row["machine"].rpartition(", load ")
        machines.setdefault(f"{row['date']}: {what}", []).append(float(load))
    told = [f"{what}, load {min(loads):.1f} to {max(loads):.1f}" for what, loads in sorted(machines.items())]
    versions = [_version(*words) for words in (("uv", "--version"), ("docker", "--version"), ("vagrant", "--version"))]
    return [*told, *filter(None, versions), *peers.PINS, peers.DEVCONTAINER]


def _version(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip().splitlines()[0]
    except (OSError, IndexError):
        return ""


def _ratios(
    measured: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, float, float | None]]:
    for names in groups.values():
        for name in names:
            ours = ""
            for figure in measured.get(name, {}).get("figures", ()):
                if figure["ratio"]:
                    yield f"{ours} / {figure['name']}", figure["ratio"], figure["bar"]
                else:  # the others are compared with the last that stood alone
                    ours = figure["name"]


def _chart(rows: Sequence[tuple[str, float, float | None]]) -> str:
    height = _TOP + _ROW * len(rows) + 30
    total = _LEFT + _WIDTH + 70
    size = f'viewBox="0 0 {total} {height}" width="{total}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Ratios of times, envman to others">',
        _STYLE,
        f'<text x="{_LEFT}" y="16">less time than the other ← 1 → more (orange: the bar)</text>',
    ]
    for mark in (0.03, 0.1, 0.3, 1, 3):
        kind = "one" if mark == 1 else "axis"
        lines.append(f'<line class="{kind}" x1="{_at(mark)}" x2="{_at(mark)}" y1="{_TOP - 8}" y2="{height - 24}"/>')
        lines.append(f'<text x="{_at(mark)}" y="{height - 8}" text-anchor="middle">{mark:g}</text>')
    for number, (name, ratio, goal) in enumerate(rows):
        y = _TOP + _ROW * number
        label = escape(name if len(name) <= 64 else f"{name[:63]}…")
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{label}</text>')
        lines.append(f'<rect class="bar" x="{_LEFT}" y="{y}" width="{max(_at(ratio) - _LEFT, 1)}" height="14"/>')
        lines.append(f'<text x="{_LEFT + _WIDTH + 50}" y="{y + 11}" text-anchor="end">{ratio:.2f}</text>')
        if goal:
            lines.append(f'<line class="goal" x1="{_at(goal)}" x2="{_at(goal)}" y1="{y - 2}" y2="{y + 16}"/>')
    return "\n".join([*lines, "</svg>", ""])


def _at(ratio: float) -> float:
    kept = min(max(ratio, _LOWEST), _HIGHEST)
    return round(_LEFT + _WIDTH * math.log(kept / _LOWEST) / math.log(_HIGHEST / _LOWEST), 1)
