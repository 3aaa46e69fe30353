"""What the machine of a project is called, and where things stand in it. On the hot path."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envman.project import Project

ROOT = "/project"
VENV = "/opt/venv"
STATE = "/var/lib/envman"  # of the guest: notes of what is done, servers, their data
TOOLS = "/usr/local/lib/envman"  # what we bring: the way in, uv
ENTER, ENTER_ON_TERMINAL = f"{TOOLS}/enter", f"{TOOLS}/enter-on-terminal"
UV = f"{TOOLS}/uv"
UNIT = "envman-"  # what the names of our systemd units begin with
MACHINE = "vagrant_machine"  # under which the machine's name is remembered
PROVIDER = "vagrant_provider"  # the same, of who runs it


def identity(project: Project) -> str:
    """The project's id."""
    return project.identity.id if project.identity else "new"


def begun(project: Project) -> str:
    """The name of a machine that was made, or was begun to be; empty where there is none."""
    known = project.memory.get(MACHINE)
    return known if isinstance(known, str) else ""


def machine(project: Project) -> str:
    """The name at the provider: readable, and nobody else's. A project that is renamed keeps its first."""
    from envman.identity import readable

    return begun(project) or f"envman-{readable(project.name)}-{identity(project)[:8]}"
