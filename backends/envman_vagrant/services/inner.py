"""Commands of the project inside the machine: as processes of this one, and what their units are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envman import handed, inside
from envman.backend import Job
from envman.project import Project
from envman.spec.model import Command
from envman_vagrant import enter, guest, naming, options, view


def place(project: Project) -> dict[str, str]:
    """What `enter` needs for a tool that is none of the project's commands."""
    return {**guest.place(project), "root": str(project.root), "inside": naming.ROOT, "pass": "", "names": ""}


def entered(job: Job, command: Command) -> tuple[Sequence[str], Mapping[str, str], str]:
    """A process of this machine that runs a command of the spec inside."""
    project = job.project
    where = {**place(project), "pass": "\n".join(project.spec.env.passed)}
    values = inside.resolve(project, view.viewpoint(project), job.environ)
    return enter.enter(where, values, job.environ, command.argv(), str(project.root))


def variables(job: Job) -> dict[str, str]:
    """All that a process of the project sees besides what every process of the machine does."""
    project = job.project
    where = {**place(project), "git": "1" if options.of(project.spec).git_identity else ""}
    return {
        **handed.let_in(project.spec.env.passed, job.environ),
        **handed.of_user(where, job.environ),
        **inside.resolve(project, view.viewpoint(project), job.environ),
    }
