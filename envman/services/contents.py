"""What a server holds, as it says itself: asked before and after, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envman.console import counted
from envman.errors import StepFailed
from envman.services import facts, holding, keys
from envman.services.holding import Holding
from envman.spec.recipe import Tool

_ROWS = "rows|"  # begins a line that ends in the number of a table's rows
_SHOWN = 4

Contents = Mapping[str, Sequence[str]]  # of each database, a line for each thing


def needed(tool: Tool | None) -> Tool:
    """A tool of the recipe that has to be there."""
    if tool is None:
        raise StepFailed("the recipe does not say how its data is carried to another major version")
    return tool


def question(kind: str, held: Holding, database: str) -> list[str]:
    """What it answers to a question of the recipe."""
    way = held.recipe.native.upgrade
    if way is None or kind not in way.questions:
        raise StepFailed(f"the recipe has no question for {kind}")
    return holding.ask(needed(way.ask), way.questions[kind], held, database)


def of(held: Holding) -> Contents:
    """All that it holds."""
    names = question("databases", held, held.recipe.database)
    return {name: sorted(question("content", held, name)) for name in names}


def carried(held: Holding) -> Contents:
    """What goes along to another level; nothing where nobody knows how to ask."""
    way = held.recipe.native.upgrade
    if held.recipe.native.probe == "redis":
        here = facts.on_host(held.job.project)[held.name]
        return keys.of((here["host"], int(here["port"])), here["password"])
    if way is None or way.ask is None or "content" not in way.questions:
        return {}
    names = (holding.of_project(held), *held.job.project.spec.services[held.name].databases)
    return {name: sorted(question("content", held, name)) for name in names}


def require_same(before: Contents, after: Contents) -> None:
    """Raises with the first differences."""
    one, other = _lines(before), _lines(after)
    lost, more = sorted(one - other)[:_SHOWN], sorted(other - one)[:_SHOWN]
    if lost or more:
        shown = [*(f"- {line}" for line in lost), *(f"+ {line}" for line in more)]
        raise StepFailed("\n".join(["what was read is not what was there", *shown]))


def _lines(found: Contents) -> set[str]:
    return {f"{name}: {line}" for name, lines in found.items() for line in ("database", *lines)}


def summary(found: Contents) -> str:
    """The size of it, as people say it."""
    if any(line.startswith(keys.KEYS) for lines in found.values() for line in lines):
        return counted(sum(keys.count(lines) for lines in found.values()), "key")
    tables = [line for lines in found.values() for line in lines if line.startswith(_ROWS)]
    rows = sum(int(line.replace("\t", "|").rpartition("|")[2]) for line in tables)
    return f"{counted(len(found), 'database')}, {counted(len(tables), 'table')}, {counted(rows, 'row')}"
