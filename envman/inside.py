"""The variables that a project's processes see, filled for where they run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envman import variables
from envman.dependencies import uv
from envman.errors import UsageError
from envman.frozen import field, frozen
from envman.problem import Problem
from envman.project import Project
from envman.secrets import Masker
from envman.services import facts, passwords
from envman.spec import layer
from envman.spec.template import HostVariable, Literal, Reference, Template
from envman.variables import VariableError


@frozen
class Listening:
    """Where a program inside listens, so that this machine reaches it."""

    port: int
    address: str


@frozen
class Viewpoint:
    """What is different for whoever looks from inside."""

    root: str  # the project's folder
    ports: Mapping[str, Listening]
    bundle: str | None  # the certificates that the spec names, where it names a file
    services: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # url, host, port, user, password, name


def on_host(project: Project) -> Viewpoint:
    """The viewpoint of a backend that shares files and network with this machine."""
    spec = project.spec
    return Viewpoint(
        root=str(project.root),
        ports={
            name: Listening(port=project.ports.get(name, port.port), address=port.bind)
            for name, port in spec.ports.items()
        },
        services=facts.on_host(project) if spec.services else {},
        bundle=uv.own_bundle(spec.network, project.root),
    )


def _reference(name: str, project: Project, view: Viewpoint) -> str:
    kind, *rest = name.split(".")
    if kind == "project":
        return project.name if rest == ["name"] else view.root
    if kind == "ports":
        port, fact = rest
        if fact == "host":
            return str(project.ports.get(port, project.spec.ports[port].port))
        return view.ports[port].address if fact == "bind" else str(view.ports[port].port)
    service, fact = rest
    return view.services[service][fact]


def _parts(template: Template, project: Project, view: Viewpoint) -> list[str]:
    """A value in the form that the ready file keeps: references filled, host variables still open."""
    kept: list[str] = []
    for part in template:
        if isinstance(part, Literal):
            kept.append("=" + part.text)
        elif isinstance(part, Reference):
            kept.append("=" + _reference(part.name, project, view))
        elif isinstance(part, HostVariable):
            kept.append("$" + part.name if part.default is None else f"?{part.name}:{part.default}")
    return kept


def declared(project: Project, view: Viewpoint) -> list[tuple[str, list[str]]]:
    """Every variable that the spec sets, with its parts: the company's bundle for all tools, then [env]."""
    own = [(name, ["=" + view.bundle]) for name in uv.TRUSTS] if view.bundle else []
    return own + [(name, _parts(template, project, view)) for name, template in project.spec.env.variables.items()]


def env_files(project: Project) -> list[tuple[str, bool]]:
    """The files of variables, and whether each may be absent."""
    return [(str(project.root / name.removesuffix("?")), name.endswith("?")) for name in project.spec.env_files]


def as_error(error: VariableError) -> UsageError:
    """The failure of a value, for the user."""
    file = layer.shown(Path(error.file)) if error.file else None
    return UsageError(Problem(message=error.message, hint=error.hint, file=file, line=error.line))


def resolve(project: Project, view: Viewpoint, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with their values; raises UsageError when one cannot be filled."""
    try:
        return variables.resolve(env_files(project), declared(project, view), environ)
    except VariableError as error:
        raise as_error(error) from None


def masker(project: Project, environ: Mapping[str, str]) -> Masker:
    """What hides the project's secrets: all values of env files, and whatever came from the host."""
    secret: list[str] = []
    for file in env_files(project):
        try:
            secret += variables.read_env_files([file]).values()
        except VariableError:
            pass  # it is reported where the values are needed
    for template in project.spec.env.variables.values():
        secret += [environ.get(part.name, "") for part in template if isinstance(part, HostVariable)]
    secret += [value for name, value in environ.items() if _names_credential(name)]
    secret += passwords.of(project.identity).values()
    return Masker(value for value in secret if value)


def _names_credential(name: str) -> bool:
    index = name.startswith(("UV_INDEX_", "UV_PUBLISH_", "PIP_"))
    return index and name.endswith(("_PASSWORD", "_USERNAME", "_TOKEN"))
