"""Who works inside: whoever the files that are made there have to belong to."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman.errors import EngineMissing
from envman.files import owner
from envman.problem import Problem
from envman_docker import engine, sockets


def of(root: Path, environ: Mapping[str, str]) -> tuple[int, int]:
    """The user and group inside that stand for the project's owner."""
    return inside(owner(root), _told(environ), sys.platform)


def inside(owner: tuple[int, int], told: Mapping[str, Any], platform: str) -> tuple[int, int]:
    """The same, from what the engine tells of itself."""
    security = {part for option in told.get("SecurityOptions") or () for part in str(option).split(",")}
    if "name=rootless" in security:
        return 0, 0  # its root is the user who runs it, all others are nobody here
    if "name=userns" in security:
        message = "the engine gives its users other numbers (userns-remap): none of them could write to the project"
        raise EngineMissing(Problem(message=message, hint="use a rootless engine, or one without userns-remap"))
    if told.get("OperatingSystem") == "Docker Desktop" and platform == "linux":
        return 0, 0  # it shares folders as a rootless engine does
    return owner


def _told(environ: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        status, answer = sockets.ask(engine.find(environ).address, "GET", "/info")
        told = json.loads(answer) if status == 200 else {}
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
