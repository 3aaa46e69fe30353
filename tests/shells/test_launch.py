"""Shells started by `launch` on a real terminal, after the user's own files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from envman import shells
from envman.shells.change import Change
from tests.shells.test_activate import FIRST, NASTY, SECOND
from tests.support.terminal import Terminal, shell_program

REAL = ["bash", "zsh", "fish", "sh"]
# What a user's own file may do: put its folders first, set what the project sets, and bring a prompt that is made
# anew for every line and shows how the last one ended.
POSIX_RC = 'export PATH="$HOME/mine:$PATH" WORD=rc\nPS1="user> "\nhi() { echo "$1-works"; }\n'
THEME = 'theme() { PS1="[$?] user> "; }\n'
FISH_RC = """\
set -gx PATH $HOME/mine $PATH
set -gx WORD rc
function hi; echo "$argv[1]-works"; end
function fish_greeting; end
function fish_prompt; echo "[$status] user> "; end
"""
RC = {
    "bash": (".bashrc", POSIX_RC + THEME + "export PROMPT_COMMAND=theme\n"),
    "zsh": (".zshrc", POSIX_RC + THEME + "precmd_functions+=(theme)\n"),
    "fish": (".config/fish/config.fish", FISH_RC),
    "sh": (".shrc", POSIX_RC),
}
# Plain sh has no hook that could make a prompt anew.
PROMPT = {"bash": "[0] user> ", "zsh": "[0] user> ", "fish": "[0] user> ", "sh": "user> "}


class Session:
    """A shell inside, in a home of its own."""

    def __init__(self, shell: str, home: Path, change: Change = FIRST, /, **variables: str) -> None:
        self.home = home
        self.folder = Path(tempfile.mkdtemp(dir=home, prefix="envman-shell-"))
        self._asked = 0
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "ENV": "$HOME/.shrc", **variables}
        launch = shells.module(shell).launch(change, shell_program(shell), str(self.folder), env)
        for name, text in launch.files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        self.argv = launch.argv
        self._terminal = Terminal(launch.argv, cwd=home, env={**env, **launch.variables})

    def say(self, line: str) -> str:
        """What is shown from the line on until its end and the next prompt."""
        self._asked += 1
        before = len(self._terminal.shown)
        self._terminal.type(f"{line}; echo said-$HOME-{self._asked}-")
        self._terminal.wait_for(f"said-{self.home}-{self._asked}-")
        return self._terminal.shown[before:]

    def type(self, line: str) -> None:
        """A line of which nothing is asked."""
        self._terminal.type(line)

    def environ(self) -> dict[str, str]:
        """The environment of a program started here."""
        self.say("env -0 > shown")
        pairs = (entry.partition("=") for entry in (self.home / "shown").read_bytes().decode().split("\0") if entry)
        return {name: value for name, _, value in pairs}

    def wait_for(self, text: str) -> None:
        """Wait until the text has been shown."""
        self._terminal.wait_for(text)

    def leave(self, line: str = "exit") -> int:
        """Leave; how the shell ended."""
        self._terminal.type(line)
        return self._terminal.close()

    @property
    def shown(self) -> str:
        """All that the terminal has shown."""
        return self._terminal.shown


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the user's own files."""
    for name, text in RC.values():
        file = tmp_path / "home" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "home"


@pytest.mark.parametrize("shell", REAL)
class TestLaunch:
    """What holds in every shell."""

    def test_the_environment_wins_over_the_users_files_which_still_count(self, shell: str, home: Path) -> None:
        session = Session(shell, home, PYTHONHOME="/nowhere")
        session.wait_for(f"(shop) {PROMPT[shell]}")
        assert "alias-works" in session.say("hi alias")
        found = session.environ()
        assert {name: found[name] for name in NASTY} == NASTY
        assert (found["WORD"], found["ENVMAN_ACTIVE"]) == ("ours", "one")
        assert found["PATH"] == f"/first/[b]*in:/first/tools:{home}/mine:{os.environ['PATH']}"
        assert not {"PS1", "PYTHONHOME", "ZDOTDIR"} & set(found)
        assert found.get("ENV") == "$HOME/.shrc"
        assert "(shop) (shop)" not in session.shown
        assert session.leave("exit 7") == 7
        assert session.shown.count("user> ") == session.shown.count("(shop) ")

    def test_nothing_of_the_start_stays_behind(self, shell: str, home: Path) -> None:
        session = Session(shell, home)
        assert "ours" not in " ".join(session.argv)
        session.say("hi now")
        assert not session.folder.exists()
        assert session.leave() == 0
        for history in home.rglob("*history*"):
            assert history.is_dir() or "_envman" not in history.read_text(encoding="utf-8", errors="replace")

    def test_deactivate_leaves_what_the_users_files_made(self, shell: str, home: Path) -> None:
        session = Session(shell, home, PYTHONHOME="/nowhere")
        session.say("deactivate")
        session.wait_for(f"\n{PROMPT[shell]}" if shell == "sh" else PROMPT[shell])
        after = session.environ()
        assert (after["WORD"], after["PYTHONHOME"]) == ("rc", "/nowhere")
        assert after["PATH"] == f"{home}/mine:{os.environ['PATH']}"
        assert not [name for name in after if name in NASTY or "ENVMAN" in name]
        before = len(session.shown)
        session.say("hi once-more")
        assert session.leave() == 0
        assert "(shop)" not in session.shown[before:]

    def test_another_environment_takes_the_place_of_the_outer_one(self, shell: str, home: Path) -> None:
        outer = Session(shell, home)
        inherited = outer.environ()
        assert outer.leave() == 0
        inner = Session(shell, home, SECOND, **inherited)
        inner.wait_for(f"(other) {PROMPT[shell]}")
        found = inner.environ()
        assert (found["WORD"], found["OTHER"], found["ENVMAN_ACTIVE"]) == ("second's", "second", "two")
        assert found["PATH"].startswith("/second/bin:")
        assert "/first" not in found["PATH"]
        assert not set(NASTY) & set(found)
        assert inner.leave() == 0
        assert "(shop)" not in inner.shown

    def test_activated_again_nothing_is_stacked(self, shell: str, home: Path) -> None:
        session = Session(shell, home)
        before = session.environ()
        (home / "again").write_text(shells.module(shell).activate(FIRST), encoding="utf-8")
        session.say(". ./again")
        assert {**session.environ(), "_": ""} == {**before, "_": ""}
        assert session.leave() == 0
        assert "(shop) (shop)" not in session.shown

    @pytest.mark.parametrize("name", ["ENVMAN_NO_PROMPT", "VIRTUAL_ENV_DISABLE_PROMPT"])
    def test_the_prompt_is_left_alone_on_request(self, shell: str, name: str, home: Path) -> None:
        session = Session(shell, home, **{name: "1"})
        assert session.environ()["WORD"] == "ours"
        assert session.leave() == 0
        assert "(shop)" not in session.shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_users_prompt_sees_how_the_last_line_ended(shell: str, home: Path) -> None:
    session = Session(shell, home)
    session.say("hi first")
    session.type("false")
    session.wait_for("(shop) [1] user> ")
    session.leave()


@pytest.mark.parametrize("hooks", ["PROMPT_COMMAND='theme;'", "PROMPT_COMMAND=(: theme)", "PROMPT_COMMAND=(theme)"])
def test_bash_keeps_the_users_hooks(hooks: str, home: Path) -> None:
    (home / ".bashrc").write_text(f"unset PROMPT_COMMAND\n{THEME}{hooks}\n", encoding="utf-8")
    session = Session("bash", home)
    shown = session.say("declare -p PROMPT_COMMAND")
    assert "_envman_on_prompt" in shown
    session.say("deactivate")
    assert "_envman" not in session.say("declare -p PROMPT_COMMAND").partition("\n")[2]
    assert session.leave() == 0
    assert "(shop) [0] user> " in session.shown


def test_a_bash_inside_does_not_miss_our_hook(home: Path) -> None:
    session = Session("bash", home)
    shown = session.say("echo 'echo inner' | bash -i --norc 2>&1")
    assert "inner" in shown
    assert "not found" not in shown
    assert session.leave() == 0


def test_no_folder_stays_when_bashrc_becomes_another_program(home: Path) -> None:
    (home / ".bashrc").write_text("exec sh -c 'exit 5'\n", encoding="utf-8")
    session = Session("bash", home)
    assert session.leave() == 5
    assert not session.folder.exists()


def test_sh_without_a_file_of_the_user_has_no_env(home: Path) -> None:
    (home / ".shrc").unlink()
    session = Session("sh", home, ENV="")
    assert session.environ()["ENV"] == ""
    assert session.leave() == 0


def test_fish_keeps_a_prompt_that_came_later(home: Path) -> None:
    session = Session("fish", home)
    session.say("function fish_prompt; echo 'later> '; end")
    session.say("deactivate")
    session.wait_for("later> ")
    assert session.leave() == 0


class TestZsh:
    """The folder that zsh reads its files from."""

    def test_a_zdotdir_of_the_users_own_is_honoured(self, home: Path) -> None:
        own = home / "own dir"
        own.mkdir()
        (own / ".zshenv").write_text("export FROM_ZSHENV=$ZDOTDIR\n", encoding="utf-8")
        (own / ".zshrc").write_text("export FROM_ZSHRC=$ZDOTDIR\n", encoding="utf-8")
        session = Session("zsh", home, ZDOTDIR=str(own))
        found = session.environ()
        assert {found[name] for name in ("FROM_ZSHENV", "FROM_ZSHRC", "ZDOTDIR")} == {str(own)}
        assert found["WORD"] == "ours"
        assert session.leave() == 0

    def test_a_zdotdir_from_zshenv_is_honoured(self, home: Path) -> None:
        own = home / "own"
        own.mkdir()
        (home / ".zshenv").write_text('export ZDOTDIR="$HOME/own"\n', encoding="utf-8")
        (own / ".zshrc").write_text("export FROM_ZSHRC=$ZDOTDIR\n", encoding="utf-8")
        session = Session("zsh", home)
        found = session.environ()
        assert (found["ZDOTDIR"], found["FROM_ZSHRC"], found["WORD"]) == (str(own), str(own), "ours")
        assert session.leave() == 0

    def test_the_history_is_where_the_users_own_would_be(self, home: Path) -> None:
        # The zshrc of macOS derives HISTFILE from ZDOTDIR, and it runs while that is ours.
        (home / ".zshenv").write_text("HISTFILE=$(echo $HOME/envman-shell-*)/.zsh_history\n", encoding="utf-8")
        session = Session("zsh", home)
        assert f"file-{home}/.zsh_history-" in session.say("echo file-$HISTFILE-")
        assert session.leave() == 0
