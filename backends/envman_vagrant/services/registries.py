"""What a docker command elsewhere has to know to fetch one image: the password that this machine's own has for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from envman import process
from envman.files import read_json

_HUB = "https://index.docker.io/v1/"  # under which passwords for names without a registry are kept
_UNNAMED = "<token>"  # what helpers say in the place of a name
_PATIENCE = 20.0  # seconds: a helper may have to unlock its store


def registry(image: str) -> str:
    """Where an image comes from, as the docker command writes it down."""
    first, slash, _ = image.partition("/")
    return first if slash and (first == "localhost" or "." in first or ":" in first) else _HUB


def login(image: str, environ: Mapping[str, str]) -> str:
    """The settings for this registry alone; empty where this machine has no password for it."""
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    known, where = read_json(folder / "config.json"), registry(image)
    helpers = known.get("credHelpers")
    helper = (helpers.get(where) if isinstance(helpers, dict) else None) or known.get("credsStore")
    kept = known.get("auths")
    found = _asked(str(helper), where, environ) if helper else kept.get(where) if isinstance(kept, dict) else None
    return json.dumps({"auths": {where: found}}) if found else ""


def _asked(helper: str, where: str, environ: Mapping[str, str]) -> dict[str, str] | None:
    try:
        done = process.capture([f"docker-credential-{helper}", "get"], env=environ, said=where, limit=_PATIENCE)
        found = json.loads(done.output) if done.code == 0 else None
    except (OSError, ValueError):  # not here, or it says something else: the registry may let us in all the same
        return None
    if not isinstance(found, dict):
        return None
    name, secret = str(found.get("Username", "")), str(found.get("Secret", ""))
    if name == _UNNAMED:
        return {"identitytoken": secret}
    return {"auth": base64.b64encode(f"{name}:{secret}".encode()).decode()}
