"""`envman shell` in real shells on a real terminal, after the user's own files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.shells.test_activate import program
from tests.support.scratch import Scratch
from tests.support.terminal import Terminal

# What a user's own file may do: put its folders first, and set what the project sets.
POSIX_RC = 'export PATH="$HOME/mine:$PATH" WORD=rc\nPS1="user> "\nalias hi="echo alias-works"\n'
FISH_RC = """\
set -gx PATH $HOME/mine $PATH
set -gx WORD rc
function hi; echo alias-works; end
function fish_prompt; echo "user> "; end
"""
RC = {
    "bash": (".bashrc", POSIX_RC + "PROMPT_COMMAND='PS1=\"theme> \"'\n"),
    "zsh": (".zshrc", POSIX_RC + "HISTFILE=$HOME/.history\n"),
    "fish": ("config/fish/config.fish", FISH_RC),
}


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project that is up, in a home with the user's own files."""
    scratch.write({"envman.toml": 'name = "shop"\n[env]\nWORD = "project"\n', "requirements.txt": "gamma\n"})
    for name, text in RC.values():
        file = scratch.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    scratch.up()
    return scratch


def open_shell(shop: Scratch, shell: str, *words: str, **variables: str) -> Terminal:
    env = {**shop.environ, "SHELL": program(shell), "TERM": "xterm", "TMPDIR": str(shop.home), **variables}
    return Terminal([sys.executable, "-m", "envman", "shell", *words], cwd=shop.root, env=env)


@pytest.mark.parametrize("shell", list(RC))
class TestShell:
    """What holds in every shell."""

    def test_the_project_wins_over_the_users_files_which_still_count(self, shop: Scratch, shell: str) -> None:
        terminal = open_shell(shop, shell, "--shell", shell)
        terminal.wait_for("(shop)")
        terminal.type("gamma; echo word-$WORD-; hi; which python")
        terminal.wait_for("word-project-")
        terminal.wait_for("alias-works")
        terminal.wait_for(str(shop.root / ".venv" / "bin" / "python"))
        terminal.type("exit 7")
        assert terminal.close() == 7
        assert "gamma speaks" in terminal.shown
        assert "(shop) (shop)" not in terminal.shown

    def test_nothing_of_the_start_stays_behind(self, shop: Scratch, shell: str) -> None:
        terminal = open_shell(shop, shell, "--shell", shell)
        terminal.wait_for("(shop)")
        terminal.type("exit")
        terminal.close()
        assert not list(Path(shop.home).glob("envman-shell-*"))
        for history in (".bash_history", ".history", "data/fish/fish_history"):
            file = shop.home / history
            assert not file.exists() or "_envman" not in file.read_text(encoding="utf-8", errors="replace")

    def test_inside_itself_it_says_so(self, shop: Scratch, shell: str) -> None:
        terminal = open_shell(shop, shell, "--shell", shell)
        terminal.wait_for("(shop)")
        terminal.type(f"{sys.executable} -m envman shell; echo code-{'$status' if shell == 'fish' else '$?'}-")
        terminal.wait_for("already inside shop")
        terminal.wait_for("code-125-")
        terminal.type("exit")
        terminal.close()

    def test_the_prompt_is_left_alone_on_request(self, shop: Scratch, shell: str) -> None:
        terminal = open_shell(shop, shell, "--shell", shell, ENVMAN_NO_PROMPT="1")
        terminal.type("echo ready-$WORD-")
        terminal.wait_for("ready-project-")
        terminal.type("exit")
        terminal.close()
        assert "(shop)" not in terminal.shown


def test_zsh_keeps_the_users_zdotdir(shop: Scratch) -> None:
    own = shop.home / "zdot"
    own.mkdir()
    (own / ".zshenv").write_text("export FROM_ZSHENV=yes\n", encoding="utf-8")
    (own / ".zshrc").write_text("export FROM_ZSHRC=yes\n", encoding="utf-8")
    terminal = open_shell(shop, "zsh", "--shell", "zsh", ZDOTDIR=str(own))
    terminal.wait_for("(shop)")
    terminal.type("echo $FROM_ZSHENV-$FROM_ZSHRC-$ZDOTDIR-")
    terminal.wait_for(f"yes-yes-{own}-")
    terminal.type("exit")
    terminal.close()


def test_without_an_environment_no_shell_opens(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    said = scratch.envman("shell", "--no-up", "--shell", "bash")
    assert said.code == 125
    assert "envman up" in said.err
