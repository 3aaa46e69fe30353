"""The last touch of a new container: what stands in the project's folder is installed, and all of it is looked at."""

from __future__ import annotations

import json

from envman.backend import Job
from envman.console import counted
from envman.errors import StepFailed
from envman.files import write_json
from envman.problem import Problem
from envman_docker import commands, image, naming, observe, ready
from envman_docker.locking import locks_of
from envman_docker.operations import Finish

_INVENTORY = (
    "import json, platform, importlib.metadata as m;"
    "found = {d.name: d.version for d in m.distributions()};"
    "print(json.dumps({'python': platform.python_version(), 'packages': found}))"
)


def finish(operation: Finish, job: Job) -> str | None:
    project = job.project
    box = ready.box(naming.WORKSPACE, job)
    local = image.local(locks_of(operation.recipe, job), project.root)
    if local:
        words = [word for one in local for word in one.split(" ", 1)]
        argv = ["uv", "pip", "install", "--quiet", "--no-deps", *words]
        done = ready.execute(job, box, argv, commands.index_variables(job))
        if done.code:
            raise StepFailed(Problem(message=f"could not install the project\n{job.masker.mask(done.last_lines(8))}"))
    told = ready.execute(job, box, [f"{naming.VENV}/bin/python", "-c", _INVENTORY])
    if told.code:
        raise StepFailed(Problem(message=f"the container's Python does not run\n{told.last_lines(4)}"))
    note = {"container": box, **json.loads(told.output.strip().splitlines()[-1])}
    write_json(observe.note_file(project), note)
    return f"Python {note['python']}, {counted(len(note['packages']), 'package')}"
