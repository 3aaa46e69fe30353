"""The shells that envman speaks: each a module with `activate` and `launch`, pure and light enough for the hot path."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol, cast

    from envman.shells.change import Change, Launch

    class Shell(Protocol):
        """One shell's dialect."""

        def activate(self, change: Change) -> str:
            """Text that the shell evaluates to be inside."""

        def launch(self, change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
            """How a new shell is started inside."""


else:

    def cast(_kind: str, value: object) -> object:
        """typing.cast without importing typing."""
        return value


SHELLS = {
    "bash": "envman.shells.bash",
    "zsh": "envman.shells.zsh",
    "fish": "envman.shells.fish",
    "sh": "envman.shells.sh",
    "pwsh": "envman.shells.powershell",
    "powershell": "envman.shells.powershell",
    "cmd": "envman.shells.cmd",
}
_SAME = {"dash": "sh", "ash": "sh", "ksh": "sh", "ksh93": "sh", "mksh": "sh", "busybox": "sh"}


def module(name: str) -> Shell:
    """The shell of that name."""
    __import__(SHELLS[name])
    return cast("Shell", sys.modules[SHELLS[name]])


def _known(path: str) -> str | None:
    name = os.path.basename(path).lower().removeprefix("-").removesuffix(".exe")
    name = _SAME.get(name, name)
    return name if name in SHELLS else None


def parent_name() -> str:
    """The program that started this one, where the system says so."""
    try:
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def detect(environ: Mapping[str, str], parent: str) -> str:
    """The shell to speak: the one named, the one that called, the user's own, the system's."""
    for candidate in (environ.get("ENVMAN_SHELL", ""), parent, environ.get("SHELL", "")):
        found = _known(candidate) if candidate else None
        if found:
            return found
    return "powershell" if sys.platform == "win32" else "sh"
