"""Reading logs with their times, beside a writer that is the guardian's own."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envman.backend import Line
from envman.services import guardian
from envman.services.tail import Tail

T = 1_800_000_000


def _log(folder: Path, log: str, times: str, *, aside: tuple[str, str] | None = None) -> Tail:
    file = folder / "log"
    file.write_text(log)
    file.with_name("log.times").write_text(times)
    if aside:
        file.with_name("log.1").write_text(aside[0])
        file.with_name("log.1.times").write_text(aside[1])
    return Tail(file)


def _times(tail: Tail, since: float | None = None) -> list[tuple[str, float | None]]:
    try:
        return [(line.text, line.time) for line in tail.begin(since)]
    finally:
        tail.close()


def test_a_line_has_the_time_at_which_it_began(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\ntwo\nthree\n", f"{T} 0\n{T + 5} 6\n")
    assert _times(tail) == [("one", T), ("two", T), ("three", T + 5)]


@pytest.mark.parametrize(
    "times",
    [
        "",
        "nonsense\n",
        "\0\0\0\0\n",
        f"{T} 4",  # its end was not written
        f"{T} {T} 4\n",  # what a full disk cut off, and the next one behind it
        f"{str(T)[:7]}{T} 4\n",
        f"{T} {'9' * 5000}\n",
        f"{T} -1\n",
        f"{T} 400\n",  # of a log that was longer
    ],
)
def test_an_index_that_says_nothing_leaves_the_time_unknown(tmp_path: Path, times: str) -> None:
    assert _times(_log(tmp_path, "one\ntwo\n", times)) == [("one", None), ("two", None)]


def test_a_bad_line_of_the_index_spoils_no_other(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\ntwo\n", f"{T} 0\n{T + 1} 2{T + 1} 2\n{T + 9} 4\n")
    assert _times(tail) == [("one", T), ("two", T + 9)]


def test_a_log_without_an_index_has_no_times(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\n", "")
    (tmp_path / "log.times").unlink()
    assert _times(tail) == [("one", None)]


def test_what_was_said_before_the_index_began_has_no_time(tmp_path: Path) -> None:
    assert _times(_log(tmp_path, "one\ntwo\n", f"{T} 4\n")) == [("one", None), ("two", T)]


def test_an_index_that_begins_anew_speaks_of_a_log_that_did(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\ntwo\n", f"{T} 0\n{T + 1} 4\n{T + 2} 500\n{T + 7} 0\n{T + 8} 4\n")
    assert _times(tail) == [("one", T + 7), ("two", T + 8)]


def test_each_log_has_its_own_index_and_a_line_may_stand_in_both(tmp_path: Path) -> None:
    tail = _log(tmp_path, "lf\nnew\n", f"{T + 8} 0\n{T + 9} 3\n", aside=("old\nha", f"{T} 0\n{T + 5} 4\n"))
    assert _times(tail) == [("old", T), ("half", T + 5), ("new", T + 9)]


def test_none_that_is_known_to_be_older_is_given(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\ntwo\nthree\n", f"{T} 0\n{T + 5} 4\n")
    assert _times(tail, T + 5) == [("two", T + 5), ("three", T + 5)]
    assert _times(tail, T + 6) == []


def test_a_line_in_doubt_is_given_unless_an_older_one_follows(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\ntwo\n", f"{T + 5} 4\n")
    assert _times(tail, T + 5) == [("one", None), ("two", T + 5)]
    assert _times(tail, T + 6) == []


def test_a_last_line_without_an_end_has_a_time(tmp_path: Path) -> None:
    tail = _log(tmp_path, "one\ntw", f"{T} 0\n{T + 5} 4\n")
    assert tail.begin(None) == [Line("one", T)]
    assert tail.rest() == [Line("tw", T + 5)]
    assert tail.rest() == []
    tail.close()
    tail.close()


class Writer:
    """The guardian's log, with a clock and a limit of the test's own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, limit: int = 5_000_000) -> None:
        self.now = T
        patch.setattr(guardian, "_LOG_LIMIT", limit)
        patch.setattr(time, "time", lambda: self.now)
        self.file = folder / "log"
        self._log = guardian._Log(str(self.file))
        self._inode = self.file.stat().st_ino

    def has_moved(self) -> bool:
        """Whether another log took the first one's place since this was last asked."""
        before, self._inode = self._inode, self.file.stat().st_ino
        return before != self._inode

    def write(self, text: str, *, later: int = 0) -> None:
        self.now += later
        self._log.write(text.encode())


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """One that begins."""
    return Writer(tmp_path, monkeypatch)


def test_new_lines_have_their_times(writer: Writer) -> None:
    tail = Tail(writer.file)
    assert tail.begin(None) == []
    writer.write("one\ntw")
    assert tail.more() == [Line("one", T)]
    writer.write("o\nthree\n", later=3)
    assert tail.more() == [Line("two", T), Line("three", T + 3)]
    tail.close()


def test_an_index_that_was_removed_comes_back(writer: Writer) -> None:
    tail = Tail(writer.file)
    tail.begin(None)
    writer.write("one\n")
    assert tail.more() == [Line("one", T)]
    writer.file.with_name("log.times").unlink()
    writer.write("same second\n")
    writer.write("two\n", later=3)
    assert tail.more() == [Line("same second", None), Line("two", T + 3)]
    tail.close()


def test_a_log_that_was_emptied_is_dated_anew_within_the_same_second(writer: Writer) -> None:
    writer.write("an early line\n")
    writer.write("one\n", later=100)
    writer.file.write_text("")
    writer.write("two\n")
    assert _times(Tail(writer.file)) == [("two", T + 100)]


def test_the_index_of_somebody_who_says_little_does_not_outgrow_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(tmp_path, monkeypatch, limit=1000)
    for _ in range(500):
        writer.write(".", later=1)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2100


class Killed(BaseException):
    """The end of a guardian, at a moment that nobody chose."""


@pytest.mark.parametrize("killed_at", [0, 1, 2, 3])
def test_a_kill_while_the_log_is_moved_aside_makes_no_time_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    said = {"oldest": T, "older": T + 10, "new": T + 50}
    first = Writer(tmp_path, monkeypatch, limit=40)
    first.write("oldest\n")
    first.write("more than what fits in one of them\n")
    first.write("older\n", later=10)
    left = killed_at

    def act(change: Callable[..., None], *names: str) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        change(*names)

    with monkeypatch.context() as patch:
        for name in ("remove", "replace"):
            patch.setattr(os, name, partial(act, getattr(os, name)))
        try:
            first.write("more than what fits in one of them\n")
        except Killed:
            assert killed_at < 3
    assert all(when in (None, said.get(text, when)) for text, when in _times(Tail(first.file)))
    second = Writer(tmp_path, monkeypatch, limit=1000)
    second.write("new\n", later=50)
    found = _times(Tail(second.file))
    assert found[-1] == ("new", T + 50)
    assert all(when in (None, said.get(text, when)) for text, when in found)


CHUNKS = st.lists(st.tuples(st.sampled_from(["a", "b\n", "c\nd", "\n\n", "efgh\ni\n"]), st.integers(0, 2)), max_size=60)


@given(CHUNKS, st.integers(1, 9), st.integers(20, 200))
def test_whoever_follows_sees_every_line_with_its_time(chunks: list[tuple[str, int]], pace: int, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        writer = Writer(Path(folder), patch, limit)
        tail = Tail(writer.file)
        found = list(tail.begin(None))
        expected: list[Line] = []
        text, began = "", T
        for count, (chunk, later) in enumerate(chunks):
            writer.write(chunk, later=later)
            for letter in chunk:
                began = began if text else writer.now
                text += letter
                if letter == "\n":
                    expected.append(Line(text[:-1], began))
                    text = ""
            moved = writer.has_moved()
            if moved or count % pace == 0:  # a reader that misses a whole log misses its lines
                found += tail.more()
        found += tail.more()
        assert found == expected
        expected += [Line(text, began)] if text else []
        assert [*found, *tail.rest()] == expected
        tail.close()
        whole = Tail(writer.file)
        late = [*whole.begin(None), *whole.rest()]
        whole.close()
    # The first one may have begun in a log that is gone.
    assert late[1:] == expected[len(expected) - len(late) + 1 :]
