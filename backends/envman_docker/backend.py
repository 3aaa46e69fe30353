"""The face of the docker backend: a generated image and a compose stack."""

from __future__ import annotations

from typing import Any

from envman.backend import Job
from envman_docker import options
from envman_docker.check import check, facts, offers
from envman_docker.engine import missing
from envman_docker.logs import logs
from envman_docker.observe import observe, place, watched
from envman_docker.plan import plan
from envman_docker.usage import usage
from envman_docker.view import viewpoint
from envman_docker.vitals import vitals

__all__ = [
    "DEPENDS", "ENTER", "GROWS", "NAME", "OPTIONS", "RANK", "SUMMARY",
    "apply", "check", "facts", "logs", "missing", "observe", "offers", "place", "plan", "usage", "viewpoint",
    "vitals", "watched",
]  # fmt: skip

NAME = "docker"
SUMMARY = "isolates file system, system packages and network; matches production"
RANK = 10
ENTER = "envman_docker.enter"
OPTIONS = options.SHAPE
DEPENDS = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
GROWS = True


def apply(operation: Any, job: Job) -> str | None:
    """Carry out one operation; the tools for that are loaded only now."""
    from envman_docker import apply as tools

    return tools.apply(operation, job)
