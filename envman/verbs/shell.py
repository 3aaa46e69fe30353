"""`envman shell`: the user's own shell, inside."""

from __future__ import annotations

import os
import tempfile

from envman import inside, process, shells
from envman.active import Active
from envman.backend import Enter, Observed, enter_of
from envman.errors import RUN_NOT_FOUND, StepFailed, UsageError
from envman.problem import Problem
from envman.provision import provision
from envman.request import Request
from envman.shells.change import Change
from envman.verbs.enter import without_up

# Where a shell of this machine cannot be inside: the best one that there is.
_THEIRS = ("sh", "-c", "command -v bash >/dev/null && exec bash; exec sh")


def shell(request: Request, *, up: bool, named: str | None) -> int:
    """Open it; answers only when that was impossible, or once it has ended."""
    if up:
        done = provision(request, "shell", start=False, announce=True)
        found, observed = done.active, done.observed
    else:
        found, observed = without_up(request)
    if request.environ.get("ENVMAN_ACTIVE") == observed.generation:
        raise UsageError(Problem(message=f"already inside {found.project.name}", hint="exit leaves it"))
    enter = enter_of(found.backend.ENTER)
    values = inside.resolve(found.project, found.backend.viewpoint(found.project), request.environ)
    change = enter.change(found.backend.place(found.project, observed), values)
    if change is None:
        return _inside(request, found, observed, enter, values)
    return _ours(request, found, change, named)


def _ours(request: Request, found: Active, change: Change, named: str | None) -> int:
    name = named or shells.detect(request.environ, shells.parent_name())
    path = request.environ.get("SHELL", "")
    path = path if os.path.basename(path).removesuffix(".exe") == name else name
    folder = tempfile.mkdtemp(prefix="envman-shell-")
    launch = shells.module(name).launch(change, path, folder, request.environ)
    for file, text in launch.files.items():
        descriptor = os.open(os.path.join(folder, file), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    request.console.say(f"{found.project.name} · {found.backend.NAME} · {name}; exit leaves it")
    try:
        process.replace(launch.argv, {**request.environ, **launch.variables})
    except OSError as error:
        request.console.error(
            Problem(message=f"{path} cannot be started: {error.strerror}", hint="envman shell --shell bash")
        )
        return RUN_NOT_FOUND


def _inside(request: Request, found: Active, observed: Observed, enter: Enter, values: dict[str, str]) -> int:
    request.console.say(f"{found.project.name} · {found.backend.NAME}; exit leaves it")
    values = {**values, "ENVMAN_ACTIVE": observed.generation}
    place = found.backend.place(found.project, observed)
    code = enter.execute(place, values, request.environ, _THEIRS, os.getcwd())
    if code is None:
        raise StepFailed(Problem(message=f"{found.backend.NAME} stopped before the shell began", hint="envman up"))
    return code
