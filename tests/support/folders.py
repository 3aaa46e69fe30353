"""Project folders for tests that call modules directly: real files, opened as envman opens them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envman import identity
from envman.frozen import replace
from envman.project import Project, open_project


def written(root: Path, files: Mapping[str, str]) -> Path:
    """The folder, with these files in it."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def opened(root: Path, spec: str = "", files: Mapping[str, str] | None = None) -> Project:
    """The project of a folder with this spec."""
    written(root, {"envman.toml": spec, **(files or {})})
    return open_project(root, {})


def claimed(root: Path, spec: str = "", files: Mapping[str, str] | None = None) -> Project:
    """The same, after it was given an identity."""
    project = opened(root, spec, files)
    return replace(project, identity=identity.claim(project.root, project.name))
