"""What the machine of a project is called, and where things stand in it."""

from __future__ import annotations

from envman.identity import readable
from envman.project import Project

ROOT = "/project"
VENV = "/opt/venv"
STATE = "/var/lib/envman"  # of the guest: notes of what is done, servers, their data
TOOLS = "/usr/local/lib/envman"  # what we bring: the way in, uv
ENTER, ENTER_ON_TERMINAL = f"{TOOLS}/enter", f"{TOOLS}/enter-on-terminal"
UV = f"{TOOLS}/uv"
UNIT = "envman-"  # what the names of our systemd units begin with
MACHINE = "vagrant_machine"  # under which the machine's name is remembered


def identity(project: Project) -> str:
    """The project's id."""
    return project.identity.id if project.identity else "new"


def machine(project: Project) -> str:
    """The name at the provider: readable, and nobody else's. A project that is renamed keeps its first."""
    known = project.memory.get(MACHINE)
    return known if isinstance(known, str) else f"envman-{readable(project.name)}-{identity(project)[:8]}"
