"""The text for cmd.exe, read as cmd reads it; cmd itself is not run."""

from __future__ import annotations

import os

import pytest

from envman import shells
from envman.shells.change import Change
from tests.shells.test_activate import FIRST

CMD = shells.module("cmd")


def assigned(text: str) -> dict[str, str]:
    """What the lines that only set a variable set it to; nothing may be left that cmd would take for an operator."""
    found = {}
    for line in text.split("\r\n"):
        if not line.startswith('set "') or "%" in line.replace("%%", ""):
            continue
        read, quoted, escaped = "", False, False
        for character in line.replace("%%", "%"):
            if not quoted and not escaped and character == "^":
                escaped = True
                continue
            quoted ^= character == '"' and not escaped
            assert quoted or escaped or character not in "&|<>", line
            read, escaped = read + character, False
        name, _, value = read[len('set "') : read.rindex('"')].partition("=")
        found[name] = value
    return found


@pytest.mark.parametrize(
    "value",
    ["5% of %PATH%", 'a "b & c" d', 'odd " quote | & <x>', '"&" ^ "^"', "größe ✓", "ends in \\", "-n 'x' !"],
)
def test_every_value_arrives(value: str) -> None:
    change = Change(variables={"VALUE": value, "NEXT": "ours"}, label="shop", identity="one")
    found = assigned(CMD.activate(change))
    assert (found["VALUE"], found["NEXT"], found["ENVMAN_ACTIVE"]) == (value, "ours", "one")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_line_end_cannot_begin_a_command(line_end: str) -> None:
    change = Change(variables={"VALUE": f"one{line_end}echo two"}, label="shop", identity="one")
    assert assigned(CMD.activate(change))["VALUE"] == "one echo two"


def test_our_folders_come_first_and_are_taken_out_before() -> None:
    text = CMD.activate(Change(variables={}, unset=("OLD",), path=("C:\\x", "C:\\5%"), label="a", identity="one"))
    assert assigned(text)["_ENVMAN_PATH"] == "C:\\x;C:\\5%"
    assert assigned(text)["OLD"] == ""
    assert text.index("%%PATH:%_ENVMAN_PATH%;=%%") < text.index('set "PATH=%_ENVMAN_PATH%;%PATH%"')


def test_the_prompt_is_marked_unless_unwanted() -> None:
    text = CMD.activate(Change(variables={}, label="a&b=c^|<>%d", identity="one"))
    unless = "if not defined ENVMAN_NO_PROMPT if not defined VIRTUAL_ENV_DISABLE_PROMPT"
    assert f'{unless} set "_ENVMAN_MARK=(abcd) "\r\n' in text
    assert text.index("%%PROMPT:%_ENVMAN_MARK%=%%") < text.index('set "PROMPT=%_ENVMAN_MARK%%PROMPT%"')


def test_the_code_page_changes_only_where_it_must() -> None:
    plain = Change(variables={"WORD": "ours"}, label="shop", identity="one")
    assert "chcp" not in CMD.activate(plain)
    lines = CMD.activate(FIRST).split("\r\n")
    assert lines.index("chcp 65001 >nul") < lines.index("chcp %_ENVMAN_CODE_PAGE% >nul")


def test_our_file_runs_first_and_removes_its_folder_last() -> None:
    launch = CMD.launch(FIRST, "cmd.exe", "/private", {})
    assert launch.argv == ["cmd.exe", "/K", os.path.join("/private", "enter.cmd")]
    assert launch.files["enter.cmd"].endswith('@(goto) 2>nul & rd /s /q "%~dp0"\r\n')
