"""`envman list`: every environment of the user, also those whose project is gone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman import identity, ready, removal
from envman.answer import Answer
from envman.console import columns
from envman.files import readable_size, size_of
from envman.project import remembered
from envman.request import Request

_DAY = 86400


def entries(environ: Mapping[str, str], *, sizes: bool = True) -> list[dict[str, Any]]:
    """What is known of every project, the one used last first."""
    found = [_entry(own, record, environ, sizes=sizes) for own, record in identity.known()]
    return sorted(found, key=lambda entry: -entry["last_used"])


def _entry(
    own: identity.Identity, record: dict[str, object], environ: Mapping[str, str], *, sizes: bool
) -> dict[str, Any]:
    root = Path(str(record.get("root", "")))
    known = ready.read(str(own.folder))
    try:
        last_used = int((own.folder / ready.FILE).stat().st_mtime)
    except OSError:
        last_used = int(str(record.get("created", 0)))
    return {
        "name": str(record.get("name", "?")),
        "id": own.id,
        "root": str(root),
        "exists": identity.lives_at(own, root),
        "backend": known.backend if known else None,
        "python": record.get("python"),
        "bytes": _size(own, record, known, environ) if sizes else None,
        "last_used": last_used,
    }


def _size(
    own: identity.Identity, record: dict[str, object], known: ready.Ready | None, environ: Mapping[str, str]
) -> int:
    # Walking a thousand environments takes seconds: a size stays true as long as the ready file's inputs do.
    stamp = _stamp(known)
    if stamp and record.get("measured") == stamp and isinstance(record.get("bytes"), int):
        return int(str(record["bytes"]))
    root = Path(str(record.get("root", "")))
    project = remembered(own, root, str(record.get("name", "?")))
    made, lasts = removal.size(project, environ)
    size = size_of(own.folder) + made
    if lasts and stamp and root.is_dir():
        identity.remember(own, measured=stamp, bytes=size)
    return size


def _stamp(known: ready.Ready | None) -> str:
    return "" if known is None else f"{known.place.get('generation')}:{hash_of_inputs(known)}"


def hash_of_inputs(known: ready.Ready) -> int:
    """A number that changes when the ready file was written anew with other inputs."""
    return sum(changed for _, _, changed in known.inputs) % (1 << 53)


def age(seconds: float) -> str:
    """How long ago, as people say it."""
    if seconds < _DAY:
        return "today"
    days = int(seconds // _DAY)
    return "yesterday" if days == 1 else f"{days} days ago"


def list_(request: Request) -> Answer:
    """The table."""
    found = entries(request.environ)
    now = time.time()
    rows = [
        (
            entry["name"],
            entry["backend"] or "-",
            readable_size(entry["bytes"]),
            age(now - entry["last_used"]),
            entry["root"] + ("" if entry["exists"] else "  (gone: envman prune)"),
        )
        for entry in found
    ]
    header = ("NAME", "BACKEND", "SIZE", "USED", "FOLDER")
    text = "\n".join(columns([header, *rows])) if rows else "no environments yet"
    return Answer(result={"environments": found}, text=text)
