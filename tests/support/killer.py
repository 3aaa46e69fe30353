"""Runs envman and kills it with SIGKILL at a chosen moment: `killer.py MOMENT COUNT -- up`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envman import execute, process
from envman.entry import main


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Countdown:
    """Kills at the n-th call."""

    def __init__(self, count: int) -> None:
        self.left = count

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            _die()


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


_PLACES: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "step": (execute.Executor, "_do", _after),
    "write": (Path, "replace", _after),
    "staged": (Path, "replace", _before),
    "mkdir": (Path, "mkdir", _after),
    "rename": (Path, "rename", _after),
}
MOMENTS = (*_PLACES, "line")


def arm(moment: str, count: int) -> None:
    """Put the kill where the moment says."""
    countdown = _Countdown(count)
    if moment == "line":
        _during_stream(countdown)
    else:
        owner, name, wrap = _PLACES[moment]
        setattr(owner, name, wrap(getattr(owner, name), countdown))


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["envman", *sys.argv[4:]]
    sys.exit(main())
