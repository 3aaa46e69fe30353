"""Where `envman` starts: the hot path first, then click, and one place that catches what nobody expected."""

from __future__ import annotations

import os
import sys

from envman import hot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


def main() -> int:
    """The console script."""
    arguments = sys.argv[1:]
    try:
        code = hot.dispatch(arguments)
    except Exception as error:
        code = _defect(error, arguments)
    if code is None:
        code = _cold(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    return code


def _silence_stdout() -> None:
    # The reader has left (`envman list | head`): nothing more can be said, and the exit must not complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _cold(arguments: Sequence[str]) -> int:
    import signal

    from envman.errors import INTERRUPTED

    # `kill` and a closed terminal end the work as Ctrl-C does: children are waited for, nothing is left half written.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _terminated)
    try:
        from envman import cli

        return cli.main(list(arguments))
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; the next envman up resumes\n")
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except Exception as error:
        return _defect(error, arguments)


def _defect(error: Exception, arguments: Sequence[str]) -> int:
    import time
    import traceback

    from envman import __version__, paths
    from envman.errors import DEFECT, RUN_FAILED
    from envman.secrets import Masker

    text = "".join(traceback.format_exception(error))
    file = os.path.join(paths.data_folder(), "defects", time.strftime("%Y%m%d-%H%M%S.log"))
    where = ""
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as stream:
            # The words of the command line may hold anything of the user's: only the command itself is kept.
            stream.write(f"envman {__version__} {' '.join(arguments[:1])}\n{Masker().mask(text)}")
        where = f"; the details are in {file}"
    except OSError:
        pass
    sys.stderr.write(f"error: a defect in envman: {type(error).__name__}: {Masker().mask(str(error))[:200]}{where}\n")
    return RUN_FAILED if arguments[:1] in (["run"], ["shell"]) else DEFECT
