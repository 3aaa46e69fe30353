"""How things look from inside the machine."""

from __future__ import annotations

from collections.abc import Mapping

from envman.inside import Listening, Viewpoint
from envman.project import Project
from envman.services import catalogue, facts
from envman.spec.model import Service
from envman_vagrant import naming

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def viewpoint(project: Project) -> Viewpoint:
    """Programs listen on the ports that the spec asks for, whatever is free here; servers are beside them."""
    return Viewpoint(
        root=naming.ROOT,
        ports={
            name: Listening(port=port.port, address=facts.HOST if port.bind in _LOOPBACK else port.bind)
            for name, port in project.spec.ports.items()
        },
        services=_services(project),
        bundle=None,
    )


def _services(project: Project) -> Mapping[str, Mapping[str, str]]:
    return facts.at(project, {name: (facts.HOST, port) for name, port in ports_inside(project).items()})


def ports_inside(project: Project) -> Mapping[str, int | None]:
    """The port that each service listens on: its usual one, unless another of the project has it already."""
    taken = {port.port for port in project.spec.ports.values()}
    found: dict[str, int | None] = {}
    for name, service in project.spec.services.items():
        recipe = catalogue.of(project.spec, name)
        asked = (service.port.inside or (service.port.host if service.run else None)) if service.port else None
        port = asked or port_of_image(service) or (recipe.port if recipe else None)
        # A container listens where its image says; which port of the machine leads there is ours to choose.
        while port is not None and port in taken and (service.image or not asked):
            port += 1
        if port is not None:
            taken.add(port)
        found[name] = port
    return found


def port_of_image(service: Service) -> int | None:
    """The port that a container listens on."""
    return (service.port.inside or service.port.host) if service.image and service.port else None


def forwards(project: Project) -> tuple[tuple[str, int, int], ...]:
    """The ports of this machine that lead inside: address, port here, port there."""
    inside = ports_inside(project)
    own = [
        (port.bind, project.ports[name], port.port)
        for name, port in project.spec.ports.items()
        if name in project.ports
    ]
    served = [
        (facts.HOST, project.ports[facts.port_name(name)], port)
        for name, port in inside.items()
        if port is not None and facts.port_name(name) in project.ports
    ]
    return tuple(sorted(dict.fromkeys([*own, *served])))


def taken(environ: Mapping[str, str]) -> Mapping[int, str]:
    """Nothing that a try to listen does not tell: our ports are held by a process of this machine."""
    return {}
