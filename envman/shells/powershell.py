"""PowerShell: Windows PowerShell 5.1 and pwsh 7."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# What was there before is kept in one table, in which $null means: it was not set.
_FUNCTIONS = r"""
function global:deactivate {
    if ($global:_EnvmanOld) {
        foreach ($name in $global:_EnvmanOld.Keys) {
            [Environment]::SetEnvironmentVariable($name, $global:_EnvmanOld[$name], 'Process')
        }
    }
    if (Test-Path Function:\_EnvmanPrompt) {
        Copy-Item Function:\_EnvmanPrompt Function:\prompt -Force
        Remove-Item Function:\_EnvmanPrompt
    }
    Remove-Variable _EnvmanOld, _EnvmanMark -Scope Global -ErrorAction SilentlyContinue
    Remove-Item Function:\deactivate -ErrorAction SilentlyContinue
}
"""
_PROMPT = r"""
if (-not $env:ENVMAN_NO_PROMPT -and -not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    $global:_EnvmanMark = @MARK@
    Copy-Item Function:\prompt Function:\global:_EnvmanPrompt
    function global:prompt { $global:_EnvmanMark + (_EnvmanPrompt) }
}
"""


def _quote(value: str) -> str:
    """The value as one literal word; typographic quotes end a word in PowerShell as well."""
    for mark in "'‘’‚‛":
        value = value.replace(mark, mark * 2)
    return f"'{value}'"


def activate(change: Change) -> str:
    """Text for `envman activate | Out-String | Invoke-Expression`."""
    names = [*change.settings(), *change.unset, "PATH"]
    lines = [
        "if (Test-Path Function:\\deactivate) { deactivate }",
        _FUNCTIONS.strip("\n"),
        "$global:_EnvmanOld = @{}",
        f"foreach ($name in {', '.join(map(_quote, names))}) {{",
        "    $global:_EnvmanOld[$name] = [Environment]::GetEnvironmentVariable($name, 'Process')",
        "}",
        *(f"$env:{name} = {_quote(value)}" for name, value in change.settings().items()),
        *(f"Remove-Item Env:\\{name} -ErrorAction SilentlyContinue" for name in change.unset),
    ]
    if change.path:
        folders = _quote(os.pathsep.join(change.path))
        lines.append(f"$env:PATH = {folders} + [IO.Path]::PathSeparator + $env:PATH")
    lines.append(_PROMPT.strip("\n").replace("@MARK@", _quote(change.mark())))
    return "\n".join(lines) + "\n"


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """A PowerShell that runs our file after the user's profile."""
    text = f"Remove-Item -Recurse -Force -LiteralPath {_quote(folder)}\n{activate(change)}"
    file = os.path.join(folder, "profile.ps1")
    # A script of ours is no reason to change the user's policy for scripts: it holds for this process alone.
    argv = [shell_path, "-NoLogo", "-NoExit", "-ExecutionPolicy", "Bypass", "-File", file]
    return Launch(argv=argv, variables={}, files={"profile.ps1": text})
