"""Generated files that the user took over: without our first line they are theirs, and used as they are."""

from __future__ import annotations

from pathlib import Path

from envman.files import content, digest
from envman.project import Project

MARK = "# Written by envman"
HEAD = f"{MARK} from the spec. Remove this line, and the file is yours: it is used as it is, and never written again.\n"
_NAMES = ("Dockerfile", "compose.yaml")


def folder(project: Project) -> Path:
    """Where the generated files stand."""
    return project.generated / "docker"


def files(project: Project) -> list[Path]:
    """Those that can be taken over."""
    return [folder(project) / name for name in _NAMES]


def is_taken(file: Path) -> bool:
    """Whether it is there without our mark."""
    text = content(file)
    return bool(text.strip()) and not text.startswith(MARK.encode())


def state(file: Path) -> str:
    """A digest of a file that is the user's; nothing for one of ours."""
    return digest([content(file)])[:32] if is_taken(file) else ""
