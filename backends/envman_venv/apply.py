"""Carrying out the venv backend's operations, one at a time, so that each may be the last one before a kill."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from envman import interpreters, process
from envman.backend import Job
from envman.dependencies import installed, resolve, source, uv
from envman.errors import EngineMissing, StepFailed
from envman.files import remove_tree
from envman.frozen import replace
from envman.problem import Problem
from envman.services.snapshots import LookAtData, RestoreData, SaveData
from envman.services.upgrades import BeginUpgrade, DumpData, ReadData, TakePlace
from envman_venv import layout, marker, pip, template
from envman_venv.marker import Marker
from envman_venv.operations import CreateEnvironment, FetchPython, InstallPackages, RemoveEnvironment
from envman_venv.services.operations import FetchServer, StartService, StopService


@singledispatch
def _apply(operation: Any, job: Job) -> str | None:
    raise TypeError(f"the venv backend has no operation {type(operation).__name__}")


def apply(operation: Any, job: Job) -> str | None:
    """Carry out one operation; answers with a better title for its row, if there is one."""
    return _apply(operation, job)


@_apply.register
def _fetch(operation: FetchPython, job: Job) -> str | None:
    here = ", ".join(operation.others) or "none"
    hint = f"here: {here}\nask for one of them with [python] version, or install it (pyenv, your system's packages, uv)"
    if job.offline:
        raise EngineMissing(
            Problem(message=f"Python {operation.version} is not on this machine (--offline)", hint=hint)
        )
    program = uv.find()
    if program is None:
        raise EngineMissing(Problem(message=f"Python {operation.version} is not on this machine", hint=hint))
    env = uv.environment(
        job.environ,
        job.project.root,
        offline=False,
        network=job.project.spec.network,
        project=job.project.source.project,
    )
    env.update({"UV_PYTHON_DOWNLOADS": "manual", "UV_HTTP_RETRIES": "0", "UV_HTTP_CONNECT_TIMEOUT": "10"})
    done = process.stream(
        [program, "python", "install", "--no-bin", operation.version],
        env=env,
        cwd=str(job.project.root),
        on_line=job.log,
    )
    if done.code:
        lines = [line.strip() for line in done.output.splitlines() if line.strip()]
        why = job.masker.mask(lines[-1].removeprefix("cause: ").removeprefix("error: ")) if lines else "no reason given"
        message = f"Python {operation.version} is not on this machine, and could not be downloaded: {why}"
        raise EngineMissing(Problem(message=message, hint=hint))
    return None


def _interpreter(operation: CreateEnvironment, job: Job) -> Path:
    if operation.interpreter is not None:
        return operation.interpreter
    chosen = interpreters.choose(job.project.python, interpreters.installed(job.environ), job.environ)
    if chosen is None:
        raise EngineMissing(f"{job.project.python} was downloaded, and still is not found")
    return chosen.path


def _discard(aside: Path) -> None:
    # Out of its place first: what a kill leaves half removed must not be put back one day.
    gone = aside.with_name("venv.gone")
    remove_tree(gone)
    if aside.exists():
        aside.rename(gone)
        remove_tree(gone)


def _set_aside(prefix: Path, aside: Path) -> None:
    if not prefix.exists():
        return
    found = marker.read(prefix)
    if found is not None and found.fingerprint and found.path == str(prefix):
        _discard(aside)
        prefix.rename(aside)
    else:
        remove_tree(prefix)  # never finished, or made for another folder: nothing that anyone would want back


def _put_back(prefix: Path, aside: Path) -> None:
    if aside.exists():
        remove_tree(prefix)
        aside.rename(prefix)


def _begin(prefix: Path, staging: Path, note: Marker) -> None:
    # The folder appears with its note inside: without one, after a kill, it would be taken for somebody else's.
    remove_tree(staging)
    marker.write(staging, note)
    staging.rename(prefix)


@_apply.register
def _create(operation: CreateEnvironment, job: Job) -> str | None:
    prefix, project = operation.prefix, job.project
    if os.pathsep in str(prefix):
        message = f'{prefix} cannot be in PATH, because of the "{os.pathsep}" in its name'
        raise StepFailed(Problem(message=message, hint="rename the folder"))
    interpreter = _interpreter(operation, job)
    _set_aside(prefix, layout.aside(project))
    owner = project.identity.id if project.identity else ""
    note = Marker(project=owner, path=str(prefix), generation=os.urandom(6).hex(), base=str(interpreter))
    try:
        _begin(prefix, project.generated / "venv.new", note)
        version = template.create(prefix, interpreter, project.name, with_pip=uv.find() is None)
        marker.write(prefix, replace(note, created=True, python=version))
    except OSError as error:
        _put_back(prefix, layout.aside(project))
        raise StepFailed(f"could not create {prefix}: {error.strerror or error}") from error
    except Exception:
        _put_back(prefix, layout.aside(project))
        raise
    shown = prefix.relative_to(project.root)
    return f"{shown}, Python {version}"


@_apply.register
def _install(operation: InstallPackages, job: Job) -> str | None:
    prefix, project = operation.prefix, job.project
    note = marker.read(prefix)
    if note is None:
        raise StepFailed(f"{prefix} is gone; something removed it while envman was at work")
    packages = layout.site_packages(prefix, note.python)
    before = installed.read(packages)
    strangers = {name: version for name, version in before.items() if note.installed and name not in note.installed}
    # Until all is there the note must not say so: a kill from here on is mended by the next up.
    begun = replace(note, fingerprint="", touched=True)
    marker.write(prefix, begun)
    try:
        files = resolve.artefacts(job, note.python, note.base)
        if not files and not before:
            pass  # a project of services alone: there is nothing to install, and nothing to remove
        elif uv.find():
            _with_uv(prefix, files, job, exact=operation.exact, afresh=operation.afresh)
        else:
            pip.install(layout.executable(prefix), files, job, exact=operation.exact)
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            _put_back(prefix, layout.aside(project))
            if installed.read(packages) == before and not note.touched and marker.read(prefix) == begun:
                marker.write(prefix, note)  # it failed before it changed anything: what was there is still whole
        raise
    after = installed.read(packages)
    # uv.lock may just have been brought up to date: what is recorded is what was installed from.
    fresh = replace(project, source=source.detect(project.root, project.spec.python))
    kept = {name: version for name, version in after.items() if operation.exact or name not in strangers}
    fingerprint = resolve.fingerprint(fresh, note.python)
    # The old one goes first: a kill after the note says that the new one is whole would leave it for ever.
    _discard(layout.aside(project))
    marker.write(prefix, replace(note, touched=False, fingerprint=fingerprint, installed=kept))
    job.log("\n".join(installed.changes(before, after)))
    return f"{len(kept)} from {project.source.label}"


def _with_uv(prefix: Path, files: Sequence[Path], job: Job, *, exact: bool, afresh: bool) -> None:
    if not files:
        empty = job.project.generated / "requirements.empty.txt"
        empty.write_text("", encoding="utf-8")
        files = [empty]
    verb = ["sync", *map(str, files), "--allow-empty-requirements"] if exact else [
        "install", "--no-deps", *(word for file in files for word in ("--requirement", str(file)))
    ]  # fmt: skip
    arguments = ["pip", *verb, "--python", str(layout.executable(prefix)), "--preview-features", "pylock"]
    if all(file.suffix == ".txt" for file in files) and job.project.source.kind is source.Kind.HASHED:
        arguments.append("--require-hashes")
    if afresh:
        # uv takes a package for installed as soon as its metadata is there, which a kill can leave behind alone.
        arguments.append("--reinstall")
    if _other_disk(prefix, job):
        arguments += ["--link-mode", "copy"]
    resolve.run_uv(job, arguments, "could not install the packages")


def _other_disk(prefix: Path, job: Job) -> bool:
    # Across file systems uv cannot link, and would say so at every install.
    default = Path(job.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    try:
        return (
            sys.platform == "linux"
            and Path(job.environ.get("UV_CACHE_DIR") or default).stat().st_dev != prefix.stat().st_dev
        )
    except OSError:
        return False


@_apply.register
def _remove(operation: RemoveEnvironment, job: Job) -> str | None:
    if layout.is_foreign(operation.prefix):
        return f"{operation.prefix.name} is not envman's, and stays"
    remove_tree(operation.prefix)
    return None


def _on_service(operation: Any, job: Job) -> str | None:
    from envman_venv.services import dispatch  # most projects have none, and need not wait for their tools

    return dispatch.carry_out(operation, job)


_OF_SERVICES = (
    FetchServer, StartService, StopService, SaveData, RestoreData, LookAtData, BeginUpgrade, DumpData, ReadData,
    TakePlace,
)  # fmt: skip
for _kind in _OF_SERVICES:
    _apply.register(_kind, _on_service)
