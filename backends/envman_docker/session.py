"""A command inside a container, with the caller's streams, terminal and signals. On the hot path."""

# Not the docker command: the project's variables would steer it, it loses signals without a terminal, and its own
# failures look like the child's.
from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import time

from envman import start
from envman_docker import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType
    from typing import Any

    from envman_docker.keyboard import Keyboard

_START = start.SCRIPT % {"where": ""}
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_OF_ONE = (signal.SIGUSR1, signal.SIGUSR2)  # the others are for the command and all that it has started
_KILLED, _FAILED = 128 + signal.SIGKILL, 125
_STDERR = 2
_GLANCE = 0.2  # seconds between two looks at what nobody tells us
_GRACE = 0.5  # seconds for a command to notice that nobody reads what it says


class Gone(OSError):
    """There is nothing to run the command in; it has not begun."""


class Session:
    """One command, from its start to its exit code."""

    def __init__(self, engine: str, container: str, user: str, patience: int = 0) -> None:
        self._engine = engine
        self._container = container
        self._user = user
        self._patience = patience  # seconds between a SIGTERM and the end of who ignores it; 0: it may
        self._made = ""
        self._pid = ""
        self._told = b""  # before the number
        self._held: list[int] = []  # signals for a command that has not begun
        self._pending = b""
        self._input = b""
        self._listens = True
        self._deaf: set[int] = set()  # streams of ours that nobody reads any more
        self._endings = [signal.SIGPIPE, signal.SIGTERM, signal.SIGKILL]
        self._noticed = 0.0
        self._terminal = False
        self._keyboard: Keyboard | None = None

    def run(self, argv: Sequence[str], variables: Mapping[str, str], cwd: str) -> int:
        """The exit code of the command.

        Raises Gone when there is nothing to run it in, another OSError when it cannot be started; nothing after it
        has begun: then it must not be tried again.
        """
        _fill_streams()
        self._terminal = os.isatty(0) and os.isatty(1)
        if os.isatty(0):
            from envman_docker.keyboard import Keyboard

            self._keyboard = Keyboard(raw=self._terminal)
        before = self._hear()
        try:
            self._made = self._create(("/bin/sh", "-c", _START, "sh", *argv), variables, cwd, stdin=True)
            if self._held:
                return 128 + self._held[0]
            with self._begin() as line:
                self._exchange(line)
            code = self._code() if self._pid else 0
        finally:
            if self._keyboard is not None:
                self._keyboard.give_back()
            for number, handler in before.items():
                signal.signal(number, handler)
        if not self._pid:
            raise _not_begun(self._told, argv[0])
        return code

    def _create(self, argv: Sequence[str], variables: Mapping[str, str], cwd: str, *, stdin: bool) -> str:
        asked = {
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": stdin and self._terminal,
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
            raise OSError(errno.EIO, _message(answer))
        return str(json.loads(answer)["Id"])

    def _begin(self) -> socket.socket:
        asked: dict[str, object] = {"Detach": False, "Tty": self._terminal}
        if self._terminal:
            asked["ConsoleSize"] = list(_size())
        body = json.dumps(asked).encode()
        upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        line = sockets.connect(self._engine)
        line.settimeout(None)  # from here on it may have begun, whatever we hear of it
        line.sendall(sockets.head("POST", f"/exec/{self._made}/start", body, version="1.1", more=upgrade) + body)
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
        return line

    def _exchange(self, line: socket.socket) -> None:
        line.setblocking(False)
        take = self._take_plain if self._terminal else self._take_framed
        take(b"")
        while True:
            # What was typed early waits for the command: until then it would be echoed among our own first words.
            asked = self._pid and self._listens and not self._input
            ours = asked and (self._keyboard is None or self._keyboard.is_ours())
            sources: list[socket.socket | int] = [line, 0] if ours else [line]
            patience = _GLANCE if asked and not ours else None
            ready, free, _ = select.select(sources, [line] if self._input else [], [], patience)
            if free:
                self._pass_on(line)
            if 0 in ready:
                self._read(line)
            if line in ready:
                data = _received(line)
                if data == b"":
                    return
                take(data or b"")

    def _read(self, line: socket.socket) -> None:
        try:
            self._input = os.read(0, 65536)
        except BlockingIOError:
            return
        except OSError:  # the terminal was closed
            self._input = b""
        if self._input:
            self._pass_on(line)
            return
        self._listens = False
        try:
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has just ended

    def _pass_on(self, line: socket.socket) -> None:
        try:
            self._input = self._input[line.send(self._input) :]
        except BlockingIOError:
            pass
        except OSError:  # nobody inside reads it any more
            self._input, self._listens = b"", False

    def _take_plain(self, data: bytes) -> None:
        data, self._pending = self._pending + data, b""
        self._show(1, data)

    def _take_framed(self, data: bytes) -> None:
        # Eight bytes before each piece: the stream, three zeros, its length.
        whole, at = self._pending + data, 0
        while len(whole) - at >= 8:
            end = at + 8 + int.from_bytes(whole[at + 4 : at + 8], "big")
            if end > len(whole):
                break
            self._show(whole[at], whole[at + 8 : end])
            at = end
        self._pending = whole[at:]

    def _show(self, stream: int, data: bytes) -> None:
        if not self._pid and stream != _STDERR:
            self._told += data
            number, end, data = self._told.partition(b"\n")
            if not end or not number.strip().isdigit():
                return
            self._pid = number.strip().decode("ascii")
            self._begun()
        _write(_STDERR if stream == _STDERR else 1, data, self._deaf)
        if 1 in self._deaf and stream != _STDERR:
            self._unheard()

    def _begun(self) -> None:
        if self._keyboard is not None:
            self._keyboard.is_ours()  # raw before its first words are shown: they are as they should be already
        if self._terminal:
            self._resize()  # engines before 23 do not take the size at the start
        while self._held:
            self._signal(self._held.pop(0))

    def _unheard(self) -> None:
        # The engine reads all that the command says, so that the kernel cannot tell it: first as the kernel would.
        if self._endings and time.monotonic() > self._noticed + _GRACE:
            self._signal(self._endings.pop(0))
            self._noticed = time.monotonic()

    def _hear(self) -> dict[int, Callable[[int, FrameType | None], object] | int | None]:
        wanted: dict[int, Callable[[int, FrameType | None], object]] = dict.fromkeys(_FORWARDED, self._on_signal)
        if self._terminal:
            wanted[signal.SIGWINCH] = lambda *_: self._resize()
        if self._keyboard is not None:
            wanted[signal.SIGCONT] = self._on_return
        if self._patience:
            wanted[signal.SIGALRM] = lambda *_: self._signal(signal.SIGKILL)
        deaf = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # under nohup we stay so
        return {
            number: signal.signal(number, handler)
            for number, handler in wanted.items()
            if not (number in deaf and signal.getsignal(number) == signal.SIG_IGN)
        }

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        # Here and not in the loop, which may wait for a reader that has stopped.
        if number == signal.SIGTERM and self._patience:
            signal.alarm(self._patience)
        if self._pid:
            self._signal(number)
            return
        self._held.append(number)
        if len(self._held) > 1:  # the engine takes its time, and somebody has lost patience
            raise KeyboardInterrupt

    def _on_return(self, *_: object) -> None:
        if self._keyboard is not None:
            self._keyboard.again()

    def _signal(self, number: int) -> None:
        name = signal.Signals(number).name.removeprefix("SIG")
        whom = self._pid if number in _OF_ONE else f"-{self._pid}"
        try:
            made = self._create(("/bin/sh", "-c", f"kill -s {name} -- {whom}"), {}, "/", stdin=False)
            sockets.ask(self._engine, "POST", f"/exec/{made}/start", b'{"Detach":true}')
        except OSError:
            pass  # it has just ended

    def _resize(self) -> None:
        lines, columns = _size()
        try:
            sockets.ask(self._engine, "POST", f"/exec/{self._made}/resize?h={lines}&w={columns}")
        except OSError:
            pass  # it has just ended

    def _code(self) -> int:
        try:
            told = self._state(f"/exec/{self._made}/json")
            while told.get("Running"):  # it has closed its streams, and goes on
                time.sleep(_GLANCE)
                told = self._state(f"/exec/{self._made}/json")
            code = told.get("ExitCode")
            alive = code not in (None, _KILLED) or self._is_alive()
        except OSError as error:
            _complain(f"the engine stopped answering while the command ran: {error.strerror or error}")
            return _FAILED
        if not alive:
            _complain("the container stopped while the command ran", "envman up")
        return _KILLED if code is None else int(code)

    def _is_alive(self) -> bool:
        # The engine hears of the end of a container after that of what ran in it.
        for _ in range(5):
            state = self._state(f"/containers/{self._container}/json").get("State")
            if not isinstance(state, dict) or not state.get("Running") or state.get("Dead"):
                return False
            time.sleep(_GLANCE / 2)
        return True

    def _state(self, path: str) -> dict[str, Any]:
        status, answer = sockets.ask(self._engine, "GET", path)
        return dict(json.loads(answer)) if status == 200 else {}


def _not_begun(told: bytes, program: str) -> OSError:
    text = told.decode("utf-8", "replace").strip()
    number = {"missing": errno.ENOENT, "forbidden": errno.EACCES}.get(text)
    if number is not None:
        return OSError(number, os.strerror(number), program)
    return OSError(errno.EIO, text or "the container ended at once")


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode("utf-8", "replace").strip() or "the engine did not answer"


def _complain(message: str, hint: str = "") -> None:
    _write(_STDERR, (f"error: {message}\n" + (f"  hint: {hint}\n" if hint else "")).encode(), set())


def _received(line: socket.socket) -> bytes | None:
    try:
        return line.recv(65536)
    except BlockingIOError:
        return None
    except OSError:  # the engine is gone, or has left words of ours unread
        return b""


def _write(stream: int, data: bytes, deaf: set[int]) -> None:
    view = memoryview(data)
    while view and stream not in deaf:
        try:
            view = view[os.write(stream, view) :]
        except BlockingIOError:  # whoever called us has made it so
            select.select([], [stream], [])
        except OSError as error:
            deaf.add(stream)
            if stream != _STDERR and error.errno not in (errno.EPIPE, errno.EIO):
                _complain(f"what the command says cannot be written: {error.strerror}")


def _fill_streams() -> None:
    # A closed one would be given to the next connection, and be taken for the caller's.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return 24, 80
    return size.lines, size.columns
