"""The whole machine, kept as it is and brought back: by its provider's own snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envman.backend import Job
from envman.errors import EngineMissing, EnvmanError, StepFailed
from envman.problem import Problem
from envman.project import Project
from envman.services.snapshots import DeleteMachine, RestoreMachine, SaveMachine
from envman_vagrant import connection, machine, places, seen, states
from envman_vagrant.driver import Driver
from envman_vagrant.operations import Start, StartMachine
from envman_vagrant.states import State


def machines(project: Project, environ: Mapping[str, str]) -> Sequence[str]:
    """The names of its snapshots; none where there is no machine."""
    provider = machine.made_by(project)
    if provider is None or not provider.snapshots:
        return []
    try:
        return machine.driver_of(project, provider, environ).snapshots()
    except EnvmanError:
        return []


def save(operation: SaveMachine, job: Job) -> str | None:
    """Disk, and memory where the folder lets that be kept; where it does not, the machine is off for a moment."""
    state = _state(job)
    aside = state is State.RUNNING and machine.kind(job).folder.frozen
    if aside:
        _halt(job)
    try:
        _driver(job).snapshot_save(operation.name, job.log)
    finally:
        if aside:
            machine.start(StartMachine(how=Start.BOOT), job)
    return "its disk, and what was in memory was written there first" if aside else "disk and memory"


def restore(operation: RestoreMachine, job: Job) -> str | None:
    """All that was done in the machine since is gone; the project's folder is not in it."""
    ran = _state(job) is State.RUNNING
    connection.close(job.project, job.environ)
    if ran and machine.kind(job).folder.frozen:
        _halt(job)
    _driver(job).snapshot_restore(operation.name, job.log)
    seen.forget(job.project)
    if ran:
        state, _ = states.of(machine.kind(job).provider, places.dotfile(job.project), job.environ)
        machine.start(StartMachine(how=Start.RELOAD if state is State.RUNNING else Start.BOOT), job)
    return "what was made in it since is gone"


def delete(operation: DeleteMachine, job: Job) -> str | None:
    """Remove a snapshot."""
    _driver(job).snapshot_delete(operation.name, job.log)
    return None


def _halt(job: Job) -> None:
    connection.close(job.project, job.environ)
    _driver(job).halt(job.log)


def _driver(job: Job) -> Driver:
    return machine.driver(job, machine.kind(job).provider)


def _state(job: Job) -> State:
    provider = machine.made_by(job.project)
    if provider is None:
        raise StepFailed(Problem(message="there is no machine yet", hint="envman up"))
    if not provider.snapshots:
        raise EngineMissing(f"{provider.title} has no snapshots of whole machines; without --machine the data is kept")
    return states.of(provider, places.dotfile(job.project), job.environ)[0]
