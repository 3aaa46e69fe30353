"""Data that was written by another major version than that of the server which would open it."""

from __future__ import annotations

from collections.abc import Mapping

from envman.project import Project
from envman.services import catalogue, holding
from envman.spec.recipe import Recipe
from envman_vagrant.services import look
from envman_vagrant.services.look import Unit


def require_same(project: Project, units: Mapping[str, Unit], kept: Mapping[str, str]) -> None:
    """Raises for the first; what was kept of a machine that is gone counts where there is no other data."""
    for name in project.spec.services:
        recipe = catalogue.of(project.spec, name)
        wrote = units[name].wrote if name in units else ""
        wrote = wrote or kept.get(name, "")
        if recipe is not None and recipe.keeps and wrote:
            refuse(name, recipe, wrote, look.asked_version(project, name))


def refuse(name: str, recipe: Recipe, wrote: str, asked: str) -> None:
    """Raises where it is another one, and says how the data is carried over here."""
    again = f'carry it over: with version = "{wrote}" envman snapshot save before, then with "{asked}" '
    ways = [f"{again}envman snapshot restore before"] if holding.by_dump(recipe) else []
    holding.require_same_major(name, recipe, wrote, asked, ways)
