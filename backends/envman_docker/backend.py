"""The face of the docker backend: a generated image and a compose stack."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from envman_docker import options

NAME = "docker"
SUMMARY = "isolates file system, system packages and network; matches production"
RANK = 10
ENTER = "envman_docker.enter"
OPTIONS = options.SHAPE
DEPENDS = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
GROWS = True
ISOLATES = {"files": "own, but the project", "processes": "own", "kernel": "shared", "network": "own"}
REPEATS = "all but the kernel"
NEEDS = "a Docker Engine"
CONTAINERS = "envman_docker.data.serving"

# Every command asks every backend for its options; what only this level's own projects need is loaded for them alone.
_HOMES = {
    "apply": "apply",
    "check": "check",
    "facts": "check",
    "logs": "logs",
    "missing": "engine",
    "observe": "observe",
    "offers": "check",
    "place": "observe",
    "plan": "plan",
    "taken": "published",
    "usage": "usage",
    "viewpoint": "view",
    "vitals": "vitals",
    "watched": "observe",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"envman_docker.{_HOMES[name]}"), name)
