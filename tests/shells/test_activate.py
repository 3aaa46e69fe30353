"""The text of `envman activate`, evaluated by the real shells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envman import shells
from envman.shells.change import Change
from tests.support.terminal import shell_program

NASTY = {
    "QUOTES": """a 'single' and "double" one""",
    "SIGNS": "$HOME `id` $(id) !! \\ \\n %s * ~ # ;&|<>",
    "LINED": "first\nsecond\r\n\n",
    "DASH": "-n leading",
    "UNICODE": "größe ✓ 日本 ’‘",
    "ENDED": "ends in \\",
    "EMPTY": "",
}
FIRST = Change(
    variables={**NASTY, "WORD": "ours"},
    unset=("PYTHONHOME",),
    path=("/first/[b]*in", "/first/tools"),
    label="shop",
    identity="one",
)
SECOND = Change(variables={"OTHER": "second", "WORD": "second's"}, path=("/second/bin",), label="other", identity="two")
LEFTOVER = Change(variables={"PYTHONHOME": "/ours"}, unset=("PYTHONHOME",), label="shop", identity="one")
OUTSIDE = {"PATH": os.environ["PATH"], "WORD": "theirs", "BLANK": "", "PYTHONHOME": "/nowhere"}
ON_POSIX = ["bash", "zsh", "sh"]
REAL = [*ON_POSIX, "fish"]
WITHOUT_RC = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"], "sh": []}
# What shells keep for themselves.
OWN = ("_", "SHLVL", "PWD", "OLDPWD", "LINES", "COLUMNS", "USER", "LOGNAME")


def evaluate(shell: str, home: Path, *texts: str, outside: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a program started after the texts."""
    file = home / "env"
    file.unlink(missing_ok=True)
    script = "\n".join([*texts, f"env -0 > {file}"])
    env = {**(outside or OUTSIDE), "HOME": str(home)}
    done = subprocess.run(
        [shell_program(shell), *WITHOUT_RC[shell], "-c", script], env=env, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    pairs = (entry.partition("=") for entry in file.read_bytes().decode().split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in OWN}


@pytest.mark.parametrize("shell", REAL)
class TestActivate:
    """What holds in every shell."""

    def test_every_value_arrives_byte_for_byte(self, shell: str, tmp_path: Path) -> None:
        found = evaluate(shell, tmp_path, shells.module(shell).activate(FIRST))
        assert {name: found[name] for name in NASTY} == NASTY
        assert found["ENVMAN_ACTIVE"] == "one"
        assert "PYTHONHOME" not in found
        assert found["PATH"] == f"/first/[b]*in:/first/tools:{OUTSIDE['PATH']}"

    def test_twice_is_once(self, shell: str, tmp_path: Path) -> None:
        text = shells.module(shell).activate(FIRST)
        assert evaluate(shell, tmp_path, text, text) == evaluate(shell, tmp_path, text)

    def test_another_environment_takes_the_place_of_the_first(self, shell: str, tmp_path: Path) -> None:
        one = shells.module(shell)
        found = evaluate(shell, tmp_path, one.activate(FIRST), one.activate(SECOND))
        assert found == evaluate(shell, tmp_path, one.activate(SECOND))
        assert (found["WORD"], found["OTHER"], found["ENVMAN_ACTIVE"]) == ("second's", "second", "two")

    def test_deactivate_brings_everything_back(self, shell: str, tmp_path: Path) -> None:
        one = shells.module(shell)
        untouched = evaluate(shell, tmp_path)
        assert untouched["BLANK"] == ""
        assert evaluate(shell, tmp_path, one.activate(FIRST), "deactivate") == untouched
        assert evaluate(shell, tmp_path, one.activate(FIRST), one.activate(SECOND), "deactivate") == untouched

    @pytest.mark.parametrize("outer", REAL)
    def test_what_one_shell_did_another_reverses(self, outer: str, shell: str, tmp_path: Path) -> None:
        inside = evaluate(outer, tmp_path, shells.module(outer).activate(FIRST))
        nested = shells.module(shell).activate(SECOND)
        assert evaluate(shell, tmp_path, nested, outside=inside) == evaluate(shell, tmp_path, nested)
        assert evaluate(shell, tmp_path, nested, "deactivate", outside=inside) == evaluate(shell, tmp_path)

    def test_what_path_has_gained_since_stays(self, shell: str, tmp_path: Path) -> None:
        gain = "set -gx PATH /gained $PATH" if shell == "fish" else 'PATH="/gained:$PATH"'
        found = evaluate(shell, tmp_path, shells.module(shell).activate(FIRST), gain, "deactivate")
        assert found["PATH"] == f"/gained:{OUTSIDE['PATH']}"

    def test_a_variable_of_the_project_is_no_leftover(self, shell: str, tmp_path: Path) -> None:
        text = shells.module(shell).activate(LEFTOVER)
        assert evaluate(shell, tmp_path, text)["PYTHONHOME"] == "/ours"
        assert evaluate(shell, tmp_path, text, "deactivate")["PYTHONHOME"] == OUTSIDE["PYTHONHOME"]

    def test_a_path_of_the_project_comes_after_its_folders(self, shell: str, tmp_path: Path) -> None:
        change = Change(variables={"PATH": "/usr/bin:/bin"}, path=("/first/bin",), label="shop", identity="one")
        text = shells.module(shell).activate(change)
        assert evaluate(shell, tmp_path, text, text)["PATH"] == "/first/bin:/usr/bin:/bin"
        assert evaluate(shell, tmp_path, text, text, "deactivate")["PATH"] == OUTSIDE["PATH"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_was_not_exported_is_not_exported_again(shell: str, tmp_path: Path) -> None:
    unexported = "set -gu WORD mine" if shell == "fish" else "unset WORD; WORD=mine"
    text = shells.module(shell).activate(FIRST)
    found = evaluate(shell, tmp_path, unexported, text, "deactivate", 'test "$WORD" = mine || exit 1')
    assert "WORD" not in found


@pytest.mark.parametrize("shell", ON_POSIX)
def test_strict_scripts_go_on(shell: str, tmp_path: Path) -> None:
    text = shells.module(shell).activate(FIRST)
    assert evaluate(shell, tmp_path, "set -eu", text, text, "deactivate", text)["WORD"] == "ours"


def test_zsh_options_of_the_user_do_not_matter(tmp_path: Path) -> None:
    text = shells.module("zsh").activate(FIRST)
    options = "setopt nounset noclobber ksharrays shwordsplit globsubst errexit warncreateglobal; typeset -U path"
    assert evaluate("zsh", tmp_path, options, text)["QUOTES"] == NASTY["QUOTES"]
    assert evaluate("zsh", tmp_path, options, text, "deactivate") == evaluate("zsh", tmp_path, options)


@pytest.mark.parametrize("shell", ON_POSIX)
def test_names_that_were_inherited_are_not_evaluated(shell: str, tmp_path: Path) -> None:
    inherited = {**OUTSIDE, "_ENVMAN_NAMES": "a;touch$IFS$HOME/ran $(touch$IFS$HOME/ran) 1x"}
    evaluate(shell, tmp_path, shells.module(shell).activate(FIRST), outside=inherited)
    assert not (tmp_path / "ran").exists()


def test_a_drive_is_a_folder_in_git_bash() -> None:
    change = Change(variables={}, path=("C:\\project\\Scripts",), label="shop", identity="one")
    assert "export _ENVMAN_PATH='/c/project/Scripts'" in shells.module("bash").activate(change)
