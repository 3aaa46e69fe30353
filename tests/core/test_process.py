"""Processes: what they say and how they end, and that none outlives an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envman import process
from envman.process import Completed

pytestmark = pytest.mark.usefixtures("scratch")

# A child of the child's own, deaf to everything but the last word, and the line that names it.
DEAF = '(trap "" INT TERM HUP; exec sleep 60) & echo $!; wait'


def shell(
    script: str,
    folder: Path,
    *arguments: str,
    on_line: Callable[[str], None] = lambda _: None,
    merge: bool = True,
    **variables: str,
) -> Completed:
    env = {"PATH": os.environ["PATH"], **variables}
    return process.stream(
        ["sh", "-c", script, "sh", *arguments], env=env, cwd=str(folder), on_line=on_line, merge=merge
    )


def is_gone(pid: int) -> bool:
    """Whether a process has ended, also where nobody has asked for its exit code yet."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def python(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program of its own that uses the module, for what would end this one."""
    env = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", [0, 1, 70, 255])
def test_the_exit_code_is_the_childs(tmp_path: Path, code: int) -> None:
    assert shell(f"exit {code}", tmp_path).code == code
    assert process.capture(["sh", "-c", f"exit {code}"]).code == code


def test_a_child_that_a_signal_ends_has_no_exit_code_of_its_own(tmp_path: Path) -> None:
    assert shell("kill -TERM $$", tmp_path).code == -signal.SIGTERM


def test_arguments_reach_the_child_as_they_are(tmp_path: Path) -> None:
    words = ("größe 日本", "-dash", "", 'it\'s "so" $HOME `x` *', "two\nlines")
    done = shell('for word; do printf "<%s>" "$word"; done', tmp_path, *words)
    assert done.output == "".join(f"<{word}>" for word in words)
    assert done.argv[-len(words) :] == words


def test_variables_and_folder_are_those_that_are_given_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "größe 1"
    folder.mkdir()
    env = {"PATH": os.environ["PATH"], "A": "two words\n"}
    asked = ["sh", "-c", 'printf "%s|%s|%s" "$PWD" "$A" "${HOME-none}"']
    expected = f"{folder}|two words\n|none"
    assert process.stream(asked, env=env, cwd=str(folder), on_line=lambda _: None).output == expected
    assert process.capture(asked, env=env, cwd=str(folder)).output == expected


def test_every_line_is_told_as_it_comes_and_kept(tmp_path: Path) -> None:
    told: list[str] = []
    # The second line comes only after the first was told.
    script = "echo one; while [ ! -e go ]; do sleep 0.01; done; echo two >&2; printf three"

    def on_line(line: str) -> None:
        told.append(line)
        (tmp_path / "go").touch()

    done = shell(script, tmp_path, on_line=on_line)
    assert told == ["one", "two", "three"]
    assert done.output == "one\ntwo\nthree"


def test_what_goes_to_stderr_can_be_left_out(tmp_path: Path) -> None:
    assert shell("echo out; echo err >&2", tmp_path, merge=False).output == "out\n"


def test_bytes_that_are_no_text_are_replaced_and_lose_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []
    done = shell(r"printf 'a\377b\n\303\266\n'", tmp_path, on_line=told.append)
    assert told == ["a\ufffdb", "ö"]
    assert done.output == "a\ufffdb\nö\n"
    assert process.capture(["printf", r"a\377b"]).output == "a\ufffdb"


def test_a_bar_of_progress_is_told_step_by_step(tmp_path: Path) -> None:
    told: list[str] = []
    shell(r"printf '10%%\r50%%\r100%%\n'", tmp_path, on_line=told.append)
    assert told == ["10%", "50%", "100%"]


def test_much_is_read_whole(tmp_path: Path) -> None:
    done = shell("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; yes x | head -c 300000", tmp_path)
    assert len(done.output.splitlines()) == 3000 + 150_000
    assert len(process.capture(["sh", "-c", "yes x | head -c 300000; yes y | head -c 300000 >&2"]).output) == 300_000


def test_nobody_can_be_asked_though_somebody_types(tmp_path: Path) -> None:
    kept, (ours, theirs) = os.dup(0), os.pipe()
    os.write(theirs, b"typed\n")
    os.close(theirs)
    os.dup2(ours, 0)
    try:
        script = "cat; read answer || echo nobody"
        assert shell(script, tmp_path).output == "nobody\n"
        assert process.capture(["sh", "-c", script]).output == "nobody\n"
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(ours)


def test_a_short_command_keeps_its_answer_apart_until_it_fails() -> None:
    assert process.capture(["sh", "-c", "echo out; echo err >&2"]).output == "out\n"
    assert process.capture(["sh", "-c", "echo out; echo err >&2; exit 3"]).output == "out\nerr\n"


@pytest.mark.parametrize(
    ("output", "count", "last"),
    [("", 3, ""), ("a\nb\n\n\n", 3, "a\nb"), ("a\nb\nc\nd\n", 2, "c\nd"), ("\n\na", 3, "\n\na"), ("a", 20, "a")],
)
def test_of_a_failure_the_last_lines_are_shown(output: str, count: int, last: str) -> None:
    assert Completed(["x"], 1, output).last_lines(count) == last


def test_a_program_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.stream([str(tmp_path / "absent")], env={}, cwd=str(tmp_path), on_line=lambda _: None)
    with pytest.raises(OSError, match="absent"):
        process.capture([str(tmp_path / "absent")])


def test_an_interrupt_ends_the_child_with_all_that_it_started(tmp_path: Path) -> None:
    started: list[int] = []

    def interrupt(line: str) -> None:
        started.append(int(line))
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        shell(DEAF, tmp_path, on_line=interrupt)
    assert len(started) == 1
    assert is_gone(started[0])


def test_an_interrupted_child_may_put_its_things_in_order(tmp_path: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shell(
            "trap 'echo tidy > tidied; exit' INT; echo ready; while :; do sleep 0.01; done", tmp_path, on_line=interrupt
        )
    assert (tmp_path / "tidied").read_text("utf-8") == "tidy\n"


def test_an_interrupt_in_the_middle_of_a_start_leaves_no_process_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    begin: Any = subprocess.Popen.__init__

    def interrupted(self: subprocess.Popen[str], *arguments: object, **options: object) -> None:
        begin(self, *arguments, **options)
        started.append(self.pid)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess.Popen, "__init__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shell("exec sleep 60", tmp_path)
    assert len(started) == 1
    assert is_gone(started[0])


@pytest.mark.parametrize("script", ["exit 0", "exit 1"])
def test_the_callers_own_signals_are_as_they_were(tmp_path: Path, script: str) -> None:
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in watched]
    shell(script, tmp_path)
    with pytest.raises(OSError, match="absent"):
        process.stream(["./absent"], env={}, cwd=str(tmp_path), on_line=lambda _: None)
    assert [signal.getsignal(number) for number in watched] == before


def test_a_child_hears_signals_as_its_user_would_expect(tmp_path: Path) -> None:
    assert shell("kill -INT $$; sleep 5", tmp_path).code == -signal.SIGINT


def test_a_command_takes_the_place_of_envman() -> None:
    script = (
        "import os; from envman import process; print(os.getpid(), flush=True);"
        "process.replace(['sh', '-c', 'echo $$ $A; exit 7'], {'A': 'größe', 'PATH': os.environ['PATH']})"
    )
    done = python(script)
    first, second = done.stdout.splitlines()
    assert second == f"{first} größe"
    assert done.returncode == 7


def test_the_command_is_looked_for_on_the_path_that_it_will_have(tmp_path: Path) -> None:
    for folder, word in (("own", "own"), ("other", "other")):
        program = tmp_path / folder / "program"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho {word}\n", encoding="utf-8")
        program.chmod(0o755)
    script = f"from envman import process; process.replace(['program'], {{'PATH': {str(tmp_path / 'own')!r}}})"
    done = python(script, PATH=f"{tmp_path / 'other'}:{os.environ['PATH']}")
    assert done.stdout == "own\n"


def test_a_command_that_cannot_take_its_place_leaves_envman_to_say_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        process.replace([str(tmp_path / "absent")], {"PATH": "/usr/bin"})
    (tmp_path / "plain").write_text("text", encoding="utf-8")
    with pytest.raises(PermissionError):
        process.replace([str(tmp_path / "plain")], {"PATH": "/usr/bin"})


@pytest.mark.filterwarnings("ignore")
def test_a_failure_while_a_line_is_kept_ends_the_child_too(tmp_path: Path) -> None:
    """As when the log's disk is full: OSError comes out of on_line (execute.Log.write)."""
    started: list[int] = []

    def on_line(line: str) -> None:
        started.append(int(line))
        raise OSError(28, "No space left on device", "up.log")

    with pytest.raises(OSError, match="No space"):
        process.stream(["sh", "-c", "echo $$; exec sleep 20"], env=dict(os.environ), cwd=str(tmp_path), on_line=on_line)
    gone = is_gone(started[0])
    if not gone:
        os.kill(started[0], 9)
    assert gone


def test_a_command_that_has_ended_leaves_no_open_pipe(tmp_path: Path) -> None:
    """pytest's filterwarnings=error shows the ResourceWarning of the unclosed child.stdout."""
    process.stream(["true"], env=dict(os.environ), cwd=str(tmp_path), on_line=lambda _: None)
