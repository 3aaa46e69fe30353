"""One envman at a time in a project: the second waits for its turn and names the holder."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from envman.console import Console
from envman.errors import Busy
from envman.problem import Problem

_POLL = 0.05
_TRIES = 100
_DEFAULT_PATIENCE = 600.0


def _try_lock(stream: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or "another envman"
    except OSError:
        return "another envman"


def _patience() -> float:
    try:
        return float(os.environ.get("ENVMAN_LOCK_TIMEOUT", _DEFAULT_PATIENCE))
    except ValueError:
        return _DEFAULT_PATIENCE


@contextmanager
def taken(folder: Path, command: str, console: Console) -> Iterator[bool]:
    """Hold the project while the body runs, told for whom one waits; yields whether there was a wait."""
    # The holder's name stands beside the lock, because Windows lets nobody read a locked byte.
    name_file = folder / "turn.holder"
    waited = False
    while True:
        with _opened(folder) as stream:
            if not _try_lock(stream):
                waited = True
                _wait(stream, name_file, console)
            if not _is_still(folder / "turn", stream):
                continue  # the one before removed it, and somebody else may have the new one
            started = time.strftime("%H:%M:%S")
            name_file.write_text(f"envman {command} (process {os.getpid()}, since {started})\n", encoding="utf-8")
            yield waited
            return


def _opened(folder: Path) -> IO[str]:
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return (folder / "turn").open("a+", encoding="utf-8")
        except (FileExistsError, FileNotFoundError):  # whoever was here before is just removing it
            continue
    raise Busy(Problem(message=f"{folder} disappears again and again", hint="is something cleaning that folder?"))


def _is_still(file: Path, stream: IO[str]) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), file.stat())
    except OSError:
        return False


def end(folder: Path) -> None:
    """Leave no trace of a project that is gone; for whoever holds its turn."""
    shutil.rmtree(folder, ignore_errors=True)  # Windows removes nothing that is open: then it stays, empty


def _wait(stream: IO[str], name_file: Path, console: Console) -> None:
    patience = _patience()
    end = time.monotonic() + patience
    time.sleep(_POLL)  # whoever has just begun has not left a name yet
    told = False
    while not _try_lock(stream):
        if not told:
            console.say(f"waiting for {_holder(name_file)} …")
            told = True
        if time.monotonic() > end:
            raise Busy(
                Problem(
                    message=f"{_holder(name_file)} is at work in this project; gave up after {patience:.0f} s",
                    hint="wait for it, or end that process; ENVMAN_LOCK_TIMEOUT sets how many seconds to wait",
                )
            )
        time.sleep(_POLL)
