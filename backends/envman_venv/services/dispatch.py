"""Which module carries out which operation on a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from envman.backend import Job
from envman.services import saving
from envman.services.snapshots import LookAtData, RestoreData, SaveData
from envman.services.upgrades import BeginUpgrade, DumpData, ReadData, TakePlace
from envman_venv.services import apply, boxed, tools, upgrade
from envman_venv.services.operations import FetchServer, StartService, StopService


def _save(operation: SaveData, job: Job) -> str:
    here = boxed if boxed.is_chosen(operation.name, job) else tools
    return saving.save(here.held(operation.name, job), operation.target)


def _look(operation: LookAtData, job: Job) -> str:
    here = boxed if boxed.is_chosen(operation.name, job) else tools
    return saving.look(here.held(operation.name, job), operation.target)


def _restore(operation: RestoreData, job: Job) -> str:
    if boxed.is_chosen(operation.name, job):
        return boxed.restore(operation, job)
    return saving.restore(tools.held(operation.name, job), operation.source)


_HANDLERS: Mapping[type, Callable[[Any, Job], str]] = {
    FetchServer: apply.fetch,
    StartService: apply.start,
    StopService: apply.stop,
    SaveData: _save,
    LookAtData: _look,
    RestoreData: _restore,
    BeginUpgrade: upgrade.begin,
    DumpData: upgrade.dump,
    ReadData: upgrade.read,
    TakePlace: upgrade.take_place,
}


def carry_out(operation: Any, job: Job) -> str:
    """Do it; answers with a better title for its row."""
    return _HANDLERS[type(operation)](operation, job)
