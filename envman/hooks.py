"""Hooks: commands of the project that run inside, at known moments, and are done only when they succeeded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from envman.files import content, digest
from envman.frozen import frozen
from envman.plan import Step
from envman.project import Project
from envman.spec.model import Hook
from envman.state import Record


@frozen
class RunHook:
    """Run one hook inside the environment."""

    moment: str  # setup or start
    index: int
    hook: Hook


def name_of(operation: RunHook) -> str:
    """The name that a hook's success is recorded under; a changed command is another hook."""
    return f"{operation.moment}:{digest([repr(operation.hook.run)])[:16]}"


def inputs(project: Project, hook: Hook) -> list[Path]:
    """The files whose content the hook depends on."""
    found: dict[Path, None] = {}
    for pattern in hook.inputs:
        for file in sorted(_matching(project.root, pattern)):
            found[file] = None
    return list(found)


def _matching(root: Path, pattern: str) -> Iterable[Path]:
    try:
        matches = list(root.glob(pattern))
    except (ValueError, NotImplementedError):  # an absolute or otherwise impossible pattern matches nothing
        return
    for match in matches:
        if match.is_file():
            yield match
        elif match.is_dir() and pattern.endswith("**"):
            yield from (file for file in match.iterdir() if file.is_file())


def watched(project: Project) -> list[Path]:
    """The inputs of all hooks, and the folders in which another could appear."""
    found: dict[Path, None] = {}
    for hook in project.spec.hooks.setup:
        for file in inputs(project, hook):
            found[file] = None
            found[file.parent] = None
        for pattern in hook.inputs:
            found[project.root.joinpath(*_before_wildcard(pattern))] = None
    return list(found)


def _before_wildcard(pattern: str) -> list[str]:
    fixed: list[str] = []
    for part in Path(pattern).parts:
        if any(sign in part for sign in "*?["):
            break
        fixed.append(part)
    return fixed


def fingerprint(project: Project, operation: RunHook, *, generation: str, packages: str) -> str:
    """What a hook's success holds for: this environment, these packages, this command, this content."""
    files = inputs(project, operation.hook)
    parts: list[str | bytes] = [generation, packages, repr(operation.hook.run)]
    for file in files:
        parts += [str(file.relative_to(project.root)), content(file)]
    return digest(parts)


def steps(
    project: Project, record: Record, *, generation: str, packages: str, renewed: bool, start: bool
) -> tuple[Step, ...]:
    """The hooks that have to run; all of them where the environment or its packages are renewed."""
    found: list[Step] = []
    for index, hook in enumerate(project.spec.hooks.setup):
        operation = RunHook(moment="setup", index=index, hook=hook)
        done = record.hooks.get(name_of(operation))
        if renewed:
            reason = "the environment or its packages are new"
        elif done is None:
            reason = "has not succeeded yet"
        elif done != fingerprint(project, operation, generation=generation, packages=packages):
            reason = "its inputs changed"
        else:
            continue
        found.append(Step(name="setup", title=str(hook.run), reason=reason, operation=operation))
    for index, hook in enumerate(project.spec.hooks.start if start else ()):
        operation = RunHook(moment="start", index=index, hook=hook)
        found.append(Step(name="start", title=str(hook.run), reason="runs at every up", operation=operation))
    return tuple(found)
