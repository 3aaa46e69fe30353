"""Servers in containers for a level that has none of its own: found through the registry, like every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from envman import backend, identity
from envman.backend import Job, Log, Offer, Serving, Vitals
from envman.identity import Identity
from envman.problem import Problem
from envman.project import Project
from envman.services.holding import Holding
from envman.spec.recipe import Recipe


class Containers(Protocol):
    """What the module gives that a backend names as its `CONTAINERS`.

    Each service is a container of the project, published on 127.0.0.1 on the port that the project was given.
    """

    ENTER: str  # the import-light module whose `alive` the hot path asks

    def missing(self, environ: Mapping[str, str]) -> Sequence[Problem]:
        """What keeps this machine from running them, each with the command that mends it. Quick."""

    def offers(self, recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
        """The versions of a server that it runs."""

    def start(self, name: str, job: Job) -> None:
        """Start one, and wait until it is ready, with what the spec wants in it."""

    def place(self, name: str, job: Job) -> Mapping[str, str]:
        """What `alive` needs to find one that runs; another one after each start, and each restore of its data."""

    def stop(self, name: str, job: Job) -> None:
        """Stop one; it stays, and what it holds."""

    def observe(self, project: Project, names: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, Serving]:
        """How they are now; those that were never started are absent."""

    def vitals(self, project: Project, names: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, Vitals]:
        """How those that run are in this moment."""

    def logs(self, project: Project) -> Mapping[str, Log]:
        """What each says."""

    def held(self, name: str, job: Job) -> Holding:
        """A service with its data."""

    def restore(self, name: str, source: Path, job: Job) -> str:
        """Bring its data back."""

    def require_same_major(self, name: str, recipe: Recipe, wrote: str, asked: str) -> None:
        """Raises when data was written by another major version, and says what can be done."""

    def wrote(self, project: Project, names: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, str]:
        """The major version that wrote the data of each, as far as that is known."""


def offered() -> tuple[str, Containers] | None:
    """The first backend that runs servers for others, and how it does."""
    for name, module in backend.registered().items():
        home = getattr(import_module(module), "CONTAINERS", "")
        if home:
            return name, cast("Containers", import_module(home))
    return None


def able(environ: Mapping[str, str]) -> Containers | None:
    """The same, where its engine answers."""
    found = offered()
    return found[1] if found and not found[1].missing(environ) else None


def offer(recipe: Recipe, version: str, environ: Mapping[str, str]) -> Offer | None:
    """How a version of a server would come as a container, where that can be."""
    theirs = able(environ) if recipe.has_container else None
    found = theirs.offers(recipe, environ) if theirs else ()
    if theirs and version not in [one.version for one in found]:
        return Offer(version=version, source="container", title=f"{recipe.title.partition(' (')[0]} {version}")
    return next((one for one in found if one.version == version), None)


def remember_use(own: Identity) -> None:
    """Note whose engine has something of the project, so that nothing of it is ever forgotten."""
    found = offered()
    names = identity.recall(own).get("backends")
    known = names if isinstance(names, list) else []
    if found and found[0] not in known:
        identity.remember(own, backends=[*known, found[0]])
