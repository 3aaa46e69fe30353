"""`envman lock`: write every version down, to commit; a lock of another tool is left to that tool."""

from __future__ import annotations

import time
from dataclasses import replace

from envman import active, execute, identity, inside, interpreters, turn
from envman.answer import Answer
from envman.backend import Job
from envman.console import counted
from envman.dependencies import pylock, resolve, source
from envman.dependencies.resolve import Resolve
from envman.dependencies.source import Kind
from envman.errors import EngineMissing, UsageError
from envman.files import write_staged
from envman.problem import Problem
from envman.project import Project
from envman.provision import turn_folder
from envman.request import Request

LOCK = "pylock.toml"


def _inputs(project: Project) -> Project:
    beneath = source.without_lock(project.root, project.spec.python)
    stale = project.root / LOCK
    return replace(project, source=replace(beneath, stale=stale if stale.exists() else None))


def lock(request: Request, *, upgrade: bool) -> Answer:
    """Resolve what no lock covers and write pylock.toml beside the project's files."""
    project = active.read(request)
    if project.source.kind in (Kind.UV_LOCK, Kind.HASHED):
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
    chosen = interpreters.choose(project.python, interpreters.installed(request.environ), request.environ)
    if chosen is None:
        raise EngineMissing(Problem(message=f"{project.python} is not on this machine", hint="envman up fetches it"))
    with turn.taken(turn_folder(project.root), "lock", request.console):
        project = replace(project, identity=identity.claim(project.root, project.name))
        return _write(request, project, chosen, upgrade=upgrade)


def _write(request: Request, project: Project, chosen: interpreters.Interpreter, *, upgrade: bool) -> Answer:
    if project.folder is None:
        raise UsageError("the project has no identity")
    masker = inside.masker(project, request.environ)
    log = execute.open_log(project.folder, "lock", masker)
    version = ".".join(map(str, chosen.version))
    started = time.perf_counter()
    with request.console.step("lock", f"resolve {project.source.label}") as line:
        job = Job(
            project=project,
            environ=request.environ,
            offline=request.offline,
            locked=False,
            line=line,
            log=log.write,
            masker=masker,
        )
        operation = Resolve(python=version, executable=str(chosen.path), upgrade=upgrade)
        resolve.resolve(operation, job)
        target = project.root / LOCK
        resolved = resolve.artefacts(job, version, str(chosen.path))[0]
        before = pylock.read(target)
        pylock.join(resolved, {}, target)
        text = target.read_text(encoding="utf-8").rstrip("\n")
        write_staged(target, f'{text}\n\n[tool.envman]\ninputs = "{project.source.fingerprint}"\n')
        after = pylock.read(target)
        changes = pylock.changes(before, after)
        line.done(f"{LOCK}, {counted(len(pylock.packages(after)), 'package')}", note="\n".join(changes))
    result = {
        "file": str(target),
        "packages": len(pylock.packages(after)),
        "changes": list(changes),
        "seconds": round(time.perf_counter() - started, 3),
    }
    return Answer(result=result)


def _left_to_its_tool(request: Request, project: Project, *, upgrade: bool) -> Answer:
    if project.source.packages:
        # The project's lock stays; what the spec adds to it is resolved anew at the next up.
        for file in project.folder.glob("locks/*") if project.folder and upgrade else ():
            file.unlink()
    tool = "uv lock" if project.source.kind is Kind.UV_LOCK else "the tool that wrote it"
    flag = " --upgrade" if upgrade and project.source.kind is Kind.UV_LOCK else ""
    request.console.say(f"{project.source.label} is the project's lock; {tool}{flag} renews it")
    return Answer(result={"file": str(project.source.files[0]), "packages": None, "changes": []})
