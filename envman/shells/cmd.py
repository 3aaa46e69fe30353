"""cmd.exe, which has no functions: it can be entered, and left by leaving it."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def _set(name: str, value: str) -> str:
    # Inside the quotes only % is special; a line end would end the command, so it becomes a space.
    value = value.replace("%", "%%").replace("\r\n", " ").replace("\n", " ")
    return f'set "{name}={value}"'


def activate(change: Change) -> str:
    """Text for a batch file: `envman activate --shell cmd > enter.cmd`, then `enter.cmd`."""
    lines = ["@echo off"]
    lines += [_set(name, value) for name, value in change.settings().items()]
    lines += [f'set "{name}="' for name in change.unset]
    if change.path:
        folders = ";".join(change.path).replace("%", "%%")
        lines.append(f'set "PATH={folders};%PATH%"')
    mark = change.mark().replace("%", "%%").replace("&", "").replace("|", "").replace("<", "").replace(">", "")
    unless_unwanted = "if not defined ENVMAN_NO_PROMPT if not defined VIRTUAL_ENV_DISABLE_PROMPT"
    lines.append(f'{unless_unwanted} set "PROMPT={mark}%PROMPT%"')
    return "\r\n".join(lines) + "\r\n@echo on\r\n"


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """A cmd that runs our file first; a batch file can remove its own folder only as its very last line."""
    file = os.path.join(folder, "enter.cmd")
    text = activate(change) + f'@(goto) 2>nul & rd /s /q "{folder}"\r\n'
    return Launch(argv=[shell_path, "/K", file], variables={}, files={"enter.cmd": text})
