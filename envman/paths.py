"""Where envman keeps things of the user, outside every checkout."""

# On the hot path: platformdirs would cost twice the rest of a no-op, pathlib nearly as much.
from __future__ import annotations

import os
import sys


def _base(variable: str, linux: str, mac: str, windows: str) -> str:
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", mac)
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", home), windows)
    chosen = os.environ.get(variable, "")
    return chosen if os.path.isabs(chosen) else os.path.join(home, linux)


def data_folder() -> str:
    """State, logs, leases and the data of services; survives `git clean -fdx`."""
    return os.environ.get("ENVMAN_DATA") or os.path.join(
        _base("XDG_DATA_HOME", ".local/share", "Application Support", "."), "envman"
    )


def cache_folder() -> str:
    """What can be made again."""
    return os.environ.get("ENVMAN_CACHE") or os.path.join(
        _base("XDG_CACHE_HOME", ".cache", "Caches", "envman-cache"), "envman"
    )


def reachable_folder() -> str:
    """Where root keeps the files of servers that refuse to be root: nobody else can look into root's own folders."""
    return "/var/lib/envman"


def project_folder(identity: str) -> str:
    """The folder of one project's state, under the data folder."""
    return os.path.join(data_folder(), "projects", identity)
