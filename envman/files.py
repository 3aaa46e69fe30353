"""Files that must never be half written, and digests that judge by content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_staged(file: Path, text: str, *, mode: int = 0o644) -> None:
    """Write the whole file or leave the old one as it was."""
    file.parent.mkdir(parents=True, exist_ok=True)
    staging = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        # A path may hold bytes that are no UTF-8: they come back as they went.
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            stream.write(text)
        staging.replace(file)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def write_json(file: Path, content: Any) -> None:
    """A JSON file, written whole."""
    write_staged(file, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(file: Path) -> dict[str, Any]:
    """The table in a JSON file; a missing, corrupt or foreign file is an empty one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def digest(parts: Iterable[str | bytes]) -> str:
    """One digest of several parts, in which no part can run into the next."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(b"%d:" % len(data))
        total.update(data)
    return total.hexdigest()


def content(file: Path) -> bytes:
    """The file's bytes; a missing one has none."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def size_of(folder: Path) -> int:
    """The bytes on disk below a folder, hard links counted once, symlinks not followed."""
    total = 0
    seen: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    facts = entry.stat(follow_symlinks=False)
                    if facts.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if (facts.st_dev, facts.st_ino) in seen:
                            continue
                        seen.add((facts.st_dev, facts.st_ino))
                    total += facts.st_blocks * 512 if hasattr(facts, "st_blocks") else facts.st_size
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return int(total)


def remove_tree(path: Path) -> None:
    """Remove a folder or a file that envman made, without following a link out of it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def readable_size(count: int) -> str:
    """A size as people read it."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def readable_span(seconds: float) -> str:
    """A time as people say it."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def owner(folder: Path) -> tuple[int, int]:
    """The user and group of a folder; ours, where it is gone."""
    try:
        found = folder.stat()
    except FileNotFoundError:  # what is left of a project whose folder is gone can still be looked at, and removed
        return os.getuid(), os.getgid()
    return found.st_uid, found.st_gid
