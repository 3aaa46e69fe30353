"""A backend for tests that behaves as an engine does: it stops behind our back, holds ports, and no shell enters it.

What its servers hold are files, one for each; `BOX_FAILS` names what fails in it, as box:restore.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envman.backend import Job, Log, Observed, Serving, State, Usage
from envman.errors import StepFailed
from envman.files import write_json
from envman.inside import Listening, Viewpoint
from envman.plan import Goal, Step
from envman.problem import Problem
from envman.project import Project
from envman.services.snapshots import LookAtData, RestoreData, SaveData

NAME = "box"
SUMMARY = "a box"
RANK = 80
ENTER = "tests.support.box_backend"
OPTIONS = None
DEPENDS = ("BOX_HOST",)
GROWS = True
ISOLATES = {"files": "own, but the project", "processes": "shared", "kernel": "shared", "network": "own"}
REPEATS = "nothing"
NEEDS = "a folder"


def _folder(project: Project, environ: Mapping[str, str]) -> Path:
    own = project.identity.id if project.identity else "nobody"
    return Path(environ["BOX_ENGINE"]) / environ.get("BOX_HOST", "here") / NAME / own


def _data(project: Project, environ: Mapping[str, str], name: str) -> Path:
    folder = _folder(project, environ)
    return folder.with_name(f"{folder.name}.{name}")  # beside it: it stays when the box goes


def missing(environ: Mapping[str, str]) -> list[Problem]:
    if environ.get("BOX_MISSING") == NAME:
        return [Problem(message=f"no {NAME} engine", hint="start it")]
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
    state = State.RUNNING if running else State.STOPPED if folder.exists() else State.ABSENT
    return Observed(
        state=state,
        generation=folder.name if folder.exists() else "",
        python=platform.python_version() if folder.exists() else "",
        target_python=platform.python_version(),
        executable=sys.executable,
        services={name: Serving(state=state, title="a file") for name in project.spec.services},
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


def _fail(verb: str, job: Job) -> None:
    if job.environ.get("BOX_FAILS") == f"{NAME}:{verb}":
        raise StepFailed(f"{verb} fails in the {NAME}")


def _carry(operation: LookAtData | SaveData | RestoreData, job: Job) -> None:
    here = _data(job.project, job.environ, operation.name)
    if isinstance(operation, LookAtData):
        _fail("look", job)
        write_json(operation.target, {"it": here.read_text(encoding="utf-8").split()} if here.exists() else {})
    elif isinstance(operation, SaveData):
        _fail("save", job)
        (operation.target / "held").write_text(here.read_text(encoding="utf-8") if here.exists() else "")
    else:
        lost = job.environ.get("BOX_FAILS") == f"{NAME}:lose"
        here.write_text("" if lost else (operation.source / "held").read_text(encoding="utf-8"))
        _fail("restore", job)


def apply(operation: Any, job: Job) -> None:
    if not isinstance(operation, tuple):
        _carry(operation, job)
        return
    verb, folder = operation
    _fail(verb, job)
    if verb == "mkdir":
        folder.mkdir(parents=True)
    elif verb == "touch":
        (folder / "running").touch()
    else:
        (folder / "running").unlink(missing_ok=True)
        if verb == "rmtree":
            shutil.rmtree(folder)


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
    return argv, {**environ, **variables, "BOX": NAME}, cwd


def execute(
    place: Mapping[str, str], variables: Mapping[str, str], environ: Mapping[str, str], argv: Sequence[str], cwd: str
) -> int | None:
    if not alive(place, environ):
        return None
    return subprocess.call(argv, env={**environ, **variables, "BOX": NAME}, cwd=cwd)


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> None:
    return None
