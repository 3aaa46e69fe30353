"""Data that was brought out of a machine before it went, until the next machine has it."""

from __future__ import annotations

from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content, readable_size, remove_tree, size_of
from envman.problem import Problem
from envman.project import Project
from envman.services import saving
from envman_vagrant import guest
from envman_vagrant.services import layout, scripts, transfer
from envman_vagrant.services.operations import KeepData, KeepVolumes

_VOLUMES = ".volumes.tar"
_FOLDER = ".vagrant"  # beside the data of services that run elsewhere, whose names have no dot


def place(project: Project, name: str) -> Path | None:
    """The copy of a service's data; None where there is none."""
    found = project.identity.data / _FOLDER / name if project.identity else None
    return found if found is not None and found.is_dir() else None


def wrote(project: Project) -> dict[str, str]:
    """The major version that wrote each copy."""
    found = {name: place(project, name) for name in project.spec.services}
    return {name: saving.wrote(folder) for name, folder in found.items() if folder is not None}


def keep(operation: KeepData, job: Job) -> str:
    """All of it, its files: what a dump leaves out would be lost."""
    own = job.project.identity
    if own is None:
        raise StepFailed("the project has no identity")
    name = operation.name
    target = own.data / _FOLDER / name
    staging = target.with_name(f".{name}.new")
    remove_tree(staging)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    where = layout.of(name)
    what = f"the data of {name} could not be brought out of the machine"
    if operation.perhaps and guest.attempt(job, f"[ -e {where.data} ] || [ -e {where.aside} ]").code == 1:
        return "it has no data"
    script = layout.locked(name) + scripts.stopped([name]) + scripts.put_back(where)
    try:
        guest.run(job, script, what)
        transfer.pull(where.data, staging, job, what)
        if not saving.wrote(staging):
            raise StepFailed(f"{what}: it is not whole")
    except StepFailed as error:
        remove_tree(staging)
        raise _nothing_was_removed(error) from error
    remove_tree(target)
    staging.rename(target)
    return f"{readable_size(size_of(target))} in {target}"


def _nothing_was_removed(error: StepFailed) -> StepFailed:
    hint = "nothing was removed; envman destroy --data goes without it"
    return StepFailed([Problem(message=one.message, hint=hint, key=one.key) for one in error.problems])


def bring_back(name: str, job: Job) -> None:
    """Where a service has no data in the machine, the copy becomes it."""
    source, where = place(job.project, name), layout.of(name)
    if source is None:
        return
    what = f"the data of {name} could not be brought into the machine"
    look = f'{layout.locked(name)}{scripts.put_back(where)}{scripts.whole(where)}echo "wrote=$_wrote"\n'
    if guest.run(job, look, what).last_lines(1) != "wrote=":
        return  # it is there since a start that failed later
    job.line.progress(f"its data is brought back, {readable_size(size_of(source))}")
    transfer.push(source, where.fresh, job, what)
    given = scripts.notes(where.fresh, saving.wrote(source), content(source / saving.FILLED).decode().strip())
    swap = f"{layout.locked(name)}{given}rm -rf {where.data}\nmv {where.fresh} {where.data}\n"
    guest.run(job, scripts.folders(where, layout.USER) + swap, what)


def keep_volumes(operation: KeepVolumes, job: Job) -> str:
    """All that a container has kept, in one file: its owners are numbers of the image's, and mean nothing here."""
    own = job.project.identity
    if own is None:
        raise StepFailed("the project has no identity")
    name, target = operation.name, own.data / _FOLDER / f"{operation.name}{_VOLUMES}"
    staging = target.with_name(f".{target.name}.new")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    where, what = layout.of(name), f"the data of {name} could not be brought out of the machine"
    if guest.attempt(job, f"{layout.locked(name)}{scripts.stopped([name])}[ -d {where.volumes} ]").code == 1:
        return "it has no data"
    try:
        staging.touch(mode=0o600)
        transfer.piped(f"sudo -n tar --numeric-owner -C {where.volumes} -cf - .", job, what, target=staging)
    except StepFailed as error:
        staging.unlink(missing_ok=True)
        raise _nothing_was_removed(error) from error
    staging.rename(target)
    return f"{readable_size(target.stat().st_size)} in {target}"


def bring_volumes_back(name: str, job: Job) -> None:
    """Where a container has kept nothing in the machine yet, the file becomes that."""
    source, where = _volumes(job.project, name), layout.of(name)
    if source is None or guest.attempt(job, f"[ ! -e {where.volumes} ]").code:
        return
    job.line.progress(f"its data is brought back, {readable_size(source.stat().st_size)}")
    fresh = f"{where.volumes}.new"
    inner = (
        f"set -e; rm -rf {fresh}; mkdir -p {fresh}; tar --numeric-owner -xpf - -C {fresh}; mv {fresh} {where.volumes}"
    )
    what = f"the data of {name} could not be brought into the machine"
    transfer.piped(f"sudo -n sh -c '{inner}'", job, what, source=source)


def _volumes(project: Project, name: str) -> Path | None:
    found = project.identity.data / _FOLDER / f"{name}{_VOLUMES}" if project.identity else None
    return found if found is not None and found.is_file() else None


def drop(name: str, job: Job) -> None:
    """The machine has it."""
    for source in (place(job.project, name), _volumes(job.project, name)):
        if source is not None:
            remove_tree(source)
            if not any(source.parent.iterdir()):
                source.parent.rmdir()
