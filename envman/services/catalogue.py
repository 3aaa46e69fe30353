"""The catalogue of services: one file a recipe, shipped with envman."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import envman_templates
from envman.services import recipe
from envman.services.recipe import Recipe

_FOLDER = Path(str(envman_templates.__file__)).parent / "services"


def names() -> list[str]:
    """Every recipe there is."""
    return sorted(file.stem for file in _FOLDER.glob("*.toml"))


@cache
def find(name: str) -> Recipe:
    """The recipe of that name."""
    return recipe.read(_FOLDER / f"{name}.toml")
