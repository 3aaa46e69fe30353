"""Which data was written by another major version than that of the server which would open it."""

from __future__ import annotations

from collections.abc import Mapping

from envman.project import Project
from envman.services import catalogue
from envman.services.holding import major
from envman.spec.model import Service
from envman.spec.recipe import Recipe
from envman_venv.services import boxed, data, places, servers
from envman_venv.services.servers import Server


def expected(recipe: Recipe, service: Service, environ: Mapping[str, str]) -> str:
    """The version that would open the data, as its server will say it, as far as that is known before."""
    found = servers.find_here(recipe, service, environ)
    if isinstance(found, Server):
        return found.version
    asked = servers.asked_version(recipe, service)
    return found.wheel.requirement.partition("==")[2] if found.wheel else asked


def foreign(project: Project, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Of each such service the major version that wrote its data, and the version that would open it."""
    found: dict[str, tuple[str, str]] = {}
    for name, service in project.spec.services.items():
        recipe = catalogue.of(project.spec, name)
        if project.identity is None or recipe is None or not recipe.keeps or boxed.is_boxed(project.identity, name):
            continue
        wrote = data.written_by(places.of(project.identity, name, recipe).data)
        # A server is looked for, and asked for its version, only where the spec alone does not tell.
        if wrote and wrote != major(servers.asked_version(recipe, service)):
            version = expected(recipe, service, environ)
            if wrote != major(version):
                found[name] = (wrote, version)
    for name, wrote, version in boxed.foreign(project, environ):
        if wrote != major(version):
            found[name] = (wrote, version)
    return found
