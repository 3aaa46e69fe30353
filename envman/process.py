"""The one module that starts processes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import IO, NoReturn

_LAST_LINES = 20
_PATIENCE = 3.0  # seconds between the signals that end a process, each harder


class Completed:
    """How a process ended, with all that it said."""

    __slots__ = ("argv", "code", "output")

    def __init__(self, argv: Sequence[str], code: int, output: str) -> None:
        self.argv = tuple(argv)
        self.code = code
        self.output = output

    def last_lines(self, count: int = _LAST_LINES) -> str:
        """The end of the output: what a person needs to see of a failure."""
        return "\n".join(self.output.rstrip().splitlines()[-count:])


def capture(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    said: str = "",
    user: int | None = None,
    limit: float | None = None,
) -> Completed:
    """Run a short command, which may read something and be another user, and keep its standard output alone.

    After `limit` seconds it is ended with all that it has started, and its code is -9.
    """
    import signal
    import subprocess

    with subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        process_group=0 if limit is not None and os.name == "posix" else None,
    ) as child:
        try:
            output, errors = child.communicate(said, timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, errors = child.communicate()
        except BaseException:
            child.kill()
            raise
    done = subprocess.CompletedProcess(argv, child.returncode, output, errors)
    return Completed(argv, done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr)


def piped(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: str, source: Path | None, target: Path | None
) -> Completed:
    """Run a command that reads a file, or writes one for the user alone; only what it complains of is kept."""
    import subprocess

    reading = os.open(source or os.devnull, os.O_RDONLY)
    writing = os.open(target or os.devnull, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        done = subprocess.run(
            argv,
            env=env,
            cwd=cwd,
            stdin=reading,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    finally:
        os.close(reading)
        os.close(writing)
    return Completed(argv, done.returncode, done.stderr)


def stream(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    on_line: Callable[[str], None],
    merge: bool = True,
    told: str | None = None,
    patience: float = _PATIENCE,
) -> Completed:
    """Run a long command, which may be told something first; every line it says goes to `on_line` and is kept.

    Interrupted, it has `patience` seconds to clean up before it is ended harder.
    """
    said: list[str] = []
    with _start(argv, env, cwd, merge=merge, told=told is not None) as child:
        try:
            if child.stdin is not None:
                _tell(child.stdin, told or "")
            for line in child.stdout or ():
                said.append(line)
                on_line(line.rstrip("\r\n"))
        except BaseException:
            _end(child, patience)
            raise
    return Completed(argv, child.returncode, "".join(said))


def together(
    commands: Sequence[tuple[Sequence[str], Mapping[str, str], str]],
) -> list[tuple[Completed, float]]:
    """Run commands at the same time, each with its variables and folder; how each ended, and its seconds."""
    import threading
    import time

    def read(child: subprocess.Popen[str], said: list[str], seconds: list[float], began: float) -> None:
        said.extend(child.stdout or ())
        child.wait()
        seconds.append(time.monotonic() - began)

    from envman.errors import RUN_NOT_EXECUTABLE, RUN_NOT_FOUND

    running = []
    refused: dict[int, Completed] = {}
    try:
        for number, (argv, env, cwd) in enumerate(commands):
            try:
                child = _start(argv, env, cwd, merge=True, told=False)
            except OSError as error:
                code = RUN_NOT_FOUND if isinstance(error, FileNotFoundError) else RUN_NOT_EXECUTABLE
                refused[number] = Completed(argv, code, f"{argv[0]}: {error.strerror}\n")
                continue
            said: list[str] = []
            seconds: list[float] = []
            reader = threading.Thread(target=read, args=(child, said, seconds, time.monotonic()))
            reader.start()
            running.append((child, said, seconds, reader))
        for _, _, _, reader in running:
            reader.join()
    except BaseException:
        for child, _, _, reader in running:
            _end(child)
            reader.join()
        raise
    ended = iter(running)
    done = []
    for number, (argv, _, _) in enumerate(commands):
        if number in refused:
            done.append((refused[number], 0.0))
        else:
            child, said, seconds, _ = next(ended)
            done.append((Completed(argv, child.returncode, "".join(said)), seconds[0]))
    return done


def _tell(stream: IO[str], text: str) -> None:
    try:
        stream.write(text)
        stream.close()
    except BrokenPipeError:
        pass  # it has ended, and its last words say why


def _start(argv: Sequence[str], env: Mapping[str, str], cwd: str, *, merge: bool, told: bool) -> subprocess.Popen[str]:
    # An interrupt in the middle of starting a process would leave one behind that nobody knows. Signals are held by
    # a handler, not by a mask, because the process would inherit the mask.
    import signal
    import subprocess

    held: list[int] = []
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = {
        number: signal.signal(number, lambda caught, _frame: held.append(caught))
        for number in (getattr(signal, name) for name in names if hasattr(signal, name))
        if signal.getsignal(number) != signal.SIG_IGN  # under nohup it and all that it starts stay deaf
    }
    try:
        # A group of its own: we end it with all that it started, and no Ctrl-C of the terminal ends it first.
        child = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE if told else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.DEVNULL,
            text=True,
            errors="replace",
            process_group=0 if os.name == "posix" else None,
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        with child:
            _end(child)
        raise KeyboardInterrupt
    return child


class Stayed:
    """A process that stays when we go, once it is told to: until then it goes with us."""

    def __init__(self, argv: Sequence[str], told: bytes, log: str) -> None:
        import subprocess

        errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.log_begins = os.fstat(errors).st_size  # what stands before was said by an earlier one
        self._child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env={}, cwd="/"
        )
        os.close(errors)
        self.pid = self._child.pid
        self._say(told)

    def _say(self, data: bytes) -> None:
        if self._child.stdin is None:
            return
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and its log says why

    def keep(self) -> None:
        """Let it live on its own."""
        self._say(b"+")
        self._leave()

    def give_up(self) -> None:
        """Let it go, with all that it has started, and wait until it has."""
        self._leave()
        self._child.wait()

    def _leave(self) -> None:
        if self._child.stdin is not None:
            try:
                self._child.stdin.close()
            except BrokenPipeError:
                pass

    def has_ended(self) -> bool:
        """Whether it is gone already."""
        return self._child.poll() is not None


def _end(child: subprocess.Popen[str], patience: float = _PATIENCE) -> None:
    import signal
    import subprocess

    if os.name != "posix":
        child.kill()
        child.wait()
        return
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, stop)
            child.wait(timeout=patience if stop == signal.SIGINT else _PATIENCE)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    child.wait()


def replace(argv: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Become the command: nothing of envman stays between it and the terminal. Raises OSError when it cannot start."""
    if sys.platform == "win32":
        sys.exit(_wait_for(argv, env))
    os.execvpe(argv[0], list(argv), dict(env))


def _wait_for(argv: Sequence[str], env: Mapping[str, str]) -> int:
    # Windows cannot replace a process: wait in its place, and leave Ctrl-C to the child.
    import shutil
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = shutil.which(argv[0], path=env.get("PATH")) or argv[0]
    return subprocess.call([program, *argv[1:]], env=env)


def begin(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int = 0,
    stdout: int = 1,
    stderr: int = 2,
    apart: bool = False,
) -> int:
    """Start a process with our streams, or others in their place; its number, for whoever waits for it.

    Apart, it hears none of the signals that a terminal, or whoever ends us, sends to all of us.
    """
    streams = ((stdin, 0), (stdout, 1), (stderr, 2))
    given = [(os.POSIX_SPAWN_DUP2, stream, number) for stream, number in streams if stream != number]
    return os.posix_spawnp(argv[0], list(argv), dict(env), file_actions=given, setsid=apart)


def heard(argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> str:
    """What a short command says, without the weight of `capture`; nothing of one that takes longer."""
    import select
    import signal
    import time

    end = time.monotonic() + limit
    reading, writing = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        try:
            child = begin(argv, env, stdin=nothing, stdout=writing, stderr=nothing, apart=True)
        finally:
            os.close(nothing)
            os.close(writing)
        said = b""
        while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
            data = os.read(reading, 65536)
            if not data:
                break
            said += data
        else:
            os.kill(child, signal.SIGKILL)
            said = b""
        os.waitpid(child, 0)
    finally:
        os.close(reading)
    return said.decode("utf-8", "replace")
