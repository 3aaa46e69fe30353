"""A backend for tests that behaves as an engine does: it stops behind our back, holds ports, and no shell enters it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envman.backend import Job, Log, Observed, State, Usage
from envman.inside import Listening, Viewpoint
from envman.plan import Goal, Step
from envman.problem import Problem
from envman.project import Project

NAME = "box"
SUMMARY = "a box"
RANK = 80
ENTER = "tests.support.box_backend"
OPTIONS = None
DEPENDS = ("BOX_HOST",)
GROWS = True


def _folder(project: Project, environ: Mapping[str, str]) -> Path:
    own = project.identity.id if project.identity else "nobody"
    return Path(environ["BOX_ENGINE"]) / environ.get("BOX_HOST", "here") / own


def missing(environ: Mapping[str, str]) -> list[Problem]:
    return [] if Path(environ.get("BOX_ENGINE", "")).is_dir() else [Problem(message="no engine", hint="start it")]


def taken(environ: Mapping[str, str]) -> dict[int, str]:
    return {}


def facts(environ: Mapping[str, str]) -> list[str]:
    return ["it is a folder"]


def check(spec: Any) -> list[Any]:
    return []


def observe(project: Project, environ: Mapping[str, str]) -> Observed:
    folder = _folder(project, environ)
    running = (folder / "running").exists()
    return Observed(
        state=State.RUNNING if running else State.STOPPED if folder.exists() else State.ABSENT,
        generation=folder.name if folder.exists() else "",
        python=platform.python_version() if folder.exists() else "",
        target_python=platform.python_version(),
        executable=sys.executable,
        stops=True,
        ports=frozenset(project.ports.values()) if running else frozenset(),
        detail=folder,
    )


def plan(project: Project, observed: Observed, goal: Goal) -> tuple[Step, ...]:
    folder: Path = observed.detail
    steps = {
        (Goal.UP, State.ABSENT): [Step(name="box", title="make", reason="", operation=("mkdir", folder), renews=True)],
        (Goal.DOWN, State.RUNNING): [Step(name="stop", title="stop", reason="", operation=("unlink", folder))],
    }.get((Goal.UP if goal.builds else goal, observed.state), [])
    if goal.builds and observed.state is not State.RUNNING:
        steps.append(Step(name="begin", title="start", reason="it is stopped", operation=("touch", folder)))
    if goal.removes and observed.state is not State.ABSENT:
        steps = [Step(name="box", title="remove", reason="", operation=("rmtree", folder), changes=("the box",))]
    return tuple(steps)


def apply(operation: tuple[str, Path], job: Job) -> None:
    verb, folder = operation
    if verb == "mkdir":
        folder.mkdir(parents=True)
    elif verb == "touch":
        (folder / "running").touch()
    else:
        (folder / "running").unlink(missing_ok=True)
        if verb == "rmtree":
            folder.rmdir()


def place(project: Project, observed: Observed) -> dict[str, str]:
    return {"folder": str(observed.detail)}


def watched(project: Project, observed: Observed) -> list[str]:
    return []


def viewpoint(project: Project) -> Viewpoint:
    ports = {name: Listening(port=port.port, address="0.0.0.0") for name, port in project.spec.ports.items()}
    return Viewpoint(root="/project", ports=ports, bundle=None)


def usage(project: Project, environ: Mapping[str, str]) -> Usage:
    return Usage(disk={"the box": 1_000_000}, memory=None)


def vitals(project: Project, observed: Observed, environ: Mapping[str, str]) -> dict[str, Any]:
    return {}


def offers(recipe: Any, environ: Mapping[str, str]) -> list[Any]:
    return []


def logs(project: Project) -> dict[str, Log]:
    return {}


def alive(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    return os.path.exists(os.path.join(place["folder"], "running"))


def enter(
    place: Mapping[str, str], variables: Mapping[str, str], environ: Mapping[str, str], argv: Sequence[str], cwd: str
) -> tuple[Sequence[str], Mapping[str, str], str]:
    return argv, {**environ, **variables}, cwd


def execute(
    place: Mapping[str, str], variables: Mapping[str, str], environ: Mapping[str, str], argv: Sequence[str], cwd: str
) -> int | None:
    if not alive(place, environ):
        return None
    return subprocess.call(argv, env={**environ, **variables}, cwd=cwd)


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> None:
    return None
