"""`envman lock`: every version written down, to commit; what another tool's lock says stays that tool's word."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envman import active, execute, identity, inside, interpreters, turn
from envman.answer import Answer
from envman.backend import Job
from envman.console import counted
from envman.dependencies import pylock, resolve, source
from envman.dependencies.resolve import Resolve
from envman.dependencies.source import Kind
from envman.errors import EngineMissing, UsageError
from envman.files import write_staged
from envman.frozen import replace
from envman.interpreters import Interpreter
from envman.problem import Problem
from envman.project import Project
from envman.provision import turn_folder
from envman.request import Request

LOCK = "pylock.toml"


def lock(request: Request, *, upgrade: bool) -> Answer:
    """Renew uv.lock with uv; else resolve what no lock covers and write pylock.toml beside the project's files."""
    project = active.read(request)
    if project.source.kind is Kind.UV_LOCK:
        return _renew(request, project, _interpreter(request, project), upgrade=upgrade)
    if project.source.kind is Kind.HASHED:
        return _left_to_its_tool(request, project, upgrade=upgrade)
    if project.source.kind is Kind.PYLOCK and not source.is_ours(project.source.files[0]):
        raise UsageError(
            Problem(
                message=f"{LOCK} was written by another tool, which should renew it",
                hint='or name another file: [python] from = "…"',
            )
        )
    project = _inputs(project)
    if not project.source.files and not project.source.packages:
        raise UsageError(
            Problem(message="there is nothing to lock", hint="name packages in the spec or in pyproject.toml")
        )
    return _write(request, project, _interpreter(request, project), upgrade=upgrade)


def _inputs(project: Project) -> Project:
    beneath = source.without_lock(project.root, project.spec.python)
    stale = project.root / LOCK
    return replace(project, source=replace(beneath, stale=stale if stale.exists() else None))


def _interpreter(request: Request, project: Project) -> Interpreter:
    chosen = interpreters.choose(project.python, interpreters.installed(request.environ), request.environ)
    if chosen is None:
        raise EngineMissing(Problem(message=f"{project.python} is not on this machine", hint="envman up fetches it"))
    return chosen


@contextmanager
def _working(request: Request, project: Project, title: str) -> Iterator[Job]:
    """The project's turn, with a row on the console and a log."""
    with turn.taken(turn_folder(project.root), "lock", request.console):
        own = identity.claim(project.root, project.name)
        project = replace(project, identity=own)
        masker = inside.masker(project, request.environ)
        log = execute.open_log(own.folder, "lock", masker)
        with request.console.step("lock", title) as line:
            yield Job(
                project=project,
                environ=request.environ,
                offline=request.offline,
                locked=False,
                line=line,
                log=log.write,
                masker=masker,
            )


def _write(request: Request, project: Project, chosen: Interpreter, *, upgrade: bool) -> Answer:
    version = ".".join(map(str, chosen.version))
    started = time.perf_counter()
    with _working(request, project, f"resolve {project.source.label}") as job:
        resolve.resolve(Resolve(python=version, executable=str(chosen.path), upgrade=upgrade), job)
        target = project.root / LOCK
        resolved = resolve.artefacts(job, version, str(chosen.path))[0]
        before = pylock.read(target)
        pylock.join(resolved, {}, target)
        text = target.read_text(encoding="utf-8").rstrip("\n")
        write_staged(target, f'{text}\n\n[tool.envman]\ninputs = "{project.source.fingerprint}"\n')
        after = pylock.read(target)
        changes = pylock.changes(before, after)
        job.line.done(f"{LOCK}, {counted(len(pylock.packages(after)), 'package')}", note="\n".join(changes))
    return _answer(target, after, changes, started)


def _renew(request: Request, project: Project, chosen: Interpreter, *, upgrade: bool) -> Answer:
    target = project.source.files[0]
    started = time.perf_counter()
    with _working(request, project, f"renew {target.name}") as job:
        before = _uv_lock(target)
        arguments = ["lock", *(["--upgrade"] if upgrade else []), "--python", str(chosen.path)]
        resolve.run_uv(job, arguments, f"could not renew {target.name}")
        after = _uv_lock(target)
        changes = pylock.changes(before, after)
        if upgrade:
            _forget_beyond(job.project)
        job.line.done(f"{target.name}, {counted(len(pylock.packages(after)), 'package')}", note="\n".join(changes))
    return _answer(target, after, changes, started)


def _uv_lock(file: Path) -> dict[str, Any]:
    # The same table as in pylock.toml, under another name.
    return {"packages": pylock.read(file).get("package", [])}


def _forget_beyond(project: Project) -> None:
    # What the spec asks for beyond the project's lock is resolved anew at the next up.
    for file in project.folder.glob("locks/*") if project.folder else ():
        file.unlink()


def _left_to_its_tool(request: Request, project: Project, *, upgrade: bool) -> Answer:
    if upgrade:
        _forget_beyond(project)
    request.console.say(f"{project.source.label} is the project's lock; the tool that wrote it renews it")
    return Answer(result={"file": str(project.source.files[0]), "packages": None, "changes": []})


def _answer(file: Path, lock: dict[str, Any], changes: tuple[str, ...], started: float) -> Answer:
    seconds = round(time.perf_counter() - started, 3)
    result = {"file": str(file), "packages": len(pylock.packages(lock)), "changes": list(changes), "seconds": seconds}
    return Answer(result=result)
