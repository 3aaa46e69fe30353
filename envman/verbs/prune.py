"""`envman prune`: remove what is left of projects that are gone, or that nobody used for long."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from envman import generated, identity
from envman.answer import Answer
from envman.errors import UsageError
from envman.files import read_json, readable_size, remove_tree, size_of
from envman.identity import Identity
from envman.problem import Problem
from envman.request import Request
from envman.verbs.destroy import KEPT
from envman.verbs.list import entries

_DAY = 86400
MARKER = "envman.json"


def _environments(root: Path, own: Identity) -> list[Path]:
    # Only what says of itself that it is of this very project; a link is never followed.
    found = []
    for prefix in (root / ".venv", root / generated.FOLDER / "venv", root / generated.FOLDER / "venv.old"):
        if not prefix.is_symlink() and read_json(prefix / MARKER).get("project") == own.id:
            found.append(prefix)
    return found


def _going(entry: dict[str, Any], *, data: bool) -> list[Path]:
    own = Identity(id=entry["id"])
    root = Path(entry["root"])
    if entry["exists"]:
        return _environments(root, own)
    kept = () if data else (KEPT, identity.RECORD)
    if not data and not (own.folder / KEPT).exists():
        kept = ()
    return [path for path in sorted(own.folder.iterdir()) if path.name not in kept]


def prune(request: Request, *, older: int | None, data: bool, dry_run: bool) -> Answer:
    """Show what would go and how much; ask; remove it."""
    now = time.time()
    chosen = [
        entry
        for entry in entries(sizes=False)
        if not entry["exists"] or (older is not None and now - entry["last_used"] > older * _DAY)
    ]
    going = {
        entry["id"]: [
            (path, size_of(path) if path.is_dir() else path.stat().st_size) for path in _going(entry, data=data)
        ]
        for entry in chosen
    }
    total = sum(size for sized in going.values() for _, size in sized)
    removed = [
        {"name": entry["name"], "root": entry["root"], "bytes": sum(size for _, size in going[entry["id"]])}
        for entry in chosen
        if going[entry["id"]]
    ]
    for entry in removed:
        request.console.say(f"  remove {entry['name']}  {readable_size(entry['bytes'])}  {entry['root']}")
    if not removed:
        request.console.say("nothing to prune")
        return Answer(result={"removed": [], "bytes": 0})
    if not dry_run:
        _confirm(request, len(removed), total)
        for entry in chosen:
            _remove(entry, [path for path, _ in going[entry["id"]]], data=data)
    request.console.say(f"{'would free' if dry_run else 'freed'} {readable_size(total)}")
    return Answer(result={"removed": removed, "bytes": total, "dry_run": dry_run})


def _confirm(request: Request, count: int, total: int) -> None:
    if request.yes:
        return
    if not request.may_ask:
        raise UsageError(Problem(message="prune asks first, and nobody can answer here", hint="envman prune --yes"))
    if not request.console.ask(f"Remove {count} environments, {readable_size(total)}?"):
        raise UsageError("nothing was removed")


def _remove(entry: dict[str, Any], going: list[Path], *, data: bool) -> None:
    own = Identity(id=entry["id"])
    if entry["exists"]:
        (own.folder / "ready").unlink(missing_ok=True)
    elif data or not (own.folder / KEPT).exists():
        identity.forget(own)
    for path in going:
        remove_tree(path)
    if not entry["exists"] and own.folder.exists() and not any(own.folder.iterdir()):
        own.folder.rmdir()
