"""A command of the project as it runs in its environment: a process that is a service, or a probe."""

from __future__ import annotations

from envman import inside
from envman.backend import Job
from envman.spec.model import Command
from envman_venv import enter, layout, marker


def entered(job: Job, command: Command) -> tuple[list[str], dict[str, str], str]:
    """Argument vector, variables and folder."""
    project = job.project
    prefix = layout.prefix(project)
    note = marker.read(prefix)
    place = {"prefix": str(prefix), "label": project.name, "generation": note.generation if note else ""}
    values = inside.resolve(project, inside.on_host(project), job.environ)
    argv, env, cwd = enter.enter(place, values, job.environ, command.argv(), str(project.root))
    return list(argv), dict(env), cwd
