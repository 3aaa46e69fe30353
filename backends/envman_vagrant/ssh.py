"""The shared connection to a machine: its settings, and the words to use it with. On the hot path."""

# Vagrant's own ssh starts Ruby, which costs a second; here one connection stays open, and carries commands and ports.
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "machine"  # the one that the settings describe
TOLD = "ENVMAN_TOLD"  # the variable that carries the command: it may hold secrets, and words could be seen by everybody
# A shell that is root. Whoever is root already needs no sudo, which is three processes; the user's own shell decides.
AS_ROOT = "[ -w /etc ] && exec sh -s; exec sudo -n -H sh -s"
_PATIENCE = 10.0  # seconds for whoever holds the connection to say that he does


def words(place: Mapping[str, str], *more: str) -> list[str]:
    """The ssh command on the shared connection."""
    return ["ssh", "-F", place["config"], *more]


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What ssh itself needs of the caller's."""
    return {name: environ[name] for name in ("PATH", "HOME", "TERM", "SSH_AUTH_SOCK") if name in environ}


def is_open(place: Mapping[str, str]) -> bool:
    """Whether the machine runs, as far as a file tells that, and somebody holds the connection to it."""
    watch = place.get("watch", "")
    if watch and not os.path.exists(watch):
        return False
    import socket

    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(_PATIENCE)
        line.connect(place["control"])
    except OSError:
        return False
    finally:
        line.close()
    return True
