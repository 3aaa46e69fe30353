"""Which module carries out which of the vagrant backend's operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from envman.backend import Job
from envman.services.snapshots import DeleteMachine, RestoreMachine, SaveMachine
from envman_vagrant import copying, environment, machine, system, whole
from envman_vagrant.operations import (
    Connect,
    CopyFolder,
    InstallPackages,
    MakeEnvironment,
    PrepareSystem,
    Provision,
    RemoveMachine,
    ResolveInside,
    StartMachine,
    StopMachine,
)

_HANDLERS: Mapping[type, Callable[[Any, Job], str | None]] = {
    StartMachine: machine.start,
    Connect: machine.connect,
    StopMachine: machine.stop,
    RemoveMachine: machine.remove,
    Provision: machine.provision,
    PrepareSystem: system.prepare,
    CopyFolder: copying.carry_out,
    ResolveInside: environment.resolved,
    MakeEnvironment: environment.make,
    InstallPackages: environment.install,
    SaveMachine: whole.save,
    RestoreMachine: whole.restore,
    DeleteMachine: whole.delete,
}


def apply(operation: Any, job: Job) -> str | None:
    """Carry out one operation; answers with a better title for its row, if there is one."""
    handler = _HANDLERS.get(type(operation))
    if handler is None:  # most projects have no services in this moment, and need not wait for their tools
        handler = import_module("envman_vagrant.services.apply").HANDLERS[type(operation)]
    return handler(operation, job)
