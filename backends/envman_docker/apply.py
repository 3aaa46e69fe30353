"""Which module carries out which of the docker backend's operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from envman.backend import Job
from envman.services.snapshots import LookAtData, RestoreData, SaveData
from envman.services.upgrades import BeginUpgrade
from envman_docker import build, containers, finish, locking, remove
from envman_docker.data import snapshot
from envman_docker.operations import (
    BuildBase,
    BuildImage,
    Finish,
    RemoveStack,
    ResolveInside,
    StartContainers,
    StopContainers,
)

_HANDLERS: Mapping[type, Callable[[Any, Job], str | None]] = {
    BuildBase: build.base,
    BuildImage: build.packages,
    ResolveInside: locking.resolved,
    StartContainers: containers.start,
    StopContainers: containers.stop,
    Finish: finish.finish,
    RemoveStack: remove.remove,
    SaveData: snapshot.save,
    LookAtData: snapshot.look,
    RestoreData: snapshot.restore,
    BeginUpgrade: snapshot.upgrade,
}


def apply(operation: Any, job: Job) -> str | None:
    """Carry out one operation; answers with a better title for its row, if there is one."""
    return _HANDLERS[type(operation)](operation, job)
