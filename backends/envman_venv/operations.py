"""What the venv backend can be asked to do, each as a value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPython:
    """Let uv download an interpreter."""

    version: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEnvironment:
    """Make the virtual environment; one that is there is set aside first."""

    prefix: Path
    interpreter: Path | None  # None: the one that was just fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallPackages:
    """Install what the lock names; exactly, when everything else is to go."""

    prefix: Path
    interpreter: Path | None
    exact: bool
    afresh: bool = False  # an installation was cut short, so what looks installed may not be whole


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEnvironment:
    """Remove the virtual environment and what else was generated."""

    prefix: Path
