"""`envman diff`: what two backends give this project, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from envman import active, backend, beside, differences
from envman.answer import Answer
from envman.console import columns, counted
from envman.differences import SET, Row
from envman.errors import EngineMissing, UsageError
from envman.frozen import replace
from envman.problem import Problem
from envman.request import Request

_WIDE = 34


def diff(request: Request, one: str, other: str, *, everything: bool) -> Answer:
    """Ask both; the exit code is 1 when something differs that is promised to be the same."""
    if one == other:
        raise UsageError(Problem(message=f"{one} is no other than {one}", hint="name two backends"))
    found = active.find(replace(request, backend=None))
    sides = [backend.load(name) for name in (one, other)]
    missing = [problem for side in sides for problem in side.missing(request.environ)]
    if missing:
        raise EngineMissing(missing)
    with beside.standing(request, found, sides[0]) as first:
        seen = differences.given(first)
        now = replace(found, project=active.read(replace(request, backend=None)))
        with beside.standing(request, now, sides[1]) as second:
            rows = list(differences.rows(seen, differences.given(second)))
    broken = [row for row in rows if row.promised and not row.same]
    return Answer(
        result={"backends": [one, other], "same": not broken, "rows": [_as_json(row) for row in rows]},
        text=_text(one, other, rows, everything=everything),
        code=1 if broken else 0,
    )


def _text(one: str, other: str, rows: Sequence[Row], *, everything: bool) -> str:
    shown = [row for row in rows if everything or not (row.same or row.beside)]
    beside = [row for row in rows if row.beside]
    table: list[Sequence[str]] = [("", one, other, "")]
    table += [(row.what, *map(_cell, row.values), "!" if row.promised and not row.same else "") for row in shown]
    if beside and not everything:
        only = [sum(1 for row in beside if row.values[side] == SET) for side in (0, 1)]
        table.append(("variables beside the spec's", f"{only[0]} more", f"{only[1]} more", ""))
    kinds = {"package": 0, "variable": 0, "service": 0}
    for row in rows:
        kind = row.what.partition(" ")[0]
        if row.same and row.promised and kind in kinds:
            kinds[kind] += 1
    same = ", ".join(counted(number, kind) for kind, number in kinds.items() if number)
    broken = sum(1 for row in rows if row.promised and not row.same)
    end = f"{counted(broken, 'difference')} in what is promised to be the same (!)"
    end = end if broken else "all that is promised is the same"
    return "\n".join([*columns(table), f"identical: {same}" if same else "", end]).replace("\n\n", "\n")


def _cell(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def _as_json(row: Row) -> dict[str, object]:
    return {"what": row.what, "values": list(row.values), "same": row.same, "promised": row.promised}
