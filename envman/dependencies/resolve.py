"""From what a project asks for to one lock that every backend installs: resolved once, recorded, kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from envman import process, versions
from envman.console import StepLine, counted
from envman.dependencies import installed, pylock, pyproject, uv
from envman.dependencies.source import Kind, Source
from envman.errors import StepFailed, UsageError
from envman.files import content, digest, write_staged
from envman.frozen import frozen
from envman.plan import Step
from envman.problem import Problem
from envman.project import Project
from envman.secrets import has_credentials

ARTEFACT = "pylock.toml"
_EXTRA = "pylock.extra.toml"
_HASHED_EXTRA = "requirements.extra.txt"


@frozen
class Resolve:
    """Find versions for what no lock covers, and record them."""

    python: str
    executable: str
    upgrade: bool = False


class Work(Protocol):
    """What resolving may use: the part of a job that it needs."""

    @property
    def project(self) -> Project: ...
    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def offline(self) -> bool: ...
    @property
    def locked(self) -> bool: ...
    @property
    def uv(self) -> Callable[[Sequence[str]], process.Completed] | None: ...
    @property
    def line(self) -> StepLine: ...
    def log(self, text: str, /) -> None: ...


def oldest_python(project: Project, python: str) -> str:
    """The X.Y that a lock is made for: the oldest one the project allows, so that a team shares it."""
    clauses = [clause.strip() for clause in project.python.text.split(",")]
    bounds = [versions.release(clause[2:].strip())[:2] for clause in clauses if clause[:2] in (">=", "~=", "==")]
    return ".".join(map(str, max(bounds))) if bounds else ".".join(python.split(".")[:2])


def _needs_resolution(source: Source) -> bool:
    return bool(source.packages) if source.is_locked or source.kind is Kind.NOTHING else True


def record(project: Project, python: str) -> Path | None:
    """Where the resolution of these inputs is kept; None when the project's own lock says it all."""
    if not _needs_resolution(project.source) or project.folder is None:
        return None
    key = digest([project.source.fingerprint, oldest_python(project, python)])[:24]
    suffix = "txt" if project.source.kind is Kind.HASHED else "toml"
    return project.folder / "locks" / f"pylock.{key}.{suffix}"


def fingerprint(project: Project, python: str) -> str:
    """What the installed packages depend on: the inputs, the Python, and the resolution in use."""
    kept = record(project, python)
    return digest([project.source.fingerprint, ".".join(python.split(".")[:2]), content(kept) if kept else b""])


def steps(project: Project, python: str, executable: str) -> tuple[Step, ...]:
    """The step that resolves, where there is something to resolve."""
    if not _needs_resolution(project.source):
        return ()
    kept = record(project, python)
    if kept is not None and kept.exists():
        return ()
    source = project.source
    what = " + ".join([*(file.name for file in source.files), *source.packages]) or "the spec"
    reason = (
        f"{source.stale.name} is older than {source.label}" if source.stale else "nothing recorded for these inputs"
    )
    return (
        Step(
            name="lock", title=f"resolve {what}", reason=reason, operation=Resolve(python=python, executable=executable)
        ),
    )


def _failed(work: Work, done: process.Completed, what: str) -> StepFailed:
    message, hint = uv.meaning(done.output)
    said = "\n".join(line.removeprefix("error: ") for line in done.last_lines(12).splitlines())
    return StepFailed(Problem(message=f"{what}: {message}\n{said}", hint=hint))


def run_uv(work: Work, arguments: Sequence[str], what: str) -> process.Completed:
    """Run uv in the project's folder; raises StepFailed with what its failure means."""
    done = _try_uv(work, arguments)
    if done.code:
        raise _failed(work, done, what)
    return done


def _try_uv(work: Work, arguments: Sequence[str]) -> process.Completed:
    project = work.project
    if work.uv is not None:
        return work.uv(arguments)
    program = uv.find()
    if program is None:
        raise StepFailed(
            Problem(message=f"{project.source.label} can be resolved only by uv", hint="pip install uv, beside envman")
        )
    env = uv.environment(
        work.environ, project.root, offline=work.offline, network=project.spec.network, project=project.source.project
    )

    def on_line(line: str) -> None:
        work.line.progress(line)
        work.log(line)

    work.log(f"$ uv {' '.join(arguments)}")
    return process.stream([program, *arguments], env=env, cwd=str(project.root), on_line=on_line)


def _compile(
    work: Work, operation: Resolve, target: Path, *, constraints: Sequence[Path] = (), only_packages: bool
) -> None:
    project, source = work.project, work.project.source
    asked = project.generated / "requirements.in"
    lines = list(source.packages)
    inputs: list[str] = []
    options: list[str] = []
    if not only_packages and source.kind is Kind.PYPROJECT:
        declared = pyproject.table(source.project, "dependency-groups")
        options = [word for group in source.groups if group in declared for word in ("--group", group)]
        lines += pyproject.older_dev(source.project) if "dev" in source.groups else []
        if source.installs_project:
            extras = f"[{','.join(source.extras)}]" if source.extras else ""
            lines.insert(0, f"-e .{extras}")
        else:
            inputs.append(str(source.files[0]))
            options += [word for extra in source.extras for word in ("--extra", extra)]
    elif not only_packages and source.kind is Kind.REQUIREMENTS:
        inputs += [str(file) for file in source.files]
    write_staged(asked, "".join(f"{line}\n" for line in lines))
    form = ["--generate-hashes"] if target.suffix == ".txt" else ["--format", "pylock.toml"]
    python = ["--python", operation.executable] if operation.executable else []
    arguments = [
        "pip", "compile", "--universal", *form, "--no-header", "--no-annotate", "--quiet",
        "--python-version", oldest_python(project, operation.python), *python, *options,
        *(["--upgrade"] if operation.upgrade else []),
        *(word for file in constraints for word in ("--constraints", str(file))),
        "--output-file", str(target), *inputs, str(asked),
    ]  # fmt: skip
    run_uv(work, arguments, f"could not resolve {source.label}")
    _refuse_credentials(target)


def _seed(target: Path, project: Project) -> None:
    # The newest resolution before this one serves as preference: a changed input changes no more than it must.
    stale = project.source.stale
    earlier = sorted(
        (project.folder or target).glob(f"locks/pylock.*{target.suffix}"), key=lambda file: file.stat().st_mtime
    )
    for file in ([stale] if stale else []) + earlier[::-1]:
        shutil.copyfile(file, target)
        return


def resolve(operation: Resolve, work: Work) -> str:
    """Carry out the operation; answers with the row's title."""
    project, source = work.project, work.project.source
    if work.locked:
        raise StepFailed(
            Problem(message=f"no lock covers {source.label}, and --locked forbids to resolve", hint="envman lock")
        )
    kept = record(project, operation.python)
    if kept is None:
        return f"{source.label} says it all"
    target = project.generated / (_HASHED_EXTRA if source.kind is Kind.HASHED else ARTEFACT)
    target.unlink(missing_ok=True)
    if not operation.upgrade:
        _seed(target, project)
    if source.kind is Kind.HASHED:
        _compile(work, operation, target, constraints=source.files, only_packages=True)
    elif source.is_locked:
        _resolve_beside_lock(work, operation, target)
    else:
        _compile(work, operation, target, only_packages=False)
    write_staged(kept, target.read_text(encoding="utf-8"))
    count = len(pylock.packages(pylock.read(target))) if target.suffix == ".toml" else 0
    return f"{counted(count, 'package')} resolved from {source.label}" if count else f"resolved beside {source.label}"


def _resolve_beside_lock(work: Work, operation: Resolve, target: Path) -> None:
    project = work.project
    base = _own_lock(work, project.generated / "pylock.base.toml", operation.executable)
    constraints = project.generated / "constraints.txt"
    write_staged(constraints, pylock.as_constraints(pylock.read(base)))
    extra = project.generated / _EXTRA
    extra.unlink(missing_ok=True)
    _compile(work, operation, extra, constraints=[constraints], only_packages=True)
    pylock.join(base, pylock.read(extra), target)


def _own_lock(work: Work, target: Path, executable: str) -> Path:
    """The project's lock as a pylock file."""
    source = work.project.source
    if source.kind is Kind.PYLOCK:
        return _with_project(work.project, source.files[0], target)
    arguments = [
        "export", "--format", "pylock.toml", "--quiet", "--no-header", "--no-annotate", "--no-default-groups",
        *(word for group in source.groups for word in ("--group", group)),
        *(word for extra in source.extras for word in ("--extra", extra)),
        *(["--python", executable] if executable else []),
        "--output-file", str(target),
    ]  # fmt: skip
    target.unlink(missing_ok=True)
    done = _try_uv(work, [*arguments, "--locked"])
    if done.code and "needs to be updated" in done.output and not work.locked:
        run_uv(work, ["lock", *(["--python", executable] if executable else [])], "could not bring uv.lock up to date")
        done = _try_uv(work, [*arguments, "--locked"])
    if done.code and "needs to be updated" in done.output:
        raise UsageError(
            Problem(
                message="uv.lock is older than pyproject.toml, and --locked forbids to renew it", hint="envman lock"
            )
        )
    if done.code:
        raise _failed(work, done, "could not read uv.lock")
    _refuse_credentials(target)
    return target


def _with_project(project: Project, lock: Path, target: Path) -> Path:
    """The lock, with the project itself added where its writer left it out."""
    declared = project.source.project.get("project")
    name = declared.get("name") if isinstance(declared, dict) else None
    if not project.source.installs_project or not isinstance(name, str):
        return lock
    if installed.normal(name) in (installed.normal(entry["name"]) for entry in pylock.packages(pylock.read(lock))):
        return lock
    place = os.path.relpath(project.root, target.parent).replace(os.sep, "/")
    pylock.join(lock, {"packages": [{"name": name, "directory": {"path": place, "editable": True}}]}, target)
    return target


def _refuse_credentials(lock: Path) -> None:
    # uv writes a direct address as it was given, password and all, and a lock is made to be shared.
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
        if has_credentials(line):
            lock.unlink()
            message = f"a direct address with a password would be written into the lock (line {number})"
            hint = "take user and password out of the requirement, and put them into ~/.netrc"
            raise StepFailed(Problem(message=message, hint=hint))


def artefacts(work: Work, python: str, executable: str) -> list[Path]:
    """The files to install from: one pylock, or requirements with hashes, or none."""
    project, source = work.project, work.project.source
    kept = record(project, python)
    if source.kind is Kind.HASHED:
        extra = project.generated / _HASHED_EXTRA
        if kept is not None:
            write_staged(extra, kept.read_text(encoding="utf-8"))
        return [*source.files, *([extra] if kept is not None else [])]
    target = project.generated / ARTEFACT
    if kept is not None:
        if content(target) != content(kept):
            write_staged(target, kept.read_text(encoding="utf-8"))
        return [target]
    if source.kind is Kind.NOTHING:
        return []
    return [_own_lock(work, target, executable)]
