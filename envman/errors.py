"""The few ways envman can fail; each class owns one of the documented exit codes."""

from __future__ import annotations

from collections.abc import Sequence

from envman.problem import Problem


class EnvmanError(Exception):
    """A failure that the user can act on: printed as its problems, never as a traceback."""

    exit_code = 1

    def __init__(self, problems: Problem | Sequence[Problem] | str, *, hint: str | None = None) -> None:
        if isinstance(problems, str):
            problems = Problem(message=problems, hint=hint)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


class StepFailed(EnvmanError):
    """A step of a plan did not succeed."""

    exit_code = 1


class UsageError(EnvmanError):
    """The command line or the spec is wrong; nothing was done."""

    exit_code = 2


def wrong_key(message: str, hint: str | None, key: str) -> UsageError:
    """A key of the spec whose value leads nowhere."""
    return UsageError(Problem(message=message, hint=hint, key=key))


class EngineMissing(EnvmanError):
    """The backend's engine, or an interpreter, is not there or not running."""

    exit_code = 3


class Busy(EnvmanError):
    """Another envman is at work on this project."""

    exit_code = 4


class PortTaken(EnvmanError):
    """A port that the spec calls strict is in somebody else's hands."""

    exit_code = 5


# What `run` and `shell` answer with for their own failures, so that they never look like the child's.
RUN_FAILED = 125
RUN_NOT_EXECUTABLE = 126
RUN_NOT_FOUND = 127
INTERRUPTED = 130
DEFECT = 70
