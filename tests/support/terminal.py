"""The shells of this machine, and a real terminal for programs that behave differently in one."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

_PATIENCE = 15.0


def shell_program(shell: str) -> str:
    """The shell's program; in CI a missing one is a failure, elsewhere its tests are skipped."""
    found = shutil.which("dash" if shell == "sh" else shell)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"{shell} is not installed here; where CI is set, that is a failure")
    assert found is not None, f"{shell} is not installed"
    return found


def _take_terminal() -> None:
    # Job control needs the terminal to be the session's own.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A program on a pseudo terminal: type to it, read what it shows."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)

    def type(self, line: str) -> None:
        """A line, with the return key."""
        os.write(self._ours, f"{line}\n".encode())

    def _read(self, patience: float) -> int | None:
        """How much was read within that time; None once the program has closed its side."""
        ready, _, _ = select.select([self._ours], [], [], patience)
        if not ready:
            return 0
        try:
            read = os.read(self._ours, 65536)
        except OSError:
            return None
        self.shown += read.decode("utf-8", "replace")
        return len(read)

    def wait_for(self, text: str, patience: float = _PATIENCE) -> str:
        """Everything shown until the text appears."""
        end = time.monotonic() + patience
        while text not in self.shown and self._read(0.1) is not None and time.monotonic() < end:
            pass
        assert text in self.shown, self.shown
        return self.shown

    def close(self) -> int:
        """The exit code, once the program has ended by itself or its time is over."""
        end = time.monotonic() + _PATIENCE
        while self._process.poll() is None and self._read(0.05) is not None and time.monotonic() < end:
            pass
        while self._read(0):
            pass
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        os.close(self._ours)
        return code
