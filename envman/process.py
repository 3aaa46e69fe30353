"""The one module that starts processes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

_LAST_LINES = 20


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


def capture(argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Completed:
    """Run a short command and keep its standard output alone."""
    import subprocess

    done = subprocess.run(
        argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    return Completed(argv, done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr)


def stream(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    on_line: Callable[[str], None],
    merge: bool = True,
) -> Completed:
    """Run a long command; every line it says goes to `on_line` as it comes and is kept."""
    import subprocess

    # A group of its own: an interrupt that comes while it is being started reaches it all the same, through us.
    child = subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.DEVNULL,
        text=True,
        errors="replace",
        process_group=0 if os.name == "posix" else None,
    )
    said: list[str] = []
    try:
        for line in child.stdout or ():
            said.append(line)
            on_line(line.rstrip("\r\n"))
    except KeyboardInterrupt:
        _end(child)
        raise
    return Completed(argv, child.wait(), "".join(said))


def _end(child: subprocess.Popen[str]) -> None:
    import signal
    import subprocess

    if os.name != "posix":
        child.kill()
        child.wait()
        return
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, stop)
            child.wait(timeout=3)
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
