"""What a recipe says, with its places filled and its versions compared."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envman.errors import StepFailed
from envman.spec.recipe import PLACE, Recipe


def filled(text: str, facts: Mapping[str, str]) -> str:
    """The text with its {places} filled; an unknown one is a fault of the recipe."""

    def value(found: re.Match[str]) -> str:
        try:
            return facts[found.group(1)]
        except KeyError:
            raise StepFailed(f"the recipe asks for {found.group()}, which nobody knows") from None

    return PLACE.sub(value, text)


def debian(recipe: Recipe, version: str) -> list[str]:
    """The Debian packages of which one brings that version."""
    return [filled(name, {"version": version}) for name in recipe.debian]


def image_of(recipe: Recipe, version: str) -> str:
    """The image that brings a version; empty where none does."""
    return filled(recipe.container.image_of.get(version, recipe.image or ""), {"version": version})


def same_major(version: str, asked: str) -> bool:
    """Whether a version is of the asked major one: 17.10 is of 17, and 8.0.36 of 8.0."""
    return version == asked or version.startswith(f"{asked}.")
