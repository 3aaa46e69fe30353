"""How things look from inside the containers."""

from __future__ import annotations

from collections.abc import Mapping

from envman.inside import Listening, Viewpoint
from envman.project import Project
from envman.services import catalogue, facts
from envman.services.recipe import image_of
from envman.spec.recipe import Recipe
from envman_docker import mounts, naming
from envman_docker.options import Options

_ANYWHERE = "0.0.0.0"  # noqa: S104 - of the container; what is published on this machine is bound as the spec says
AGENT = "/run/ssh-agent"


def viewpoint(project: Project) -> Viewpoint:
    """Programs listen on the ports that the spec asks for, whatever is free here; servers go by their names."""
    return Viewpoint(
        root=naming.ROOT,
        ports={name: Listening(port=port.port, address=_ANYWHERE) for name, port in project.spec.ports.items()},
        services=_services(project),
        bundle=None,
    )


def _services(project: Project) -> Mapping[str, Mapping[str, str]]:
    return facts.at(project, {name: (name, port_inside(project, name)) for name in project.spec.services})


def port_inside(project: Project, name: str) -> int | None:
    """The port that a service listens on in its container."""
    recipe = catalogue.of(project.spec, name)
    if recipe is not None:
        return recipe.port
    port = project.spec.services[name].port
    return (port.inside or port.host) if port else None


def title(recipe: Recipe, version: str) -> str:
    """What really runs, as people call it."""
    image = image_of(recipe, version)
    called = [title for program, title in recipe.native.programs.items() if program.split("-")[0] in image]
    return f"{next(iter((*called, *recipe.native.programs.values())), recipe.title)} {version}"


def of_user(own: Options, project: Project) -> dict[str, str]:
    """What of the user's own is handed on, for `enter`."""
    return {
        "agent": AGENT if own.ssh_agent and mounts.agent(project) else "",
        "git": "1" if own.git_identity else "",
        "names": "\n".join(project.spec.services),
    }
