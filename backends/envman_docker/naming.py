"""What the objects of a project are called in the engine, and the labels by which we know them again."""

from __future__ import annotations

from envman.identity import readable
from envman.project import Project

PROJECT = "dev.envman.project"  # whose it is; what does not carry it is never touched
INPUTS = "dev.envman.inputs"  # a digest of what it was made from
BASE = "dev.envman.base"  # which base the whole image stands on
SERVICE = "dev.envman.service"  # which service of the spec a container is
FOLDER = "dev.envman.folder"  # where the project stands, for people who meet the object in the engine
WORKSPACE = "workspace"  # the container that the project's commands run in
ROOT = "/project"
VENV = "/opt/venv"
STACK = "docker_stack"  # under which the name of the compose project is remembered


def identity(project: Project) -> str:
    """The project's id."""
    return project.identity.id if project.identity else "new"


def mine(project: Project) -> str:
    """The label of all that is the project's."""
    return f"{PROJECT}={identity(project)}"


def of_service(project: Project, name: str) -> tuple[str, str]:
    """The labels of all that is a service's."""
    return mine(project), f"{SERVICE}={name}"


def stack(project: Project) -> str:
    """The name of the compose project: readable, and nobody else's. A project that is renamed keeps its first."""
    known = project.memory.get(STACK)
    return known if isinstance(known, str) else f"{readable(project.name)}-{identity(project)[:8]}"


def base_image(project: Project) -> str:
    """The image with system, user and tools."""
    return f"envman-{stack(project)}:base"


def image(project: Project) -> str:
    """The whole image."""
    return f"envman-{stack(project)}:dev"


def own_image(project: Project) -> str:
    """The image of the project's own Dockerfile."""
    return f"envman-{stack(project)}:own"


def volume(project: Project, service: str) -> str:
    """The volume with a service's data."""
    return f"{stack(project)}-{service}"
