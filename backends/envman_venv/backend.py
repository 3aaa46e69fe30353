"""The face of the venv backend: interpreter and packages of the host, in an environment that is the project's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envman import inside
from envman.backend import Job
from envman_venv.check import check, facts, missing
from envman_venv.observe import observe, place, usage, watched
from envman_venv.plan import plan
from envman_venv.services.observe import logs
from envman_venv.services.servers import offers
from envman_venv.services.vitals import vitals

__all__ = [
    "DEPENDS", "ENTER", "GROWS", "ISOLATES", "NAME", "NEEDS", "OPTIONS", "RANK", "REPEATS", "SUMMARY",
    "apply", "check", "facts", "logs", "missing", "observe", "offers", "place", "plan", "taken", "usage", "viewpoint",
    "vitals", "watched",
]  # fmt: skip

NAME = "venv"
SUMMARY = "isolates interpreter and packages; no daemon, no root"
RANK = 0
ENTER = "envman_venv.enter"
OPTIONS = None
DEPENDS = ()
GROWS = False
ISOLATES = {"files": "shared", "processes": "shared", "kernel": "shared", "network": "shared"}
REPEATS = "Python and packages"
NEEDS = "nothing"
BORROWS = True

viewpoint = inside.on_host


def taken(environ: Mapping[str, str]) -> Mapping[int, str]:
    """Nothing here is given away unseen: whoever has a port listens on it."""
    return {}


def apply(operation: Any, job: Job) -> str | None:
    """Carry out one operation; the tools for that are loaded only now."""
    from envman_venv import apply as tools

    return tools.apply(operation, job)
