"""`envman shell` as a whole: what it opens, and when it opens nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.scratch import Scratch
from tests.support.terminal import Terminal, shell_program


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project that is up, in a home whose files set what it sets."""
    scratch.write({"envman.toml": 'name = "shop"\n[env]\nWORD = "project"\n', "requirements.txt": "gamma\n"})
    for name in (".bashrc", ".zshrc", ".shrc", "config/fish/config.fish"):
        file = scratch.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("export WORD=rc\n", encoding="utf-8")
    scratch.up()
    return scratch


def open_shell(shop: Scratch, shell: str) -> Terminal:
    """`envman shell` on a terminal, as the user of that shell calls it."""
    env = {
        **shop.environ,
        "SHELL": shell_program(shell),
        "ENVMAN_SHELL": shell,
        "TERM": "dumb",
        "TMPDIR": str(shop.home),
        "ENV": "$HOME/.shrc",
    }
    return Terminal([sys.executable, "-m", "envman", "shell"], cwd=shop.root, env=env)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "sh"])
def test_the_users_own_shell_opens_inside(shop: Scratch, shell: str) -> None:
    terminal = open_shell(shop, shell)
    terminal.wait_for("(shop)")
    terminal.type("gamma; echo word-$WORD-; which python")
    terminal.wait_for("gamma speaks")
    terminal.wait_for("word-project-")
    terminal.wait_for(str(shop.root / ".venv" / "bin" / "python"))
    terminal.type("exit 7")
    assert terminal.close() == 7
    assert not list(Path(shop.home).glob("envman-shell-*"))


def test_inside_itself_it_says_so(shop: Scratch) -> None:
    terminal = open_shell(shop, "bash")
    terminal.wait_for("(shop)")
    terminal.type(f"{sys.executable} -m envman shell; echo code-$?-")
    terminal.wait_for("already inside shop")
    terminal.wait_for("code-125-")
    terminal.type("exit")
    assert terminal.close() == 0


def test_without_an_environment_no_shell_opens(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    said = scratch.envman("shell", "--no-up", "--shell", "bash")
    assert said.code == 125
    assert "envman up" in said.err
