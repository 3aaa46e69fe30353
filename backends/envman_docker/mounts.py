"""What is mounted besides the project's folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from envman.project import Project

_OF_DESKTOP = "/run/host-services/ssh-auth.sock"  # where Docker Desktop shows the agent of a Mac to containers
_NOTE = "ssh-agent"


def parse(text: str, root: Path) -> dict[str, Any]:
    """A mount as Compose writes it in one line; folders are the project's own, `~` is the user's home."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    words = mode.split(",")
    found: dict[str, Any] = {"type": "volume", "source": source, "target": target}
    if source.startswith(("/", ".", "~")):
        place = os.path.normpath(root / Path(source).expanduser())
        # Not made when it is missing: the engine would make it as root.
        found = {"type": "bind", "source": place, "target": target, "bind": {"create_host_path": False}}
    return {**found, **({"read_only": True} if "ro" in words else {})}


def agent(project: Project) -> str | None:
    """The socket of the user's ssh agent; the one of before while it is there, so that a login makes nothing anew."""
    if sys.platform == "darwin":
        return _OF_DESKTOP
    for socket in (_noted(project), os.environ.get("SSH_AUTH_SOCK", "")):
        if socket and Path(socket).is_socket():
            return socket
    return None


def _noted(project: Project) -> str:
    try:
        return (_place(project) / _NOTE).read_text(encoding="utf-8")
    except OSError:
        return ""


def keep_agent(project: Project) -> None:
    """Remember which socket the containers have."""
    (_place(project) / _NOTE).write_text(agent(project) or "", encoding="utf-8")


def _place(project: Project) -> Path:
    return (project.folder or project.generated) / "docker"
