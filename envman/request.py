"""What one call of envman asks for, whatever the command: the flags that all commands share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from envman.console import Console
from envman.frozen import field, frozen


@frozen
class Request:
    """The common flags, the variables of the caller, and the console to speak through."""

    console: Console
    folder: Path = field(default_factory=Path.cwd)
    backend: str | None = None
    profiles: tuple[str, ...] | None = None
    locked: bool = False
    offline: bool = False
    yes: bool = False
    json: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def may_ask(self) -> bool:
        """Whether a question would find somebody to answer it."""
        import sys

        return not self.yes and not self.json and sys.stdin.isatty() and sys.stderr.isatty()
