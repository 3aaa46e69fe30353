"""Whether anybody listens behind a port that somebody else holds open: an engine, or a connection into a machine."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from envman.services import probe

_PATIENCE = 2.0
_MOMENT = 0.25  # seconds in which it finds out that there is nobody


def ask(how: str, address: tuple[str, int], known: Mapping[str, str]) -> str | None:
    """What is wrong; None when it answers, or only listens where nobody knows how to ask it."""
    return tcp(address) if how == "tcp" else probe.ask(how, address, known)


def tcp(address: tuple[str, int]) -> str | None:
    """Whoever holds it accepts a connection before it knows, and ends it when nobody listens there."""
    try:
        with socket.create_connection(address, timeout=_PATIENCE) as line:
            line.settimeout(_MOMENT)
            try:
                said = line.recv(1)
            except TimeoutError:
                return None
    except OSError:
        return "nothing listens there yet"
    return None if said else "nothing listens there yet"
