"""Hooks: commands of the project that run inside, at known moments, and are done only when they succeeded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
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
    """The name that a hook's success is recorded under; a changed command, or other inputs, is another hook."""
    return f"{operation.moment}:{digest([repr(operation.hook.run), repr(operation.hook.inputs)])[:16]}"


def inputs(project: Project, hook: Hook) -> list[Path]:
    """The files whose content the hook depends on."""
    return list(dict.fromkeys(file for pattern in hook.inputs for file in _found(project.root, pattern)[0]))


def watched(project: Project) -> list[Path]:
    """The inputs of all hooks, and the folders in which another could appear."""
    found: dict[Path, None] = {}
    for hook in project.spec.hooks.setup:
        for pattern in hook.inputs:
            files, folders = _found(project.root, pattern)
            found |= dict.fromkeys((*files, *folders))
    return list(found)


# What tools leave in any folder is nobody's input, and some of it is endless.
_NEVER = (".git", ".envman", ".venv", "__pycache__", "node_modules")


def _found(root: Path, pattern: str) -> tuple[list[Path], list[Path]]:
    """The files that a pattern means, and the folders that were looked into; a folder means all that is in it."""
    fixed, wild = _split(pattern)
    start = root.joinpath(*fixed)
    if Path(pattern).is_absolute():
        return [], []  # what is not the project's is nobody's input
    if not wild and not start.is_dir():
        return ([start] if start.is_file() else []), [start, start.parent]
    wild = wild or ["**"]
    files: list[Path] = []
    folders: list[Path] = []
    for folder, inner, names in os.walk(start):
        here = Path(folder)
        depth = here.relative_to(start).parts
        folders.append(here)
        files += [here / name for name in sorted(names) if _matches((*depth, name), wild)]
        deeper = "**" in wild or len(depth) + 1 < len(wild)
        inner[:] = sorted(name for name in inner if name not in _NEVER) if deeper else []
    return files, folders or [start]


def _split(pattern: str) -> tuple[list[str], list[str]]:
    parts = Path(pattern).parts
    first = next((index for index, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts))
    return list(parts[:first]), list(parts[first:])


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return len(pattern) == 1 or any(_matches(parts[skip:], pattern[1:]) for skip in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def fingerprint(project: Project, operation: RunHook, *, generation: str, packages: str) -> str:
    """What a hook's success holds for: this environment, these packages, this data, this command, this content."""
    files = inputs(project, operation.hook)
    parts: list[str | bytes] = [generation, packages, repr(operation.hook.run)]
    if isinstance(data := project.memory.get("data"), str):  # what services keep was replaced since
        parts.append(data)
    for file in files:
        parts += [os.path.relpath(file, project.root), content(file)]
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
            reason = "its inputs, or the data, changed" if "data" in project.memory else "its inputs changed"
        else:
            continue
        found.append(Step(name="setup", title=str(hook.run), reason=reason, operation=operation))
    for index, hook in enumerate(project.spec.hooks.start if start else ()):
        operation = RunHook(moment="start", index=index, hook=hook)
        found.append(Step(name="start", title=str(hook.run), reason="runs at every up", operation=operation))
    return tuple(found)
