"""What clients need of a service that runs on this machine: what `{services.NAME.…}` may ask for."""

from __future__ import annotations

from collections.abc import Mapping

from envman.project import Project
from envman.services import catalogue, passwords, recipe
from envman.spec.model import Spec

HOST = "127.0.0.1"


def port_name(name: str) -> str:
    """The name under which a service's port is remembered beside those of [ports]."""
    return f"services.{name}"


def wanted_port(spec: Spec, name: str) -> int | None:
    """The port of this machine that a service would like to have; None when it listens nowhere."""
    port = spec.services[name].port
    if port is not None:
        return port.host or port.inside
    recipe = catalogue.of(spec, name)
    return recipe.port if recipe else None


def on_host(project: Project) -> Mapping[str, Mapping[str, str]]:
    """The facts of every service that runs on this machine."""
    ports = {
        name: project.ports.get(port_name(name), wanted_port(project.spec, name)) for name in project.spec.services
    }
    return at(project, {name: (HOST, port) for name, port in ports.items()})


def at(project: Project, addresses: Mapping[str, tuple[str, int | None]]) -> Mapping[str, Mapping[str, str]]:
    """The facts of services that are reached at these addresses."""
    known = passwords.of(project.identity)
    return {name: _facts(project, name, known.get(name, ""), *address) for name, address in addresses.items()}


def _facts(project: Project, name: str, password: str, host: str, port: int | None) -> dict[str, str]:
    address = {"host": host, "port": str(port or "")}
    made = catalogue.of(project.spec, name)
    if made is None:
        url = f"http://{host}:{port}" if port else ""
        return {**address, "user": "", "password": "", "name": name, "url": url}
    facts = {**address, "user": made.user, "password": password if made.password else "", "name": made.database}
    return {**facts, "url": recipe.filled(made.url, facts)}
