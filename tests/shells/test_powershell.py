"""The text for PowerShell, read as PowerShell reads it; PowerShell itself is not run."""

from __future__ import annotations

import os
import re

import pytest

from envman import shells
from envman.shells.change import Change
from tests.shells.test_activate import FIRST, NASTY

POWERSHELL = shells.module("pwsh")
PLAIN = re.compile(r"'((?:[^']|'')*)'")
ESCAPED = re.compile(r"\(\[regex\]::Unescape\('((?:[^']|'')*)'\)\)")
UNITS = re.compile(r"\\(?:u([0-9a-f]{4})|(\\))")


def literal(expression: str) -> str:
    """The value of an expression that is one literal."""
    plain = PLAIN.fullmatch(expression)
    if plain:
        return plain[1].replace("''", "'")
    escaped = ESCAPED.fullmatch(expression)
    assert escaped is not None, expression
    text = UNITS.sub(lambda found: found[2] or chr(int(found[1], 16)), escaped[1].replace("''", "'"))
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be")


def assigned(text: str) -> dict[str, str]:
    """The variables that the text sets to a literal."""
    found = re.findall(r"^\$env:(\w+) = (['(].*)$", text, flags=re.MULTILINE)
    return {name: literal(expression) for name, expression in found}


def test_every_value_arrives_byte_for_byte() -> None:
    found = assigned(POWERSHELL.activate(FIRST))
    assert {name: found[name] for name in NASTY} == NASTY
    assert (found["WORD"], found["ENVMAN_ACTIVE"]) == ("ours", "one")
    assert found["_ENVMAN_PATH"] == os.pathsep.join(FIRST.path)


@pytest.mark.parametrize("value", ["‘’‚‛ '", "𝄞 astral", "\\u0041 \\", "tab\tand\x1bescape", "$(throw) `n"])
def test_nothing_in_a_value_is_special(value: str) -> None:
    change = Change(variables={"VALUE": value}, label="shop", identity="one")
    assert assigned(POWERSHELL.activate(change))["VALUE"] == value


def test_the_text_survives_every_code_page_and_line_end() -> None:
    text = POWERSHELL.activate(FIRST)
    assert text.isascii()
    assert assigned(text.replace("\n", "\r\n").replace("\r\n", "\n")) == assigned(text)
    assert "\r" not in text


def test_no_variable_runs_into_a_colon() -> None:
    # "$env:PATH:" is another variable than "${env:PATH}:".
    assert not re.search(r"\$env:\w+:", POWERSHELL.activate(FIRST))


def test_the_change_is_remembered_before_it_is_made() -> None:
    text = POWERSHELL.activate(FIRST)
    assert text.index("\n_EnvmanRestore\n") < text.index(f"\n_EnvmanRemember {FIRST.names()}\n")
    assert text.index(f"\n_EnvmanRemember {FIRST.names()}\n") < text.index("$env:WORD =")
    assert "Remove-Item -LiteralPath Env:PYTHONHOME" in text
    assert "function global:deactivate" in text


def test_our_file_runs_after_the_profile_and_no_value_is_in_the_command() -> None:
    launch = POWERSHELL.launch(FIRST, "pwsh", "/private", {})
    assert launch.argv[0] == "pwsh"
    assert {"-NoLogo", "-NoExit"} < set(launch.argv)
    assert "-NoProfile" not in launch.argv
    assert launch.argv[-2:] == ["-File", os.path.join("/private", "profile.ps1")]
    assert launch.files["profile.ps1"].startswith("Remove-Item -Recurse -Force")
    assert assigned(launch.files["profile.ps1"])["WORD"] == "ours"
    assert "ours" not in " ".join(launch.argv)
