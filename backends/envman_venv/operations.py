"""What the venv backend can be asked to do, each as a value."""

from __future__ import annotations

from pathlib import Path

from envman.frozen import frozen


@frozen
class FetchPython:
    """Let uv download an interpreter."""

    version: str
    others: tuple[str, ...]


@frozen
class CreateEnvironment:
    """Make the virtual environment; one that is there is set aside first."""

    prefix: Path
    interpreter: Path | None  # None: the one that was just fetched


@frozen
class InstallPackages:
    """Install what the lock names; exactly, when everything else is to go."""

    prefix: Path
    interpreter: Path | None
    exact: bool
    afresh: bool = False  # an installation was cut short, so what looks installed may not be whole


@frozen
class RemoveEnvironment:
    """Remove the virtual environment and what else was generated."""

    prefix: Path
