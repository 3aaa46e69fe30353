"""The venv backend: interpreter and packages of the host, in a virtual environment that is the project's own."""

from __future__ import annotations

from envman_venv.apply import apply
from envman_venv.check import check, probe
from envman_venv.observe import observe, place, usage, watched
from envman_venv.plan import plan

__all__ = [
    "ENTER",
    "NAME",
    "OPTIONS",
    "RANK",
    "SUMMARY",
    "apply",
    "check",
    "observe",
    "place",
    "plan",
    "probe",
    "usage",
    "watched",
]

NAME = "venv"
SUMMARY = "isolates interpreter and packages; no daemon, no root"
RANK = 0
ENTER = "envman_venv.enter"
OPTIONS = None
