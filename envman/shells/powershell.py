"""PowerShell: Windows PowerShell 5.1 and pwsh 7."""

from __future__ import annotations

import os

from envman.shells.change import Change, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The same _ENVMAN_ variables as in posix.py, so that each shell can reverse what another has done. Only cmdlets and
# methods of strings: where an administrator has constrained the language, [Environment] is refused.
_FUNCTIONS = r"""
function global:_EnvmanRemember {
    foreach ($name in $args) {
        if (Test-Path -LiteralPath "Env:$name") {
            Set-Item -LiteralPath "Env:_ENVMAN_OLD_$name" -Value (Get-Item -LiteralPath "Env:$name").Value
        }
    }
}
function global:_EnvmanRestore {
    foreach ($name in ("${env:_ENVMAN_NAMES}" -split ' ' -ne '')) {
        if (Test-Path -LiteralPath "Env:_ENVMAN_OLD_$name") {
            Set-Item -LiteralPath "Env:$name" -Value (Get-Item -LiteralPath "Env:_ENVMAN_OLD_$name").Value
            Remove-Item -LiteralPath "Env:_ENVMAN_OLD_$name"
        } else {
            Remove-Item -LiteralPath "Env:$name" -ErrorAction SilentlyContinue
        }
    }
    # Only our folders are taken out, because PATH may have changed since.
    if ($env:_ENVMAN_PATH) {
        $rest = "@SEPARATOR@${env:PATH}@SEPARATOR@".Replace("@SEPARATOR@${env:_ENVMAN_PATH}@SEPARATOR@", '@SEPARATOR@')
        $env:PATH = $rest -replace '^@SEPARATOR@' -replace '@SEPARATOR@$'
    }
    # Whoever has replaced the prompt since keeps theirs.
    if ((Test-Path Variable:_EnvmanPrompt) -and "$function:prompt" -like '*_EnvmanPrompt*') {
        Set-Item -Path Function:global:prompt -Value $global:_EnvmanPrompt
    }
    Remove-Variable -Name _EnvmanPrompt -Scope Global -ErrorAction SilentlyContinue
    Remove-Item 'Env:_ENVMAN_NAMES', 'Env:_ENVMAN_PATH', 'Env:_ENVMAN_MARK' -ErrorAction SilentlyContinue
}
function global:deactivate {
    _EnvmanRestore
    Remove-Item 'Function:_EnvmanRemember', 'Function:_EnvmanRestore', 'Function:deactivate'
}
"""
_PROMPT = r"""
if (-not "${env:ENVMAN_NO_PROMPT}${env:VIRTUAL_ENV_DISABLE_PROMPT}") {
    $env:_ENVMAN_MARK = @MARK@
    $global:_EnvmanPrompt = $function:prompt
    function global:prompt { "${env:_ENVMAN_MARK}" + (& $global:_EnvmanPrompt) }
}
"""


def _quote(value: str) -> str:
    """The value as one literal expression."""
    doubled = value.replace("'", "''")
    if value.isascii() and value.isprintable():
        return f"'{doubled}'"
    # Out-String rewrites line ends, and Windows PowerShell reads the rest in the code page of the system. Typographic
    # quotes, which end a word in PowerShell, are written as numbers as well.
    escaped = "".join(map(_escape, doubled.replace("\\", "\\\\")))
    return f"([regex]::Unescape('{escaped}'))"


def _escape(character: str) -> str:
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def activate(change: Change) -> str:
    """Text for `envman activate | Out-String | Invoke-Expression`."""
    lines = [
        _FUNCTIONS.strip("\n").replace("@SEPARATOR@", os.pathsep),
        "_EnvmanRestore",
        f"_EnvmanRemember {change.names()}",
        f"$env:_ENVMAN_NAMES = '{change.names()}'",
        *(f"$env:{name} = {_quote(value)}" for name, value in change.settings().items()),
        *(f"Remove-Item -LiteralPath Env:{name} -ErrorAction SilentlyContinue" for name in change.unset),
    ]
    if change.path:
        lines += [
            f"$env:_ENVMAN_PATH = {_quote(os.pathsep.join(change.path))}",
            f'$env:PATH = "${{env:_ENVMAN_PATH}}{os.pathsep}${{env:PATH}}"',
        ]
    lines.append(_PROMPT.strip("\n").replace("@MARK@", _quote(change.mark())))
    return "\n".join(lines) + "\n"


def launch(change: Change, shell_path: str, folder: str, environ: Mapping[str, str]) -> Launch:
    """A PowerShell that runs our file after the user's profile."""
    # PowerShell reads the whole file before it runs it, so that the folder can go at once.
    text = (
        f"Remove-Item -Recurse -Force -ErrorAction SilentlyContinue -LiteralPath {_quote(folder)}\n{activate(change)}"
    )
    file = os.path.join(folder, "profile.ps1")
    # A script of ours is no reason to change the user's policy for scripts: it holds for this process alone.
    argv = [shell_path, "-NoLogo", "-NoExit", "-ExecutionPolicy", "Bypass", "-File", file]
    return Launch(argv=argv, variables={}, files={"profile.ps1": text})
