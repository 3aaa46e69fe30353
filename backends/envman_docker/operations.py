"""What the docker backend can be asked to do, each as a value."""

from __future__ import annotations

from envman.dependencies.resolve import Resolve
from envman.frozen import frozen
from envman_docker.image import Recipe


@frozen
class BuildBase:
    """System, user and tools."""

    recipe: Recipe
    inputs: str
    afresh: bool = False  # without anything that was built before, from the newest image below


@frozen
class ResolveInside:
    """Find versions for what no lock covers: in a container, because it may run what others wrote."""

    resolve: Resolve
    recipe: Recipe


@frozen
class BuildImage:
    """The packages, on top of the base."""

    recipe: Recipe


@frozen
class StartContainers:
    """Begin a whole wave, and wait for one of it."""

    name: str
    wave: tuple[str, ...]
    recipe: Recipe


@frozen
class Finish:
    """Install what stands in the project's folder, and look at what there is."""

    recipe: Recipe


@frozen
class StopContainers:
    """End them; they stay, and what they hold."""

    names: tuple[str, ...]
    forgotten: bool = False  # by the spec: then only their data stays


@frozen
class RemoveStack:
    """Remove containers, networks and images; volumes too, where data is to go."""

    data: bool
