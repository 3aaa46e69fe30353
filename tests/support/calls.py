"""Calls of `envman run` with streams and signals of a test's own."""

from __future__ import annotations

import fcntl
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.scratch import Scratch

ENVMAN = (sys.executable, "-m", "envman", "run")
# A program that tells that it listens, and what has reached it.
LISTENER = """\
import signal, sys, time
def told(number, _):
    print(signal.Signals(number).name, flush=True)
    if number in (signal.SIGTERM, signal.SIGHUP):
        raise SystemExit(3)
for name in ("INT", "TERM", "HUP", "USR1"):
    signal.signal(getattr(signal, "SIG" + name), told)
print("ready", flush=True)
time.sleep(60)
"""
# One that ends as the kernel has it end. Not a shell's own child: dash forgets an interrupt that comes while it starts
# one.
WAITER = """\
import signal, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
print("ready", flush=True)
time.sleep(60)
"""
# A program of this machine that takes the terminal for its session, and becomes another one.
HOLDER = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def run(shop: Scratch, *words: str, data: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """A call, from its start to its end."""
    return subprocess.run(
        [*ENVMAN, *words], cwd=cwd or shop.root, env=shop.environ, input=data, capture_output=True, check=False
    )


@contextmanager
def started(shop: Scratch, *words: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A call that has begun; nothing is left of it."""
    named: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    call: subprocess.Popen[bytes] = subprocess.Popen([*ENVMAN, *words], cwd=shop.root, env=shop.environ, **named)
    try:
        yield call
    finally:
        call.terminate()  # it takes with it what it runs inside, whatever a test has found
        try:
            call.wait(timeout=3)
        except subprocess.TimeoutExpired:
            call.kill()
        call.communicate()


def listening(call: subprocess.Popen[bytes]) -> None:
    """Wait until the program says that it is ready."""
    assert call.stdout is not None
    assert call.stdout.readline() == b"ready\n"


def sized(descriptor: int, lines: int, columns: int) -> None:
    """Give a terminal a size."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
