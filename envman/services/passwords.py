"""The passwords of a project's services: made once, kept with the data that they open, for the user alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

from envman.files import read_json, write_staged
from envman.identity import Identity

_FILE = "secrets.json"


def of(identity: Identity | None) -> Mapping[str, str]:
    """The password of each service."""
    found = read_json(identity.data / _FILE) if identity else {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def ensure(identity: Identity, names: Iterable[str]) -> None:
    """Make the ones that are missing."""
    known = dict(of(identity))
    missing = [name for name in names if name not in known]
    if missing:
        # Hexadecimal digits need no quoting in any URL, file or query.
        known |= {name: os.urandom(16).hex() for name in missing}
        write_staged(identity.data / _FILE, json.dumps(known, indent=1) + "\n", mode=0o600)
