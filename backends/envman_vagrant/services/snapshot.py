"""Saving the data of a service in the machine, bringing it back, and what is done about another major version."""

from __future__ import annotations

from envman.backend import Job
from envman.errors import StepFailed
from envman.services import holding, saving
from envman.services.snapshots import LookAtData, RestoreData, SaveData
from envman.services.upgrades import BeginUpgrade
from envman_vagrant.services import held, majors


def save(operation: SaveData, job: Job) -> str:
    """Into an empty folder; a server of another version than the spec now asks for is dumped by its own tools."""
    found = held.held(operation.name, job)
    if holding.by_dump(found.recipe) and found.is_foreign():
        found = held.held(operation.name, job, found.wrote())
    return saving.save(found, operation.target)


def look(operation: LookAtData, job: Job) -> str:
    """Write down what it holds."""
    return saving.look(held.held(operation.name, job), operation.target)


def restore(operation: RestoreData, job: Job) -> str:
    """From such a folder, whole or not at all; a dump is read by new data where the old is another major version's."""
    found = held.held(operation.name, job)
    if saving.is_dump(operation.source) and found.is_foreign():
        return found.afresh(lambda: saving.restore(found, operation.source))
    return saving.restore(found, operation.source)


def upgrade(operation: BeginUpgrade, job: Job) -> str:
    """Not at one stroke: two servers of one service would have to run side by side."""
    found = held.held(operation.name, job)
    wrote = found.wrote()
    if wrote:
        majors.refuse(operation.name, found.recipe, wrote, found.version)
    raise StepFailed(f"the data of {operation.name} is of version {found.version} already")
