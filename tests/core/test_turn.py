"""One at a time in a project: who waits, for whom, how long, and what is left of a turn."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from envman import turn
from envman.console import Console
from envman.errors import Busy


@pytest.fixture
def console() -> Console:
    return Console(color=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "turns" / "größe 1"


def test_a_turn_that_nobody_has_is_taken_at_once(
    folder: Path, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        with turn.taken(folder, "up", console) as waited:
            assert not waited
    assert capsys.readouterr().err == ""


def test_two_projects_do_not_wait_for_each_other(tmp_path: Path, console: Console) -> None:
    with turn.taken(tmp_path / "a", "up", console), turn.taken(tmp_path / "b", "up", console) as waited:
        assert not waited


@pytest.mark.parametrize("patience", ["0", "0.1"])
def test_whoever_waited_long_enough_gives_up_and_names_the_holder(
    folder: Path,
    console: Console,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    patience: str,
) -> None:
    monkeypatch.setenv("ENVMAN_LOCK_TIMEOUT", patience)
    with turn.taken(folder, "up --json", console):
        started = time.monotonic()
        with pytest.raises(Busy) as caught, turn.taken(folder, "run", console):
            pytest.fail("two had the turn at once")
        assert time.monotonic() - started < 5
    holder = f"envman up --json (process {os.getpid()}, since "
    (problem,) = caught.value.problems
    assert caught.value.exit_code == 4
    assert problem.message.startswith(holder)
    assert "is at work in this project" in problem.message
    assert problem.hint is not None
    assert "ENVMAN_LOCK_TIMEOUT" in problem.hint
    assert capsys.readouterr().err.startswith(f"waiting for {holder}")


def test_whoever_waits_gets_the_turn_when_it_is_free_and_knows_that_it_waited(folder: Path, console: Console) -> None:
    order: list[str] = []
    waits = threading.Event()

    class Told(Console):
        def say(self, text: str = "") -> None:
            waits.set()

    def second() -> None:
        with turn.taken(folder, "run", Told(color=False)) as waited:
            order.append(f"second, waited {waited}")

    other = threading.Thread(target=second)
    with turn.taken(folder, "up", console):
        other.start()
        assert waits.wait(5)
        time.sleep(0.1)
        order.append("first")
    other.join(5)
    assert order == ["first", "second, waited True"]


def test_many_at_once_have_their_turn_one_by_one(folder: Path) -> None:
    inside, most, done = 0, 0, 0

    def take() -> None:
        nonlocal inside, most, done
        with turn.taken(folder, "up", Console(quiet=True, color=False)):
            inside += 1
            most = max(most, inside)
            time.sleep(0.002)
            inside -= 1
            done += 1

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (most, done) == (1, 6)


def test_a_turn_ends_when_its_work_fails(folder: Path, console: Console) -> None:
    with pytest.raises(ZeroDivisionError), turn.taken(folder, "up", console):
        raise ZeroDivisionError
    with turn.taken(folder, "run", console) as waited:
        assert not waited


def test_a_name_that_a_dead_holder_left_keeps_nobody_waiting(folder: Path, console: Console) -> None:
    folder.mkdir(parents=True)
    (folder / "turn.holder").write_text("envman up (process 1, since 00:00:00)\n", encoding="utf-8")
    (folder / "turn").write_text("left behind", encoding="utf-8")
    with turn.taken(folder, "run", console) as waited:
        assert not waited
        assert "envman run" in (folder / "turn.holder").read_text("utf-8")


def test_a_holder_without_a_name_is_another_envman(
    folder: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVMAN_LOCK_TIMEOUT", "0")
    with turn.taken(folder, "up", console):
        for damage in (lambda: (folder / "turn.holder").write_bytes(b""), (folder / "turn.holder").unlink):
            damage()
            with pytest.raises(Busy, match="another envman is at work"), turn.taken(folder, "run", console):
                pytest.fail("two had the turn at once")


def test_a_patience_that_is_no_number_is_the_usual_one(
    folder: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVMAN_LOCK_TIMEOUT", "soon")
    ended: list[bool] = []

    def second() -> None:
        with turn.taken(folder, "run", Console(quiet=True, color=False)) as waited:
            ended.append(waited)

    other = threading.Thread(target=second)
    with turn.taken(folder, "up", console):
        other.start()
        time.sleep(0.15)
        assert other.is_alive()
    other.join(5)
    assert ended == [True]


def test_whoever_waited_for_a_turn_that_was_removed_holds_one_that_others_see(
    folder: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, over = threading.Event(), threading.Event()

    def second() -> None:
        with turn.taken(folder, "up", Console(quiet=True, color=False)):
            held.set()
            over.wait(5)

    other = threading.Thread(target=second)
    with turn.taken(folder, "destroy", console):
        other.start()
        time.sleep(0.1)
        turn.end(folder)
        assert not folder.exists()
    assert held.wait(5)
    monkeypatch.setenv("ENVMAN_LOCK_TIMEOUT", "0")
    try:
        with pytest.raises(Busy), turn.taken(folder, "run", console):
            pytest.fail("two had the turn at once")
    finally:
        over.set()
        other.join(5)


def test_an_ended_turn_leaves_no_trace_and_can_be_taken_again(folder: Path, console: Console) -> None:
    with turn.taken(folder, "destroy", console):
        turn.end(folder)
    assert not folder.exists()
    turn.end(folder)
    with turn.taken(folder, "up", console) as waited:
        assert not waited


def test_a_damaged_name_of_the_holder_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVMAN_LOCK_TIMEOUT", "0")
    with turn.taken(tmp_path, "up", Console(quiet=True)):
        (tmp_path / "turn.holder").write_bytes(b"\xff\xfe")
        with pytest.raises(Busy), turn.taken(tmp_path, "run", Console(quiet=True)):
            pass


def test_many_that_destroy_at_once_never_meet_and_never_fail(tmp_path: Path) -> None:
    folder = tmp_path / "turn of the project"
    failed: list[BaseException] = []
    inside = 0

    def work() -> None:
        nonlocal inside
        try:
            for _ in range(300):
                with turn.taken(folder, "destroy", Console(quiet=True)):
                    inside += 1
                    assert inside == 1
                    inside -= 1
                    turn.end(folder)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
