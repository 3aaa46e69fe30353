"""The last touch of a new container: what stands in the project's folder is installed, and all of it is looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence

from envman import process
from envman.backend import Job
from envman.console import counted
from envman.dependencies import elsewhere, resolve, source, uv
from envman.errors import StepFailed
from envman.files import write_json
from envman.frozen import replace
from envman.network import indexes, proxies
from envman.problem import Problem
from envman_docker import commands, locking, naming, observe, ready
from envman_docker.build import discard_old
from envman_docker.locking import locks_of
from envman_docker.operations import Finish


def finish(operation: Finish, job: Job) -> str | None:
    project = job.project
    box = ready.box(naming.WORKSPACE, job)
    local = elsewhere.local(locks_of(operation.recipe, job), project.root, naming.ROOT)
    if local:
        words = [word for one in local for word in one.split(" ", 1)]
        argv = ["uv", "pip", "install", "--quiet", "--no-deps", *words]
        done = _fetch(operation, argv, job) or ready.execute(job, box, argv, _variables(job))
        if done.code:
            raise _not_installed(done, job)
    told = ready.execute(job, box, [f"{naming.VENV}/bin/python", "-c", elsewhere.INVENTORY])
    if told.code:
        raise StepFailed(Problem(message=f"the container's Python does not run\n{told.last_lines(4)}"))
    # uv.lock may just have been brought up to date: what is recorded is what was installed from.
    fresh = replace(project, source=source.detect(project.root, project.spec.python))
    made_from = resolve.fingerprint(fresh, operation.recipe.python)
    note = {"container": box, "made_from": made_from, **json.loads(told.output.strip().splitlines()[-1])}
    write_json(observe.note_file(project), note)
    discard_old(job)
    return f"Python {note['python']}, {counted(len(note['packages']), 'package')}"


def _fetch(operation: Finish, argv: Sequence[str], job: Job) -> process.Completed | None:
    """Bring what builds the project into the cache, where the workspace itself cannot: the failure, if there is one."""
    if not _only_from_here(job):
        return None
    mount = commands.fields(type="bind", source=str(job.project.root), target=naming.ROOT)
    done = locking.in_container(operation.recipe, job, ["--mount", mount, naming.image(job.project)], argv)
    return done if done.code else None


def _only_from_here(job: Job) -> bool:
    named = [*indexes.variables(job).values(), *proxies.given(job.environ).values()]
    return indexes.lead_here(named) or indexes.netrc(job) is not None


def _variables(job: Job) -> dict[str, str]:
    found = {**proxies.inside(job.environ, tuple(job.project.spec.services)), **indexes.variables(job)}
    return {**found, "UV_OFFLINE": "1"} if _only_from_here(job) else found


def _not_installed(done: process.Completed, job: Job) -> StepFailed:
    said = job.masker.mask(done.last_lines(8))
    return StepFailed(Problem(message=f"could not install the project\n{said}", hint=uv.meaning(done.output)[1]))
