"""What the engine offers, and which keys of a spec containers cannot honour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from envman import process
from envman.backend import Offer
from envman.errors import EnvmanError, UsageError
from envman.problem import Problem
from envman.services import catalogue
from envman.services.recipe import image_of
from envman.spec.model import Spec
from envman.spec.recipe import Recipe
from envman.spec.shape import Fault, suggestion
from envman_docker import engine, naming, options, view
from envman_docker.own import NO_ALPINE, NOT_ALPINE, is_alpine

_PYTHON = re.compile(r"(?:docker\.io/)?(?:library/)?python:(\d+\.\d+)")


def facts(environ: Mapping[str, str]) -> Sequence[str]:
    """The engine and its tools, each with its version and who led us to it."""
    try:
        found = engine.find(environ)
        with engine.sdk(environ) as client:
            told = client.version()
    except (EnvmanError, OSError):
        return []
    env = engine.variables(environ, found)
    lines = [f"engine {told['Version']} at {found.address}, by {found.said_by}"]
    for words, title in ((["compose", "version", "--short"], "compose"), (["buildx", "version"], "buildx")):
        done = process.capture(["docker", *words], env=env)
        said = done.output.strip().removeprefix("github.com/docker/buildx ").split()
        lines.append(f"{title} does not start" if done.code or not said else f"{title} {said[0]}")
    return lines


def check(spec: Spec) -> Sequence[Fault]:
    """Keys that containers cannot honour."""
    return [*_without_hope(spec), *_services(spec), *_base(spec), *_compose(spec)]


def refuse(spec: Spec) -> None:
    """Before any work: what no container can ever be made of."""
    from envman.spec.layer import dotted

    hopeless = list(_without_hope(spec))
    if hopeless:
        raise UsageError(
            [
                Problem(message=f"{dotted(one.path)}: {one.message}", hint=one.hint, key=dotted(one.path))
                for one in hopeless
            ]
        )


def _without_hope(spec: Spec) -> Iterator[Fault]:
    yield from _wrong_base(spec)
    listening: dict[int, str] = {}
    for name, service in spec.services.items():
        recipe = catalogue.of(spec, name)
        if name == naming.WORKSPACE:
            yield Fault(("services", name), f'"{name}" is the container of the project itself', "choose another name")
        if recipe is not None and not recipe.has_container:
            yield Fault(("services", name, "use"), f"{service.use} has no container image", "it works at venv level")
        port = (service.port.inside or service.port.host) if service.run and service.port else None
        if port is not None and port in listening:
            hint = "give one of them another port"
            yield Fault(("services", name, "port"), f"{listening[port]} listens on {port} too, in one network", hint)
        if port is not None:
            listening[port] = f"services.{name}"


def _compose(spec: Spec) -> Iterator[Fault]:
    services = options.of(spec).compose.get("services")
    known = (naming.WORKSPACE, *spec.services)
    for name in services if isinstance(services, Mapping) else ():
        if name not in known:
            message = f'there is no service "{name}" to merge this into'
            hint = suggestion(name, known) or f'[services.{name}] image = "…" makes one'
            yield Fault(("docker", "compose", "services", name), message, hint)


def _services(spec: Spec) -> Iterator[Fault]:
    for name, service in spec.services.items():
        if service.source in ("binary", "wheel"):
            yield Fault(("services", name, "source"), f"here it comes as a container, not as a {service.source}")


def _base(spec: Spec) -> Iterator[Fault]:
    own = options.of(spec)
    if own.base and own.dockerfile:
        yield Fault(("docker", "dockerfile"), "base and dockerfile both say what to begin with", "keep one of them")
    if own.base and "@" not in own.base and own.base.rpartition("/")[2].partition(":")[2] in ("", "latest"):
        hint = "name a version and a suite, for example python:3.12-slim-bookworm"
        yield Fault(("docker", "base"), f"{own.base} is another image every few weeks", hint)


def _wrong_base(spec: Spec) -> Iterator[Fault]:
    base, asked = options.of(spec).base or "", spec.python.version or ""
    named = _PYTHON.match(base)
    if named and asked[:1].isdigit() and asked.split(".")[:2] != named[1].split("."):
        hint = f'base = "{base.replace(named[1], ".".join(asked.split(".")[:2]), 1)}"'
        yield Fault(("docker", "base"), f"it has Python {named[1]}, and {asked} is asked for", hint)
    if is_alpine(base):
        yield Fault(("docker", "base"), NO_ALPINE, NOT_ALPINE)


def offers(recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
    """Every version of a server that has an image."""
    if not recipe.has_container:
        return []
    return [
        Offer(version=version, source="container", title=view.title(recipe, version), how=image_of(recipe, version))
        for version in recipe.versions
    ]
