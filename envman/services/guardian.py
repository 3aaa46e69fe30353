"""The process that stays with one service: starts it, keeps its log, restarts it, and ends it when told to."""

# Run by its path, with nothing of envman on it: it has to be small, and to go on when envman is upgraded. What it needs
# comes as JSON on its standard input, because it holds secrets. The input stays open until whoever starts it is
# content: if that one is killed before, the service goes with it, and nothing half started is left behind.
from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import Any, NoReturn

_LOG_LIMIT = 5_000_000
_TIMES = ".times"  # what the name of a log's index adds to it
_RECENT = 60.0  # seconds in which too many ends are a crash loop
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _began(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "unknown"


def _appending(file: str) -> int:
    return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class _Log:
    """The service's output, in a file that is moved aside when it has grown long, and an index of when it came."""

    # The output stays as the service wrote it. The index beside it has at most one line a second, "EPOCH OFFSET": what
    # stands from that byte on came then, up to the byte of the next line. An offset that is not above the one before
    # says that the log began anew.
    def __init__(self, file: str) -> None:
        self._file = file
        self._descriptor = _appending(file)
        self._noted = 0  # the second that the index ends with
        self._size = 0  # of the log as we left it: it is smaller when it was emptied or moved aside
        self._index = 0  # the size of the index

    def write(self, data: bytes) -> None:
        try:
            size = os.fstat(self._descriptor).st_size
            self._note(size)
            self._size = size + os.write(self._descriptor, data)
            # A service that says a word every second fills the index, not the log.
            if self._size + self._index > _LOG_LIMIT:
                self._move_aside()
        except OSError:  # a full disk must not end the service
            pass

    def _note(self, size: int) -> None:
        now = int(time.time())
        if now == self._noted and size >= self._size:
            return
        # Before the output, because whoever finds a line wants to find its time too; and opened by its name each time,
        # so that it comes back when somebody has removed it.
        try:
            index = _appending(self._file + _TIMES)
        except OSError:  # the output matters more than when it came
            return
        line = f"{now} {size}\n".encode()
        try:
            if os.write(index, line) == len(line):
                self._noted = now
            self._index = os.fstat(index).st_size
        except OSError:  # the same
            pass
        finally:
            os.close(index)

    def _move_aside(self) -> None:
        file, aside = self._file, f"{self._file}.1"
        # Killed between any two of these, we leave lines whose time is unknown, never a wrong time. And a reader that
        # sees a new log at the old place finds the index of the old one aside.
        try:
            os.remove(aside + _TIMES)
        except OSError:  # this is the first time
            pass
        try:
            os.replace(file, aside)
            os.replace(file + _TIMES, aside + _TIMES)
        except OSError:  # somebody has removed one of them
            pass
        anew = _appending(file)
        os.close(self._descriptor)
        self._descriptor, self._index = anew, 0

    def say(self, text: str) -> None:
        self.write(f"--- envman, {time.strftime('%Y-%m-%d %H:%M:%S')}: {text}\n".encode())


class Guardian:
    """One service and its process."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._log = _Log(config["log"])
        self._child = 0
        self._output = -1
        self._ends: list[float] = []
        self._stopping = 0.0  # when the next, harder signal is due
        self._due = 0.0  # when it is to be started again
        self._told: list[int] = []
        self._committed = False
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)

    def run(self) -> NoReturn:
        """Until the service has ended for good."""
        self._start()
        while True:
            waiting = [self._wake, *([self._output] if self._output >= 0 else []), *([] if self._committed else [0])]
            ready, _, _ = select.select(waiting, [], [], self._patience())
            if self._output in ready:
                self._copy()
            if 0 in ready:
                self._hear()
            if self._wake in ready:
                self._awake()
            if self._stopping and time.monotonic() > self._stopping:
                self._press()
            if self._due and time.monotonic() > self._due:
                self._due = 0.0
                self._start()

    def _patience(self) -> float | None:
        until = self._stopping or self._due
        return max(0.0, until - time.monotonic()) if until else None

    def _start(self) -> None:
        reading, writing = os.pipe()
        begun, begin = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            self._become(writing)
        os.close(writing)
        os.close(begin)
        # The pipe closes itself when the program takes over: a signal before that would be lost.
        os.read(begun, 1)
        os.close(begun)
        self._output = reading
        self._lease("running")

    def _become(self, output: int) -> NoReturn:
        config = self._config
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            if config.get("user") is not None:
                os.setgroups([])
                os.setgid(config["user"])
                os.setuid(config["user"])
            os.umask(config["umask"])
            os.chdir(config["cwd"])
            os.execvpe(config["argv"][0], config["argv"], config["env"])
        except Exception as error:
            why = getattr(error, "strerror", None) or error
            os.write(2, f"{config['argv'][0]} cannot be started: {why}\n".encode())
        os._exit(127)

    def _lease(self, state: str, **more: str) -> None:
        config = self._config
        facts = {
            "state": state,
            "server": f"{self._child} {_began(self._child)}" if self._child else "",
            "guardian": f"{os.getpid()} {_began(os.getpid())}",
            "since": str(int(time.time())),
            "ends": str(len(self._ends)),
            **config["facts"],
            **more,
        }
        staging = config["lease"] + ".new"
        with open(staging, "w", encoding="utf-8") as stream:
            stream.write("".join(f"{key}\t{value}\n" for key, value in facts.items()))
        os.replace(staging, config["lease"])

    def _copy(self) -> None:
        data = os.read(self._output, 65536)
        if data:
            self._log.write(data)
        else:
            os.close(self._output)
            self._output = -1

    def _hear(self) -> None:
        # One byte means: keep it. The end of the input without one means that nobody is there any more.
        if os.read(0, 1):
            self._committed = True
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        else:
            self._committed = True
            self._stop("whoever started it is gone")

    def _awake(self) -> None:
        told = os.read(self._wake, 512)
        if signal.SIGCHLD in told:
            self._collect()
        if any(number != signal.SIGCHLD for number in told):
            self._stop("asked to stop")

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._child:
                self._ended(os.waitstatus_to_exitcode(status))

    def _ended(self, code: int) -> None:
        self._drain()
        self._end_group(signal.SIGKILL)  # what it has started itself goes with it
        self._child = 0
        if self._stopping:
            self._leave("stopped", code)
        self._ends = [when for when in self._ends if time.monotonic() - when < _RECENT] + [time.monotonic()]
        why = f"ended with {code}"
        policy = self._config["restart"]
        if policy == "never" or (policy == "on-failure" and code == 0):
            self._leave("done" if code == 0 else "failed", code)
        if not self._committed or len(self._ends) > self._config["tries"]:
            self._leave("failed", code)
        self._log.say(f"{why}; starting it again ({len(self._ends)} of {self._config['tries']})")
        self._due = time.monotonic() + min(0.1 * 2 ** len(self._ends), 5.0)

    def _drain(self) -> None:
        while self._output >= 0 and select.select([self._output], [], [], 0)[0]:
            self._copy()

    def _leave(self, state: str, code: int) -> NoReturn:
        self._log.say(f"{state} ({code})")
        self._lease(state, exit=str(code))
        os._exit(0)

    def _stop(self, why: str) -> None:
        if self._stopping:
            return
        self._log.say(why)
        if not self._child:
            self._leave("stopped", 0)
        self._lease("stopping")
        self._told = [getattr(signal, f"SIG{self._config['stop']}"), signal.SIGQUIT, signal.SIGKILL]
        self._press()

    def _press(self) -> None:
        number = self._told.pop(0) if self._told else signal.SIGKILL
        self._stopping = time.monotonic() + self._config["patience"]
        if number == signal.SIGKILL:
            self._end_group(number)
        else:
            try:
                os.kill(self._child, number)
            except ProcessLookupError:
                pass

    def _end_group(self, number: int) -> None:
        try:
            os.killpg(self._child, number)
        except (ProcessLookupError, PermissionError):
            pass


def main() -> NoReturn:
    """Read what to do, leave the terminal of whoever started us, and stay."""
    length = int.from_bytes(_exactly(4), "big")
    config = json.loads(_exactly(length))
    os.setsid()
    os.chdir("/")
    _only_one(config["lease"] + ".lock")
    Guardian(config).run()


def _only_one(file: str) -> None:
    # Two servers on the same data would ruin it, and a lease can be lost: the lock lives as long as we do.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("another guardian still looks after this service")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"guardian\t{os.getpid()} {_began(os.getpid())}\n".encode())


def _exactly(count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = os.read(0, count - len(data))
        if not more:
            sys.exit(1)
        data += more
    return data


if __name__ == "__main__":
    main()
