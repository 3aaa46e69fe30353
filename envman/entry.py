"""Where `envman` starts: the hot path first, then click, and one place that catches what nobody expected."""

from __future__ import annotations

import gc
import os
import sys

from envman import hot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import NoReturn


def main() -> NoReturn:
    """The console script."""
    code = _main()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # a stream that the caller has closed is None
        try:
            stream.flush()
        except OSError:  # the reader has left (`envman list | head`): nothing more can be said
            pass
    # Nothing is left to do, and taking the interpreter apart would take longer than many a command.
    os._exit(code)


def _main() -> int:
    # A short life: what would be collected goes with the process.
    gc.disable()
    arguments = sys.argv[1:]
    try:
        code = hot.dispatch(arguments)
    except KeyboardInterrupt:
        code = 130  # without a word: nothing has begun
    except Exception as error:
        code = _defect(error, arguments)
    if code is None:
        code = _cold(arguments)
    return code


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
        from envman import plain

        code = plain.dispatch(arguments)
        if code is None:
            from envman import cli

            code = cli.main(list(arguments))
        return code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; the next envman up resumes\n")
        return INTERRUPTED
    except BrokenPipeError:
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
