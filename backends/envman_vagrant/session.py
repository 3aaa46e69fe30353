"""A command in the machine, with the caller's streams, terminal and signals. On the hot path."""

from __future__ import annotations

import errno
import os
import signal

from envman import process
from envman_vagrant import naming, ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_OF_ONE = (signal.SIGUSR1, signal.SIGUSR2)  # the others are for the command and all that it has started
_LOST = 255  # what ssh ends with when it fails itself; a command may do the same
_FAILED = 125
_ASKED = 10.0  # seconds for whoever holds the connection to answer
_UNKNOWN = b"read from master failed"  # ssh says so of a connection that ended with the command on its way
_STDERR = 2
_LONGEST = 100_000  # letters of one variable: kernels allow 128 KiB
# systemd has such a link for every unit that has begun and not ended: nothing has to be asked.
_RUNS = """\
for _envman_unit in {units}; do
  [ -L "/run/systemd/units/invocation:$_envman_unit" ] || {{ echo stopped >&2; exit 125; }}
done
"""
# What somebody did by hand in the environment, as far as a shell sees it by itself.
_UNTOUCHED = f"""\
for _envman_site in {naming.VENV}/lib/python*/site-packages; do
  [ -x {naming.VENV}/bin/python ] && [ -f {naming.STATE}/notes/packages ] || exit 125
  [ "$_envman_site" -nt {naming.STATE}/notes/packages ] && exit 125
done
"""
_ENDS = (signal.SIGTERM, signal.SIGHUP)  # of ssh itself, and so of the terminal inside


class Gone(OSError):
    """There is nothing to run the command in; it has not begun."""


class Session:
    """One command, from its start to its exit code."""

    def __init__(self, place: Mapping[str, str], environ: Mapping[str, str], patience: int = 0) -> None:
        self._place = place
        self._own = ssh.variables(environ)
        self._patience = patience  # seconds between a SIGTERM and the end of who ignores it; 0: it may
        self._pid = ""
        self._held: list[int] = []  # signals for a command that has not begun

    def holds(self) -> bool:
        """Whether the units of the project run."""
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            told = self._told(_units(self._place) + _UNTOUCHED + "exit 0\n")
            child = process.begin(self._words(), told, stdin=nothing, stderr=nothing, apart=True)
        finally:
            os.close(nothing)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def run(self, argv: Sequence[str], variables: Mapping[str, str], cwd: str) -> int:
        """The exit code of the command.

        Raises Gone when there is nothing to run it in, another OSError when it cannot be started; nothing after it
        has begun: then it must not be tried again.
        """
        _fill_streams()
        text = self._carried(_units(self._place) + _command(argv, variables, cwd))
        if os.isatty(0) and os.isatty(1):
            return self._with_terminal(text)
        before = {number: signal.getsignal(number) for number in _FORWARDED}
        reading, writing = os.pipe()
        try:
            for number, handler in before.items():
                if handler != signal.SIG_IGN or number in _OF_ONE or number == signal.SIGTERM:
                    signal.signal(number, self._on_signal)
            stdin = os.open(os.devnull, os.O_RDONLY) if _in_background() else 0
            # Signals reach the command through us: an ssh that heard them would end, and leave it alone in there.
            child = process.begin(self._words(), self._told(text), stdin=stdin, stderr=writing, apart=True)
            os.close(writing)
            if self._patience:
                signal.signal(signal.SIGALRM, lambda *_: self._signal(signal.SIGKILL))
            told = self._relay(reading)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            os.close(reading)
            for number, handler in before.items():
                signal.signal(number, handler)
        if not self._pid:
            if _UNKNOWN in told:
                os.write(_STDERR, b"the machine did not answer; it may run the command once it does: envman up\n")
                return _FAILED
            raise _not_begun(told, argv[0], code)
        return self._meant(code)

    def _carried(self, text: str) -> str:
        """What is too long for a variable goes ahead as a file, which is gone once it is read."""
        if len(text) < _LONGEST:
            return text
        keep = "umask 077; file=$(mktemp) && cat > $file && echo $file"
        done = process.capture(ssh.words(self._place, ssh.HOST, keep), env=self._own, said=text)
        if done.code:
            raise Gone(errno.EIO, done.last_lines(1))
        file = quoted(done.output.strip())
        return f". {file}\nrm -f {file}\n"

    def _with_terminal(self, text: str) -> int:
        # ssh makes it raw, and carries keys and sizes; what ends our terminal ends the one inside.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
        ended: list[int] = []
        try:
            # No key is ssh's own.
            words = self._words(naming.ENTER_ON_TERMINAL, "-t", "-e", "none")
            child = process.begin(words, self._told(text))

            def end(number: int, _: FrameType | None) -> None:
                ended.append(number)
                os.kill(child, signal.SIGTERM)

            for number in _ENDS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    before[number] = signal.signal(number, end)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return 128 + ended[0] if ended and code in (_LOST, *(-number for number in _ENDS)) else self._meant(code)

    def _words(self, program: str = naming.ENTER, *flags: str) -> list[str]:
        # Without the shared connection ssh would make one of its own, and bring a command that may be there already.
        return ssh.words(self._place, "-o", "ProxyCommand=false", *flags, ssh.HOST, program)

    def _told(self, text: str) -> dict[str, str]:
        return {**self._own, ssh.TOLD: text}

    def _relay(self, reading: int) -> bytes:
        """Hand on what it complains of, but for the first line: that is our own."""
        told = b""
        deaf = False
        while True:
            data = os.read(reading, 65536)
            if not data:
                return told
            if not self._pid:
                told += data
                number, end, data = told.partition(b"\n")
                if not end or not number.strip().isdigit():
                    continue
                self._pid = number.strip().decode("ascii")
                while self._held:
                    self._signal(self._held.pop(0))
            if not deaf:
                deaf = not _write(data)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGTERM and self._patience:
            signal.alarm(self._patience)
        if self._pid:
            self._signal(number)
        else:
            self._held.append(number)

    def _signal(self, number: int) -> None:
        name = signal.Signals(number).name.removeprefix("SIG")
        # The number is that of the shell that waits: the command is its child, and all that it starts its group. That
        # may live on when both have ended; then the number is the group's own, as sshd lets every session begin one.
        group = f"set -- $(sed 's/.*) //' /proc/{self._pid}/stat); kill -s {name} -- -${{3:-{self._pid}}}"
        one = f"kill -s {name} $(cat /proc/{self._pid}/task/{self._pid}/children)"
        text = f"{one if number in _OF_ONE else group}; exit 0\n"
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            child = process.begin(self._words(), self._told(text), stdin=nothing, stderr=nothing, apart=True)
        finally:
            os.close(nothing)
        os.waitpid(child, 0)

    def _meant(self, code: int) -> int:
        if code == _LOST and not self._is_held():
            os.write(_STDERR, b"the connection to the machine was lost; what ran there may go on: envman status\n")
            return _FAILED
        return code if code >= 0 else 128 - code

    def _is_held(self) -> bool:
        # Whoever ends lets go of our connection first, and a moment later of the socket that others find him by: he has
        # to answer, too.
        if not ssh.is_open(self._place):
            return False
        return process.capture(ssh.words(self._place, "-O", "check", ssh.HOST), env=self._own, limit=_ASKED).code == 0


def _units(place: Mapping[str, str]) -> str:
    units = place.get("units", "")
    return _RUNS.format(units=units.replace("\n", " ")) if units else ""


def _command(argv: Sequence[str], variables: Mapping[str, str], cwd: str) -> str:
    lines = [f"export {name}={quoted(value)}\n" for name, value in variables.items()]
    there = quoted(cwd)
    lines.append(f"cd {there} || exit 125\n")
    lines.append("set -- " + " ".join(map(quoted, argv)) + "\n")
    return "".join(lines)


def quoted(word: str) -> str:
    """A word for sh."""
    return "'" + word.replace("'", "'\\''") + "'"


def _not_begun(told: bytes, program: str, code: int) -> OSError:
    text = told.decode("utf-8", "replace").strip()
    number = {"missing": errno.ENOENT, "forbidden": errno.EACCES}.get(text)
    if number is not None:
        return OSError(number, os.strerror(number), program)
    if code == _LOST or text == "stopped":
        return Gone(errno.EIO, text or "the machine ended the connection")
    return OSError(errno.EIO, text or f"it ended with {code} before it began")


def _write(data: bytes) -> bool:
    while data:
        try:
            data = data[os.write(_STDERR, data) :]
        except OSError:  # nobody reads it
            return False
    return True


def _in_background() -> bool:
    # A process there that read from the terminal would be stopped.
    try:
        return os.isatty(0) and os.tcgetpgrp(0) != os.getpgrp()
    except OSError:
        return False


def _fill_streams() -> None:
    # A closed one would be given to the next pipe, and be taken for the caller's.
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
