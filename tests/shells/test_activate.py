"""The text of `envman activate`, evaluated by the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from envman import shells
from envman.shells.change import Change

NASTY = {
    "QUOTES": """a 'single' and "double" one""",
    "SIGNS": "$HOME `id` $(id) !! \\ \\n %s * ~ # ;&|<>",
    "LINED": "first\nsecond\n",
    "DASH": "-n leading",
    "UNICODE": "größe ✓ 日本",
    "EMPTY": "",
}
FIRST = Change(
    variables={**NASTY, "WORD": "ours"}, unset=("PYTHONHOME",), path=("/first/bin",), label="shop", identity="one"
)
SECOND = Change(variables={"OTHER": "second", "WORD": "second's"}, path=("/second/bin",), label="other", identity="two")
ON_POSIX = ["bash", "zsh", "sh"]
REAL = [*ON_POSIX, "fish"]
SHOW = "env -0 > {file}"


def program(shell: str) -> str:
    """The shell's program; in CI a missing one is a failure, elsewhere its tests are skipped."""
    found = shutil.which("dash" if shell == "sh" else shell)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"{shell} is not installed here")
    assert found is not None
    return found


def evaluate(shell: str, tmp_path: Path, *texts: str, before: str = "") -> dict[str, str]:
    """The environment of a program started after the texts."""
    file = tmp_path / "env"
    script = "\n".join([before, *texts, SHOW.format(file=file)])
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"], "sh": []}[shell]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "WORD": "theirs", "BLANK": "", "PYTHONHOME": "/nowhere"}
    done = subprocess.run([program(shell), *flags, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    pairs = (entry.partition("=") for entry in file.read_text(encoding="utf-8").split("\0") if entry)
    return {name: value for name, _, value in pairs}


def visible(found: dict[str, str]) -> dict[str, str]:
    """The variables without those that shells keep for themselves."""
    own = ("_", "SHLVL", "PWD", "OLDPWD", "LINES", "COLUMNS")
    return {name: value for name, value in found.items() if name not in own}


@pytest.mark.parametrize("shell", REAL)
class TestActivate:
    """What holds in every shell."""

    def test_every_value_arrives_byte_for_byte(self, shell: str, tmp_path: Path) -> None:
        found = evaluate(shell, tmp_path, shells.module(shell).activate(FIRST))
        assert {name: found[name] for name in NASTY} == NASTY
        assert found["ENVMAN_ACTIVE"] == "one"
        assert "PYTHONHOME" not in found
        assert found["PATH"].split(":")[0] == "/first/bin"

    def test_twice_is_once(self, shell: str, tmp_path: Path) -> None:
        text = shells.module(shell).activate(FIRST)
        once = evaluate(shell, tmp_path, text)
        twice = evaluate(shell, tmp_path, text, text)
        assert visible(once) == visible(twice)

    def test_another_environment_takes_the_place_of_the_first(self, shell: str, tmp_path: Path) -> None:
        one = shells.module(shell)
        found = evaluate(shell, tmp_path, one.activate(FIRST), one.activate(SECOND))
        assert "QUOTES" not in found
        assert (found["WORD"], found["OTHER"], found["ENVMAN_ACTIVE"]) == ("second's", "second", "two")
        assert found["PATH"].split(":")[0] == "/second/bin"
        assert "/first/bin" not in found["PATH"].split(":")

    def test_deactivate_brings_everything_back(self, shell: str, tmp_path: Path) -> None:
        untouched = evaluate(shell, tmp_path)
        text = shells.module(shell).activate(FIRST)
        after = evaluate(shell, tmp_path, text, "deactivate")
        assert visible(after) == visible(untouched)
        assert after["BLANK"] == ""


@pytest.mark.parametrize("shell", ON_POSIX)
def test_strict_scripts_go_on(shell: str, tmp_path: Path) -> None:
    text = shells.module(shell).activate(FIRST)
    found = evaluate(shell, tmp_path, text, text, "deactivate", text, before="set -eu")
    assert found["WORD"] == "ours"


def test_zsh_options_of_the_user_do_not_matter(tmp_path: Path) -> None:
    text = shells.module("zsh").activate(FIRST)
    before = "setopt nounset noclobber ksharrays shwordsplit globsubst errexit"
    assert evaluate("zsh", tmp_path, text, before=before)["QUOTES"] == NASTY["QUOTES"]


def test_powershell_gets_literal_words() -> None:
    text = shells.module("pwsh").activate(FIRST)
    assert "$env:QUOTES = 'a ''single'' and \"double\" one'" in text
    assert "$env:WORD = 'ours'" in text
    assert "Remove-Item Env:\\PYTHONHOME" in text
    assert "function global:deactivate" in text


def test_powershell_runs_our_file_after_the_profile() -> None:
    launch = shells.module("pwsh").launch(FIRST, "pwsh", "/private", {})
    assert launch.argv[-2:] == ["-File", "/private/profile.ps1"]
    assert "ours" in launch.files["profile.ps1"]
    assert "ours" not in " ".join(launch.argv)


def test_cmd_escapes_what_is_special_to_it() -> None:
    text = shells.module("cmd").activate(Change(variables={"RATE": "5%"}, path=("C:\\x",), label="a&b", identity="i"))
    assert 'set "RATE=5%%"\r\n' in text
    assert 'set "PATH=C:\\x;%PATH%"' in text
    assert "&" not in text
    assert shells.module("cmd").launch(SECOND, "cmd.exe", "/private", {}).argv[:2] == ["cmd.exe", "/K"]


@pytest.mark.parametrize(
    ("environ", "parent", "expected"),
    [
        ({"ENVMAN_SHELL": "fish", "SHELL": "/bin/zsh"}, "bash", "fish"),
        ({"SHELL": "/bin/zsh"}, "-bash", "bash"),
        ({"SHELL": "/usr/bin/fish"}, "make", "fish"),
        ({"SHELL": "/bin/dash"}, "", "sh"),
        ({"SHELL": "/opt/unknown"}, "tmux", "sh"),
        ({}, "pwsh.exe", "pwsh"),
    ],
)
def test_the_callers_shell_is_found(environ: dict[str, str], parent: str, expected: str) -> None:
    assert shells.detect(environ, parent) == expected
