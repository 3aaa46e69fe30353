"""Which backend is meant, and who said so: flag, variable, the developer's choice, local file, spec, default."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from envman import backend as backends
from envman.backend import Backend
from envman.frozen import frozen
from envman.problem import Problem
from envman.project import Project, open_project
from envman.request import Request


@frozen
class Active:
    """A project on the backend that is meant."""

    project: Project
    backend: Backend
    chosen_by: str
    passed_over: tuple[Problem, ...] = ()

    @property
    def unsupported(self) -> tuple[Problem, ...]:
        """The keys of the spec that this backend cannot honour."""
        from envman.spec.layer import dotted

        return tuple(
            Problem(message=f"{dotted(fault.path)}: {fault.message}", hint=fault.hint, key=dotted(fault.path))
            for fault in self.backend.check(self.project.spec)
        )


def _names(request: Request, project: Project) -> tuple[Sequence[str], str]:
    if request.backend:
        return [request.backend], "--backend"
    if request.environ.get("ENVMAN_BACKEND"):
        return [request.environ["ENVMAN_BACKEND"]], "ENVMAN_BACKEND"
    chosen = project.memory.get("backend")
    if isinstance(chosen, str) and chosen:
        return [chosen], "envman switch"
    if project.local and project.local.backend:
        return project.local.backend, "envman.local.toml"
    if project.spec.backend:
        return project.spec.backend, "the spec"
    return [_default()], "the default"


def _default() -> str:
    modules = {name: backends.as_backend(import_module(module)) for name, module in backends.registered().items()}
    return min(modules, key=lambda name: modules[name].RANK)


def read(request: Request) -> Project:
    """The project of the request's folder."""
    return open_project(request.folder, request.environ, profiles=request.profiles, shapes=backends.options())


def find(request: Request) -> Active:
    """The project and its active backend; raises when none of those that are asked for can run here."""
    project = read(request)
    names, chosen_by = _names(request, project)
    backend, passed = backends.choose(names, request.environ)
    return Active(project=project, backend=backend, chosen_by=chosen_by, passed_over=passed)


def is_usual(request: Request) -> bool:
    """Whether the request means what a bare `envman run` would mean: only that may leave a ready file behind."""
    overridden = request.environ.get("ENVMAN_BACKEND") or request.environ.get("ENVMAN_PROFILE")
    return request.backend is None and request.profiles is None and not overridden
