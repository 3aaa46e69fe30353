"""Where the machine answers by ssh, for editors and other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envman.errors import StepFailed
from envman.files import content
from envman.problem import Problem
from envman.project import Project
from envman_vagrant import connection, naming, places

# What the settings of our own connection say beyond the way there.
_OURS = ("ControlPath", "SendEnv", "BatchMode", "LogLevel", "ServerAliveInterval", "ServerAliveCountMax")


def ssh_config(project: Project, environ: Mapping[str, str]) -> tuple[str, Sequence[tuple[str, str]]]:
    """The name of the machine, and the settings that lead there."""
    if project.folder is None or connection.held(project, environ) is None:
        raise StepFailed(Problem(message="the machine does not run", hint="envman up"))
    lines = content(places.config(project)).decode("utf-8", "replace").splitlines()
    found = [line.strip().partition(" ")[::2] for line in lines if line.startswith("  ")]
    return naming.machine(project), [(name, value) for name, value in found if name not in _OURS]
