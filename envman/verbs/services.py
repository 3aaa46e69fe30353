"""`envman services`: the catalogue, and how each of its servers would come to this machine."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from envman import active, backend
from envman.answer import Answer
from envman.backend import Offer, as_backend
from envman.console import Console, columns
from envman.errors import UsageError
from envman.project import find_root
from envman.request import Request
from envman.services import catalogue
from envman.services.recipe import same_major
from envman.spec.model import Spec
from envman.spec.recipe import Recipe

_HEADER = ("NAME", "TITLE", "VERSION", "HERE", "USED BY", "HOW")
Uses = Mapping[str, list[str]]  # the version asked for, and the services of the project that ask for it


def services(request: Request) -> Answer:
    """One row for each version on each backend; in a project also who uses it."""
    spec = _spec(request)
    used = _used(spec)
    able = {
        name: one
        for name, module in backend.registered().items()
        if not (one := as_backend(import_module(module))).missing(request.environ)
    }
    rows: list[tuple[str, ...]] = []
    result: dict[str, Any] = {}
    for name in catalogue.names(spec.recipes):
        recipe = catalogue.find(name, spec.recipes)
        offers = {where: list(one.offers(recipe, request.environ)) for where, one in able.items()}
        offers = {where: found for where, found in offers.items() if found}
        uses = _by_version(recipe, used.get(name, {}))
        result[name] = {
            "title": recipe.title,
            "versions": list(recipe.versions),
            "used_by": [service for names in uses.values() for service in names],
            "backends": {where: [_as_json(one) for one in found] for where, found in offers.items()},
        }
        rows += _rows(request.console, recipe, offers, uses)
    return Answer(result={"services": result}, text="\n".join(columns([_HEADER, *rows])))


def _spec(request: Request) -> Spec:
    try:
        find_root(request.folder)
    except UsageError:
        return Spec()  # the catalogue can be asked for outside a project too
    return active.read(request).spec


def _used(spec: Spec) -> dict[str, dict[str, str | None]]:
    """The services of the project by the recipe that they use, each with the version it asks for."""
    found: dict[str, dict[str, str | None]] = {}
    for name, service in spec.services.items():
        if service.use:
            found.setdefault(service.use, {})[name] = service.version
    return found


def _by_version(recipe: Recipe, asked: Mapping[str, str | None]) -> Uses:
    uses: dict[str, list[str]] = {}
    for name, version in asked.items():
        wanted = version or recipe.versions[0]
        row = next((one for one in recipe.versions if same_major(wanted, one)), recipe.versions[0])
        uses.setdefault(row, []).append(name)
    return uses


def _rows(console: Console, recipe: Recipe, offers: Mapping[str, list[Offer]], uses: Uses) -> list[tuple[str, ...]]:
    first = (recipe.name, recipe.title.partition(" (")[0])
    rows: list[tuple[str, ...]] = []
    for version in recipe.versions:
        for where, found in offers.items():
            for one in found:
                if one.version != version:
                    continue
                here = f"{where}: {one.source}" if one.source else "-"
                how = " ".join(word for word in (one.title, f"({one.how})" if one.title else one.how) if word)
                if not one.source and one.how:
                    how = f"{console.marks[3]} {one.how}"
                rows.append((*(first if not rows else ("", "")), version, here, ", ".join(uses.get(version, [])), how))
    return rows


def _as_json(one: Offer) -> dict[str, Any]:
    return {"version": one.version, "source": one.source or None, "title": one.title or None, "how": one.how or None}
