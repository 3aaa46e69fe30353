"""Where things stand in a virtual environment, and which folder is ours."""

from __future__ import annotations

import os
from pathlib import Path

from envman.project import Project
from envman_venv import marker

_WINDOWS = os.name == "nt"


def executable(prefix: Path) -> Path:
    """The environment's interpreter."""
    return prefix / "Scripts" / "python.exe" if _WINDOWS else prefix / "bin" / "python"


def site_packages(prefix: Path, python: str) -> Path:
    """Where packages are installed."""
    if _WINDOWS:
        return prefix / "Lib" / "site-packages"
    return prefix / "lib" / f"python{'.'.join(python.split('.')[:2])}" / "site-packages"


def aside(project: Project) -> Path:
    """Where the old environment waits until the new one is complete."""
    return project.generated / "venv.old"


def is_foreign(prefix: Path) -> bool:
    """Whether something stands there that envman did not make; it is never touched."""
    if prefix.is_symlink():
        return True
    if not prefix.exists() or marker.read(prefix) is not None:
        return False
    return not prefix.is_dir() or any(prefix.iterdir())


def prefix(project: Project) -> Path:
    """The folder of the environment: .venv, where editors look, unless that is somebody else's."""
    usual, other = project.root / ".venv", project.generated / "venv"
    if is_foreign(usual) or (not usual.exists() and marker.read(other) is not None):
        return other
    return usual
