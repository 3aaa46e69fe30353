"""Where the files of a machine stand here: with the project's state, so that `git clean` loses no machine."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from envman.errors import StepFailed
from envman.files import digest
from envman.project import Project


def folder(project: Project) -> Path:
    """All of them but what Vagrant reads."""
    if project.folder is None:
        raise StepFailed("the project has no identity")
    return project.folder / "vagrant"


def dotfile(project: Project) -> Path:
    """Vagrant's own notes: which machine is ours, and the key to it."""
    return folder(project) / "machine"


def config(project: Project) -> Path:
    """The settings of ssh."""
    return folder(project) / "ssh_config"


def control(project: Project) -> str:
    """The socket of the shared connection; its path has to be short, because kernels allow about a hundred letters."""
    return os.path.join(_runtime(), digest([str(folder(project))])[:16])


def _runtime() -> str:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and os.path.isdir(given):
        return os.path.join(given, "envman")
    return os.path.join(tempfile.gettempdir(), f"envman-{os.getuid()}")


def make(project: Project) -> None:
    """The folders, each its owner's alone; raises StepFailed where somebody else's stands in the way."""
    runtime = Path(_runtime())
    for one in (folder(project), dotfile(project), runtime):
        one.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = runtime.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or not runtime.is_dir() or runtime.is_symlink():
        raise StepFailed(f"{runtime} is not ours alone, and the connection to the machine would stand in it")
