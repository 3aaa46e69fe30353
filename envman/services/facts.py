"""What clients need of a service that runs on this machine: what `{services.NAME.…}` may ask for."""

from __future__ import annotations

from collections.abc import Mapping

from envman.project import Project
from envman.services import catalogue, passwords, recipe
from envman.spec.model import Service

HOST = "127.0.0.1"


def port_name(name: str) -> str:
    """The name under which a service's port is remembered beside those of [ports]."""
    return f"services.{name}"


def wanted_port(service: Service) -> int | None:
    """The port of this machine that a service would like to have; None when it listens nowhere."""
    if service.port is not None:
        return service.port.host or service.port.inside
    return catalogue.find(service.use).port if service.use else None


def on_host(project: Project) -> Mapping[str, Mapping[str, str]]:
    """The facts of every service that runs on this machine."""
    known = passwords.of(project.identity)
    return {name: _facts(project, name, known.get(name, "")) for name in project.spec.services}


def _facts(project: Project, name: str, password: str) -> dict[str, str]:
    service = project.spec.services[name]
    port = project.ports.get(port_name(name), wanted_port(service))
    address = {"host": HOST, "port": str(port or "")}
    if not service.use:
        url = f"http://{HOST}:{port}" if port else ""
        return {**address, "user": "", "password": "", "name": name, "url": url}
    made = catalogue.find(service.use)
    facts = {**address, "user": made.user, "password": password if made.password else "", "name": made.database}
    return {**facts, "url": recipe.filled(made.url, facts)}
