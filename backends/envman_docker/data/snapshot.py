"""Saving the data of a container, bringing it back, and what is done about another major version."""

from __future__ import annotations

from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.services import saving
from envman.services.snapshots import LookAtData, RestoreData, SaveData
from envman.services.upgrades import BeginUpgrade
from envman_docker import containers
from envman_docker.data import volumes
from envman_docker.data.held import Held


def save(operation: SaveData, job: Job) -> str:
    """Into an empty folder."""
    return saving.save(containers.held(operation.name, job), operation.target)


def look(operation: LookAtData, job: Job) -> str:
    """Write down what it holds."""
    return saving.look(containers.held(operation.name, job), operation.target)


def restore(operation: RestoreData, job: Job) -> str:
    """From such a folder, whole or not at all."""
    return bring_back(containers.held(operation.name, job), operation.source)


def bring_back(held: Held, source: Path) -> str:
    """A dump is read by new data where the old is another major version's."""
    if saving.is_dump(source) and held.is_foreign():
        return held.afresh(lambda: saving.restore(held, source))
    return saving.restore(held, source)


def upgrade(operation: BeginUpgrade, job: Job) -> str:
    """Not at one stroke: two containers of one service would have to run side by side."""
    held = containers.held(operation.name, job)
    wrote = held.wrote()
    if wrote:
        volumes.require_same_major(operation.name, held.recipe, wrote, held.version)
    raise StepFailed(f"the data of {operation.name} is of version {held.version} already")
