"""What the engine offers, and which keys of a spec containers cannot honour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envman import process
from envman.backend import Offer
from envman.errors import EnvmanError
from envman.services import catalogue
from envman.services.recipe import filled
from envman.spec.model import Spec
from envman.spec.recipe import Recipe
from envman.spec.shape import Fault
from envman_docker import engine, naming, options


def facts(environ: Mapping[str, str]) -> Sequence[str]:
    """The engine and its tools, each with its version and who led us to it."""
    try:
        found = engine.find(environ)
        with engine.api(environ) as asked:
            told = asked.version()
    except (EnvmanError, OSError):
        return []
    env = engine.variables(environ, found)
    lines = [f"engine {told['Version']} at {found.address}, by {found.said_by}"]
    for words, title in ((["compose", "version", "--short"], "compose"), (["buildx", "version"], "buildx")):
        done = process.capture(["docker", *words], env=env)
        said = done.output.strip().splitlines()
        lines += [f"{title} {said[0].removeprefix('github.com/docker/buildx ').split(' ')[0]}"] if said else []
    return lines


def check(spec: Spec) -> Sequence[Fault]:
    """Keys that containers cannot honour."""
    return [*_services(spec), *_base(spec)]


def _services(spec: Spec) -> Iterator[Fault]:
    for name, service in spec.services.items():
        recipe = catalogue.of(spec, name)
        if name == naming.WORKSPACE:
            yield Fault(("services", name), f'"{name}" is the container of the project itself', "choose another name")
        if recipe is not None and not recipe.has_container:
            yield Fault(("services", name, "use"), f"{service.use} has no container image", "it works at venv level")
        if service.source in ("binary", "wheel"):
            yield Fault(("services", name, "source"), f"here it comes as a container, not as a {service.source}")


def _base(spec: Spec) -> Iterator[Fault]:
    own = options.of(spec)
    if own.base and own.dockerfile:
        yield Fault(("docker", "dockerfile"), "base and dockerfile both say what to begin with", "keep one of them")
    if own.base and "alpine" in own.base:
        hint = f"use {own.base.partition('-')[0]}-slim-bookworm"
        yield Fault(("docker", "base"), "Alpine has no apt, and its C library takes no usual wheels", hint)


def offers(recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
    """Every version of a server that has an image."""
    if not recipe.has_container:
        return []
    return [
        Offer(version=version, source="container", how=filled(str(recipe.image), {"version": version}))
        for version in recipe.versions
    ]
