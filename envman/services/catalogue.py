"""The catalogue of services: one file a recipe, shipped with envman; a spec may bring more."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import envman_templates
from envman.errors import StepFailed
from envman.frozen import replace
from envman.spec.model import Spec
from envman.spec.recipe import Recipe
from envman.spec.shape import Fault, Table

_FOLDER = Path(str(envman_templates.__file__)).parent / "services"
_NONE: Mapping[str, Recipe] = {}


def names(own: Mapping[str, Recipe] = _NONE) -> list[str]:
    """Every recipe there is; those of a spec may take the place of ours."""
    return sorted({file.stem for file in _FOLDER.glob("*.toml")} | set(own))


def find(name: str, own: Mapping[str, Recipe] = _NONE) -> Recipe:
    """The recipe of that name."""
    return replace(own[name], name=name) if name in own else _shipped(name)


def of(spec: Spec, service: str) -> Recipe | None:
    """What a service is made from; None when it is no server of the catalogue."""
    used = spec.services[service].use
    return find(used, spec.recipes) if used else None


@cache
def _shipped(name: str) -> Recipe:
    found = Table(Recipe).parse(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")), (), _defect)
    if found is None:
        raise StepFailed(f"the recipe {name} is not whole")
    return replace(found, name=name)


def _defect(fault: Fault) -> None:
    raise StepFailed(f"a recipe of the catalogue: {'.'.join(map(str, fault.path))} {fault.message}")
