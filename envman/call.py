"""One call of a command: the verb is run, and what it answers or raises becomes text, JSON and an exit code."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

from envman.answer import Answer, envelope
from envman.console import Console
from envman.errors import RUN_FAILED, EnvmanError, UsageError
from envman.problem import Problem
from envman.request import Request

# What a disk, a mount or a permission may answer at any moment; everything else of the kind is a defect of ours.
_SYSTEM_SAYS_NO = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EIO, errno.ENAMETOOLONG
)  # fmt: skip


def answered(command: str, *, as_json: bool, make: Callable[[], Request], verb: Callable[[Request], Answer]) -> int:
    """Run a verb and render what it answers: text, or the JSON envelope, whatever happened."""
    request: Request | None = None
    try:
        request = make()
        answer = verb(request)
    except EnvmanError as error:
        problems, code = error.problems, error.exit_code
    except OSError as error:
        problems, code = (_of_the_system(error),), EnvmanError.exit_code
    else:
        if answer.said:
            return answer.code
        if as_json:
            request.console.answer(envelope(command, ok=True, result=answer.result, problems=answer.problems))
        elif answer.text:
            request.console.answer(answer.text)
        return answer.code
    console = request.console if request else Console()
    for problem in problems:
        console.error(problem)
    if as_json:
        console.answer(envelope(command, ok=False, result={}, problems=problems))
    return code


def entered(*, make: Callable[[], Request], verb: Callable[[Request], int]) -> int:
    """Run a verb that becomes another program; its own failures never look like that program's."""
    console = Console()
    try:
        request = make()
        console = request.console
        return verb(request)
    except EnvmanError as error:
        problems = error.problems
    except OSError as error:
        problems = (_of_the_system(error),)
    for problem in problems:
        console.error(problem)
    return RUN_FAILED


def here() -> Path:
    """The current folder; raises UsageError when it has been removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder is gone", hint="cd somewhere else, or use -C DIR") from None


def _of_the_system(error: OSError) -> Problem:
    if error.errno not in _SYSTEM_SAYS_NO:
        raise error
    hint = "nothing is lost: mend it, and run the command again"
    return Problem(message=f"{error.filename or 'a file'}: {error.strerror}", hint=hint)
