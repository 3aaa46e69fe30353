"""Where the files of a service stand, and as whom it runs."""

from __future__ import annotations

import os
from pathlib import Path

from envman import paths
from envman.frozen import frozen
from envman.identity import Identity
from envman.spec.recipe import Recipe

_NOBODY = 65534


@frozen
class Places:
    """The files and folders of one service."""

    lease: Path
    log: Path
    data: Path  # what must outlive it
    run: Path  # what is made anew at every start
    user: int | None  # the one to become; None stays whoever we are


def _is_other_user(recipe: Recipe | None) -> bool:
    return recipe is not None and recipe.native.unprivileged and hasattr(os, "geteuid") and os.geteuid() == 0


def shared(recipe: Recipe) -> Path:
    """The folder of what all projects of the user share of a server: its wheel, its fresh data."""
    return Path(paths.reachable_folder()) if _is_other_user(recipe) else Path(paths.cache_folder())


_LOG = ("service.", ".log")


def log(identity: Identity, name: str) -> Path:
    """The file that a service's output goes to."""
    return identity.folder / "logs" / name.join(_LOG)


def logged(identity: Identity) -> dict[str, Path]:
    """The log of every service that was ever started, by name."""
    return {
        file.name.removeprefix(_LOG[0]).removesuffix(_LOG[1]): file
        for file in sorted(log(identity, "*").parent.glob("*".join(_LOG)))
    }


def of(identity: Identity, name: str, recipe: Recipe | None) -> Places:
    """The places of a service."""
    notes = identity.folder / "services"
    lease, output = notes / f"{name}.lease", log(identity, name)
    if _is_other_user(recipe):
        base = Path(paths.reachable_folder()) / "projects" / identity.id / name
        return Places(lease=lease, log=output, data=base / "data", run=base / "run", user=_NOBODY)
    return Places(lease=lease, log=output, data=identity.data / name, run=notes / name, user=None)


def make(places: Places) -> None:
    """The folders that every start needs, each its owner's alone."""
    for folder in (places.lease.parent, places.log.parent, places.run):
        folder.mkdir(parents=True, exist_ok=True)
    if places.user is not None:
        os.chown(places.run, places.user, places.user)
    places.run.chmod(0o700)


def make_room(places: Places, identity: Identity, name: str) -> None:
    """The folder in which the data will stand."""
    places.data.parent.mkdir(parents=True, exist_ok=True)
    if places.user is not None:
        os.chown(places.data.parent, places.user, places.user)
        link = identity.data / name
        if not link.is_symlink():
            # `destroy` keeps what is here, and `--data` follows this one link of ours.
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(places.data)
