"""A small disk of its own, for tests that need one that is full or cannot be written; only root can make it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """A disk at a place, for as long as the body runs."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(place: Path, how: str) -> None:
    """Another size, or read-only."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)
