"""A command inside a container, with the caller's streams, terminal and signals. On the hot path."""

# Not the docker command: the project's variables would steer it, it loses signals without a terminal, and its own
# failures look like the child's.
from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys

from envman_docker import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

# The process tells its number inside, by which signals reach it, before it becomes the command.
_START = """\
printf '%s\\n' "$$"
if ! command -v -- "$1" >/dev/null 2>&1; then
  [ -e "$1" ] && { echo "envman: $1 cannot be executed" >&2; exit 126; }
  echo "envman: there is no $1 in the container" >&2; exit 127
fi
exec "$@"
"""
_FORWARDED = ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2")
_STDERR = 2
_NOBODY_READS = 128 + 13


class Gone(OSError):
    """The container does not run any more."""


class Session:
    """One command, from its start to its exit code."""

    def __init__(self, engine: str, container: str, user: str) -> None:
        self._engine = engine
        self._container = container
        self._user = user
        self._pid = ""
        self._told = b""
        self._pending = b""
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    def run(self, argv: Sequence[str], variables: Mapping[str, str], cwd: str) -> int:
        """The exit code of the command; raises Gone when there is nothing to run it in."""
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        made = self._create([*("sh", "-c", _START, "sh"), *argv], variables, cwd, terminal=terminal, stdin=True)
        restore = _raw() if terminal else _nothing
        before = self._hear()
        try:
            with self._begin(made, terminal=terminal) as line:
                if terminal:
                    self._resize(made)
                    signal.signal(signal.SIGWINCH, lambda *_: self._resize(made))
                self._exchange(line, terminal=terminal)
        except BrokenPipeError:
            self._signal("PIPE")
            return _NOBODY_READS
        finally:
            restore()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._code(made)

    def _create(
        self, argv: Sequence[str], variables: Mapping[str, str], cwd: str, *, terminal: bool, stdin: bool
    ) -> str:
        asked = {
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": terminal,
            "DetachKeys": "ctrl-@,ctrl-^,ctrl-@",  # the usual ones are keys that people type
            "User": self._user,
            "WorkingDir": cwd,
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Cmd": list(argv),
        }
        body = json.dumps(asked).encode()
        status, answer = sockets.ask(self._engine, "POST", f"/containers/{self._container}/exec", body)
        if status in (404, 409):
            raise Gone(_message(answer))
        if status != 201:
            raise OSError(_message(answer))
        return str(json.loads(answer)["Id"])

    def _begin(self, made: str, *, terminal: bool) -> socket.socket:
        body = json.dumps({"Detach": False, "Tty": terminal}).encode()
        upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        line = sockets.connect(self._engine)
        line.sendall(sockets.head("POST", f"/exec/{made}/start", body, version="1.1", more=upgrade) + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = line.recv(4096)
            if not more:
                break
            answer += more
        start, _, self._pending = answer.partition(b"\r\n\r\n")
        if sockets.status(start) not in (101, 200):
            line.close()
            raise Gone(_message(self._pending))
        line.settimeout(None)
        return line

    def _exchange(self, line: socket.socket, *, terminal: bool) -> None:
        take = self._take_plain if terminal else self._take_framed
        waiting: list[socket.socket | int] = [line, self._wake, 0]
        if not _can_read(0):
            waiting.remove(0)
            line.shutdown(socket.SHUT_WR)
        take(b"")
        while True:
            ready, _, _ = select.select(waiting, [], [])
            if self._wake in ready:
                self._forward(os.read(self._wake, 64))
            if 0 in ready:
                data = os.read(0, 65536)
                if data:
                    line.sendall(data)
                else:
                    waiting.remove(0)
                    line.shutdown(socket.SHUT_WR)
            if line in ready:
                data = line.recv(65536)
                if not data:
                    return
                take(data)

    def _take_plain(self, data: bytes) -> None:
        data, self._pending = self._pending + data, b""
        self._show(1, data)

    def _take_framed(self, data: bytes) -> None:
        # Eight bytes before each piece: the stream, three zeros, its length.
        self._pending += data
        while len(self._pending) >= 8:
            length = int.from_bytes(self._pending[4:8], "big")
            if len(self._pending) < 8 + length:
                return
            stream, piece = self._pending[0], self._pending[8 : 8 + length]
            self._pending = self._pending[8 + length :]
            self._show(stream, piece)

    def _show(self, stream: int, data: bytes) -> None:
        if not self._pid and stream != _STDERR:
            self._told += data
            number, end, data = self._told.partition(b"\n")
            if not end:
                return
            self._pid = number.strip().decode("ascii", "replace")
        view = memoryview(data)
        while view:
            view = view[os.write(_STDERR if stream == _STDERR else 1, view) :]

    def _hear(self) -> dict[int, Callable[[int, FrameType | None], object] | int | None]:
        before = {}
        for name in _FORWARDED:
            number = getattr(signal, f"SIG{name}")
            before[number] = signal.signal(number, lambda told, _: os.write(self._waker, bytes([told])))
        return before

    def _forward(self, told: bytes) -> None:
        for number in told:
            self._signal(signal.Signals(number).name.removeprefix("SIG"))

    def _signal(self, name: str) -> None:
        # As at a terminal, an interrupt is for the command and all that it has started.
        if not self._pid:
            return
        own = f"kill -s {name} {self._pid}"
        line = f"kill -s {name} -- -{self._pid} 2>/dev/null || {own}" if name in ("INT", "QUIT", "HUP") else own
        try:
            made = self._create(["sh", "-c", line], {}, "/", terminal=False, stdin=False)
            body = json.dumps({"Detach": True}).encode()
            sockets.ask(self._engine, "POST", f"/exec/{made}/start", body)
        except OSError:
            pass  # it has just ended

    def _resize(self, made: str) -> None:
        try:
            size = os.get_terminal_size(1)
            sockets.ask(self._engine, "POST", f"/exec/{made}/resize?h={size.lines}&w={size.columns}")
        except OSError:
            pass  # it has just ended

    def _code(self, made: str) -> int:
        status, answer = sockets.ask(self._engine, "GET", f"/exec/{made}/json")
        code = json.loads(answer).get("ExitCode") if status == 200 else None
        if code is None:
            raise OSError("the container ended before the command did")
        return int(code)


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode("utf-8", "replace").strip() or "the engine did not answer"


def _can_read(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _raw() -> Callable[[], None]:
    import termios
    import tty

    before = termios.tcgetattr(0)
    tty.setraw(0)
    return lambda: termios.tcsetattr(0, termios.TCSADRAIN, before)


def _nothing() -> None:
    pass
