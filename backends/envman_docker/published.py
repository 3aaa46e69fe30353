"""The ports that the engine has given to containers, whoever owns those."""

from __future__ import annotations

import json
from collections.abc import Mapping

from envman.errors import EnvmanError
from envman_docker import engine, sockets

_PATIENCE = 1.0  # seconds: whoever chooses a port does not wait for an engine that hangs


def taken(environ: Mapping[str, str]) -> Mapping[int, str]:
    """By port, the container that has it: not every engine listens there itself. Empty where none answers."""
    try:
        address = engine.find(environ).address
        status, answer = sockets.ask(address, "GET", "/containers/json", patience=_PATIENCE)
        found = json.loads(answer) if status == 200 else []
    except (EnvmanError, OSError, ValueError):
        return {}
    return {
        int(port["PublicPort"]): f"container {one['Names'][0].lstrip('/')}"
        for one in found
        for port in one.get("Ports") or ()
        if port.get("PublicPort") and one.get("Names")
    }
