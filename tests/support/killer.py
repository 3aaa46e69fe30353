"""Runs envman and kills it at a chosen moment: `killer.py [--interrupt] MOMENT COUNT -- up`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envman import execute, moving, process
from envman.entry import main
from envman.services import contents


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupt() -> None:
    # What a terminal does on Ctrl-C: everybody in the process group is told.
    os.killpg(0, signal.SIGINT)


class _Countdown:
    """Kills at the n-th call."""

    def __init__(self, count: int, end: Callable[[], None]) -> None:
        self.left = count
        self.end = end

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.end()


def _after(function: Callable[..., Any], countdown: _Countdown) -> Callable[..., Any]:
    def then_perhaps_die(*words: Any, **named: Any) -> Any:
        answer = function(*words, **named)
        countdown.tick()
        return answer

    return then_perhaps_die


def _before(function: Callable[..., Any], countdown: _Countdown) -> Callable[..., Any]:
    def perhaps_die_then(*words: Any, **named: Any) -> Any:
        countdown.tick()
        return function(*words, **named)

    return perhaps_die_then


def _during_stream(countdown: _Countdown) -> None:
    # The tool is at work: the kill comes with its first line, and the tool goes on alone for a moment.
    original = process.stream

    def stream(argv: Any, **named: Any) -> Any:
        say = named["on_line"]

        def on_line(line: str) -> None:
            countdown.tick()
            say(line)

        named["on_line"] = on_line
        return original(argv, **named)

    vars(process)["stream"] = stream


_PLACES: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "step": (execute.Executor, "_do", _after),
    "write": (Path, "replace", _after),
    "staged": (Path, "replace", _before),
    "mkdir": (Path, "mkdir", _after),
    "rename": (Path, "rename", _after),
    "unlink": (Path, "unlink", _after),
    "removed": (shutil, "rmtree", _after),
    "removing": (os, "rmdir", _after),
    "copied": (shutil, "copystat", _after),  # copytree calls it for every file and folder
    "started": (subprocess.Popen, "__init__", _after),
    "built": (moving, "build", _after),
    "compared": (contents, "require_same", _after),
    "left": (moving, "leave", _after),
    "settled": (moving, "settle", _after),
}
MOMENTS = (*_PLACES, "line")


def arm(moment: str, count: int, end: Callable[[], None] = _die) -> None:
    """Put the kill where the moment says."""
    countdown = _Countdown(count, end)
    if moment == "line":
        _during_stream(countdown)
    else:
        owner, name, wrap = _PLACES[moment]
        setattr(owner, name, wrap(getattr(owner, name), countdown))


if __name__ == "__main__":
    options, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    arm(options[-2], int(options[-1]), _interrupt if options[0] == "--interrupt" else _die)
    sys.argv = ["envman", *words]
    main()
