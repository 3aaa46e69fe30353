"""What is printed where: answers, words for people, problems, rows of steps, colours and letters."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from envman import console as module
from envman.console import Console, columns, counted, shortened
from envman.problem import Problem

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, *streams: str) -> Iterator[int]:
    """These streams lead to a real terminal; its other side is answered."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with monkeypatch.context() as patched, open(theirs, "w", encoding="utf-8") as stream:
        for name in streams:
            patched.setattr(sys, name, stream)
        try:
            yield ours
        finally:
            os.close(ours)


def shown_until(ours: int, text: str) -> str:
    """All that the terminal shows until the text appears."""
    shown, end = "", time.monotonic() + 10
    while text not in shown and time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 65536).decode()
    assert text in shown
    return shown


def test_answers_go_to_stdout_and_words_for_people_to_stderr(capsys: Capture) -> None:
    console = Console()
    console.answer("the answer")
    console.raw("raw, no line end")
    console.say("for people")
    console.say()
    console.warn(Problem(message="careful"))
    console.error(Problem(message="wrong"))
    console.step("python", ".venv").done()
    out, err = capsys.readouterr()
    assert out == "the answer\nraw, no line end"
    assert err.startswith("for people\n\nwarning: careful\nerror: wrong\n  ✓ python ")


def test_quiet_leaves_answers_warnings_and_errors(capsys: Capture) -> None:
    console = Console(quiet=True)
    console.answer("the answer")
    console.say("for people")
    console.detail("more")
    console.step("python", ".venv").done(note="a note")
    console.warn(Problem(message="careful"))
    console.error(Problem(message="wrong"))
    assert capsys.readouterr() == ("the answer\n", "warning: careful\nerror: wrong\n")


def test_details_are_for_those_who_ask(capsys: Capture) -> None:
    Console().detail("more")
    assert capsys.readouterr().err == ""
    Console(verbose=True).detail("more")
    assert capsys.readouterr().err == "more\n"


def test_a_problem_is_told_with_its_place_and_every_line_of_its_hint(capsys: Capture) -> None:
    problem = Problem(message="unknown key", hint="one\ntwo", file="a b/envman.toml", line=3, column=7)
    Console().error(problem)
    assert capsys.readouterr().err == "error: a b/envman.toml:3:7: unknown key\n  hint: one\n  hint: two\n"


@pytest.mark.parametrize(
    ("environ", "on_terminal", "colored"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, environ: dict[str, str], on_terminal: bool, colored: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with terminal(monkeypatch, *(("stdout", "stderr") if on_terminal else ())):
        console = Console()
        assert (console.style("x", "red", "bold") != "x") is colored
        assert (console.style("x", "red", out=True) != "x") is colored
        assert Console(color=False).style("x", "red") == "x"
        assert Console(color=True).style("x", "red", "bold") == "\x1b[31;1mx\x1b[0m"
        assert console.style("", "red") == ""


def test_an_answer_into_a_pipe_is_plain_though_stderr_is_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with terminal(monkeypatch, "stderr"):
        console = Console()
        assert console.style("x", "red", out=True) == "x"
        assert console.style("x", "red") != "x"


@pytest.mark.parametrize(
    ("encoding", "marks", "text"),
    [
        ("utf-8", "✓", "größe • 日本\n"),
        ("UTF8", "✓", "größe • 日本\n"),
        ("ascii", "ok", "gr??e ? ??\n"),
        ("latin-1", "ok", "größe ? ??\n"),
    ],
)
def test_letters_that_the_terminal_cannot_show_are_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, marks: str, text: str
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(out, encoding=encoding))
    console = Console()
    console.say("größe • 日本")
    assert out.getvalue().decode(encoding) == text
    assert console.marks[0] == marks


def test_a_path_that_is_no_text_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="utf-8"))
    Console().answer(os.fsdecode(b"caf\xe9"))
    assert out.getvalue() == b"caf?\n"


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False), ("yesterday\n", False)],
)
def test_a_question_is_answered_by_yes_and_by_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, typed: str, agreed: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert Console(quiet=True).ask("Remove it?") is agreed
    assert capsys.readouterr() == ("", "Remove it? [y/N] ")


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 packages"), (1, "1 package"), (2, "2 packages"), (41, "41 packages")]
)
def test_things_are_counted_as_people_say_it(number: int, said: str) -> None:
    assert counted(number, "package") == said


@pytest.mark.parametrize(
    ("text", "room", "line"),
    [
        ("short", 10, "short"),
        ("exactly", 7, "exactly"),
        ("too long for it", 8, "too lon…"),
        ("two\n  lines\tand\r\nmore", 40, "two lines and more"),
        ("   ", 5, ""),
        ("größe 日本", 6, "größe…"),
        ("no room", 0, "n…"),
    ],
)
def test_a_text_is_brought_to_one_line_of_the_room_there_is(text: str, room: int, line: str) -> None:
    assert shortened(text, room) == line


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([], []),
        ([["a"]], ["a"]),
        ([["name", "x"], ["a", "longer"]], ["name  x", "a     longer"]),
        ([["a", ""], ["longer", ""]], ["a", "longer"]),
        ([["größe", "1"], ["a", "2"]], ["größe  1", "a      2"]),
    ],
)
def test_rows_stand_in_columns(rows: list[list[str]], lines: list[str]) -> None:
    assert columns(rows) == lines


def test_a_table_is_an_answer_with_its_header_in_the_columns(capsys: Capture) -> None:
    Console(quiet=True).table([["a", "b"]], header=["LONG", "H"])
    assert capsys.readouterr() == ("LONG  H\na     b\n", "")


def test_a_step_that_ends_well_leaves_one_row_with_its_time(capsys: Capture) -> None:
    with Console().step("packages", "from uv.lock") as line:
        line.progress("downloading")
        line.done("41 from uv.lock", note="- one\n- two")
    row, *notes = capsys.readouterr().err.splitlines()
    assert row.split() == ["✓", "packages", "41", "from", "uv.lock", "0.0", "s"]
    assert notes == ["      - one", "      - two"]


def test_a_step_that_raises_leaves_a_row_that_says_so(capsys: Capture) -> None:
    with pytest.raises(ZeroDivisionError), Console().step("setup", "flask db upgrade"):
        raise ZeroDivisionError
    assert capsys.readouterr().err == "  ✗ setup      flask db upgrade\n"


def test_what_a_step_says_is_for_verbose_where_there_is_no_terminal(capsys: Capture) -> None:
    for verbose in (False, True):
        with Console(verbose=verbose).step("packages", "x") as line:
            line.progress("downloading alpha")
        assert ("downloading alpha" in capsys.readouterr().err) is verbose


def test_a_long_title_is_cut_to_the_width_that_there_is(capsys: Capture) -> None:
    with Console().step("setup", "x" * 500) as line:
        line.done()
    (row,) = capsys.readouterr().err.splitlines()
    assert len(row) <= 100
    assert "…" in row


@pytest.mark.parametrize(
    ("environ", "quiet", "live"),
    [({}, False, True), ({}, True, False), ({"CI": "1"}, False, False), ({"TERM": "dumb"}, False, False)],
)
def test_a_live_line_is_for_people_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], quiet: bool, live: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with terminal(monkeypatch, "stderr"):
        assert Console(quiet=quiet).live is live
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not Console().live


def test_a_live_line_shows_what_goes_on_and_gives_way_to_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIVE_AFTER", 0.0)
    with terminal(monkeypatch, "stderr") as ours, Console(color=False).step("packages", "from [uv.lock]") as line:
        shown_until(ours, "packages   from [uv.lock]")
        line.progress("downloading [bold]alpha")
        shown_until(ours, "packages   downloading [bold]alpha")
        line.done("2 from [uv.lock]")
        shown_until(ours, "✓ packages   2 from [uv.lock]")


def test_a_short_step_on_a_terminal_never_goes_live(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, "stderr") as ours:
        with Console(color=False).step("python", ".venv") as line:
            line.done()
        row = shown_until(ours, " s\r\n")
    assert row.split() == ["✓", "python", ".venv", "0.0", "s"]


def test_a_terminal_that_does_not_know_its_width_does_not_cut_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()  # 0 columns, as on a serial line, under `script` and some `docker exec -t`
    monkeypatch.setenv("CI", "1")
    with open(theirs, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        Console(color=False).step("packages", "41 packages resolved from pyproject.toml").done()
        row = os.read(ours, 65536).decode()
    assert "41 packages resolved from pyproject.toml" in row
