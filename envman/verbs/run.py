"""`envman run`: a command inside, after what `up` would do. envman itself leaves: the command takes its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from envman import inside
from envman.backend import enter_of
from envman.errors import RUN_NOT_EXECUTABLE, RUN_NOT_FOUND, StepFailed, UsageError
from envman.problem import Problem
from envman.provision import provision
from envman.request import Request
from envman.verbs.enter import without_up


def run(request: Request, words: Sequence[str], *, up: bool, program: bool) -> int:
    """Execute a task or a program; answers only when that was impossible."""
    if up:
        done = provision(request, "run", start=False, announce=True)
        for problem in done.told if done.plan.steps else ():
            request.console.warn(problem)
        found, observed = done.active, done.observed
    else:
        found, observed = without_up(request)
    project = found.project
    task = None if program else project.spec.tasks.get(words[0])
    argv = task.argv(tuple(words[1:])) if task else tuple(words)
    values = inside.resolve(project, found.backend.viewpoint(project), request.environ)
    enter = enter_of(found.backend.ENTER)
    place = found.backend.place(project, observed)
    try:
        code = enter.execute(place, values, request.environ, argv, os.getcwd())
    except OSError as error:
        _, env, _ = enter.enter(place, values, request.environ, argv, os.getcwd())
        return not_started(request, argv[0], error, project.spec.tasks, env.get("PATH", ""))
    if code is None:
        raise StepFailed(Problem(message=f"{found.backend.NAME} stopped before the command began", hint="envman up"))
    return code


def not_started(request: Request, program: str, error: OSError, tasks: Iterable[str], path: str) -> int:
    """Say why a program could not start, and which one was probably meant."""
    if isinstance(error, FileNotFoundError):
        message, code = f'"{program}" is neither a task nor a program here', RUN_NOT_FOUND
        if os.sep in program and os.path.exists(program):
            message = f'"{program}" is there, but the interpreter that its first line names is not'
        hint = _nearest(program, list(tasks), path)
    else:
        message, code, hint = f'"{program}" cannot be executed: {error.strerror}', RUN_NOT_EXECUTABLE, None
    request.console.error(Problem(message=message, hint=hint))
    return code


def _nearest(program: str, tasks: Sequence[str], path: str) -> str | None:
    from difflib import get_close_matches

    programs: set[str] = set(tasks)
    for folder in path.split(os.pathsep):
        try:
            programs.update(os.listdir(folder))
        except OSError:
            continue
    close = get_close_matches(program, programs, n=3, cutoff=0.7)
    # A task is what was most likely meant; of programs, the nearest.
    close.sort(key=lambda name: name not in tasks)
    if close:
        return f"did you mean {close[0]}?"
    return f"tasks: {', '.join(tasks)}" if tasks else None


def check_words(words: Sequence[str]) -> None:
    """Refuse a call without a command."""
    if not words:
        raise UsageError(Problem(message="run needs a command or a task", hint="envman run python"))
