"""cmd.exe, which has no functions: it can be entered, and left by leaving it."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_OUTSIDE_QUOTES = "&|<>^()"
# `=` would end the text to look for when the mark is taken out again.
_UNSAFE_IN_MARK = "&|<>^=%"
# `call` reads the line a second time: first the old folder becomes part of it, then PATH without that folder.
_RESTORE = (
    'if defined _ENVMAN_PATH call set "PATH=%%PATH:%_ENVMAN_PATH%;=%%"',
    'if defined _ENVMAN_MARK call set "PROMPT=%%PROMPT:%_ENVMAN_MARK%=%%"',
    'set "_ENVMAN_PATH="',
    'set "_ENVMAN_MARK="',
)
_UTF8 = (
    'for /f "tokens=2 delims=:." %%c in (\'chcp\') do set "_ENVMAN_CODE_PAGE=%%c"',
    "chcp 65001 >nul",
)
_CODE_PAGE_BACK = ("chcp %_ENVMAN_CODE_PAGE% >nul", 'set "_ENVMAN_CODE_PAGE="')


def _set(name: str, value: str) -> str:
    # A line end would end the command, so it becomes a space.
    value = value.replace("\r\n", " ").replace("\n", " ").replace("\r", " ").replace("%", "%%")
    escaped = ""
    quoted = True
    for character in value:
        # A quote of the value ends ours, and the text up to the next one needs the other way of escaping.
        if character == '"':
            quoted = not quoted
        elif not quoted and character in _OUTSIDE_QUOTES:
            escaped += "^"
        escaped += character
    return f'set "{name}={escaped}"'


def activate(change: Change) -> str:
    """Text for a batch file: `envman activate --shell cmd > enter.cmd`, then `enter.cmd`."""
    mark = "".join(character for character in change.mark() if character not in _UNSAFE_IN_MARK)
    lines = [
        *_RESTORE,
        *(_set(name, value) for name, value in change.settings().items()),
        *(f'set "{name}="' for name in change.unset),
    ]
    if change.path:
        lines += [_set("_ENVMAN_PATH", ";".join(change.path)), 'set "PATH=%_ENVMAN_PATH%;%PATH%"']
    lines += [
        "if not defined ENVMAN_NO_PROMPT if not defined VIRTUAL_ENV_DISABLE_PROMPT " + _set("_ENVMAN_MARK", mark),
        'if defined _ENVMAN_MARK set "PROMPT=%_ENVMAN_MARK%%PROMPT%"',
    ]
    if not "".join(lines).isascii():
        lines = [*_UTF8, *lines, *_CODE_PAGE_BACK]
    return "\r\n".join(["@echo off", *lines, "@echo on"]) + "\r\n"


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """A cmd that runs our file first; a batch file can remove its own folder only as its very last line."""
    file = os.path.join(folder, "enter.cmd")
    text = activate(change) + '@(goto) 2>nul & rd /s /q "%~dp0"\r\n'
    return Launch(argv=[shell_path, "/K", file], variables={}, files={"enter.cmd": text})
