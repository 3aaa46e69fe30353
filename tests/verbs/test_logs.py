"""`envman logs`: what the project's own processes said, while they run and after."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

SPEC = """\
env_files = ["secrets.env"]
[services.talker]
run = "echo first; echo the key is $API_KEY; printf unfinished; sleep 60"
[services.quiet]
run = "echo quiet speaks; sleep 60"
"""


@pytest.fixture
def shop(scratch: Scratch) -> Iterator[Scratch]:
    """A project with two processes that have said something."""
    scratch.write({"envman.toml": SPEC, "secrets.env": "API_KEY=hunter2000\n"})
    scratch.up()
    yield scratch
    assert scratch.envman("down").code == 0


def _log(shop: Scratch, name: str) -> Path:
    (found,) = shop.data.glob(f"projects/*/logs/service.{name}.log")
    return found


def test_every_service_is_told_apart_by_its_name(shop: Scratch) -> None:
    said = shop.envman("logs")
    assert said.code == 0
    assert said.out.splitlines() == [
        "talker | first",
        "talker | the key is •••",
        "talker | unfinished",
        "quiet  | quiet speaks",
    ]


def test_one_that_is_named_speaks_alone_and_secrets_stay_hidden(shop: Scratch) -> None:
    assert shop.envman("logs", "talker").out == "first\nthe key is •••\nunfinished\n"
    assert shop.envman("logs", "talker", "-n", "2").out == "the key is •••\nunfinished\n"
    assert "\x1b[36mtalker | " in shop.envman("logs", FORCE_COLOR="1").out


def test_json_is_one_document_for_each_line(shop: Scratch) -> None:
    said = shop.envman("logs", "quiet", "--json")
    (one,) = map(json.loads, said.out.splitlines())
    assert (list(one), one["service"], one["line"]) == (["service", "time", "line"], "quiet", "quiet speaks")
    assert abs(datetime.fromisoformat(one["time"]).timestamp() - time.time()) < 60


def test_after_a_down_the_lines_are_still_there_with_our_own_note(shop: Scratch) -> None:
    assert shop.envman("down").code == 0
    lines = shop.envman("logs", "quiet").out.splitlines()
    assert lines[0] == "quiet speaks"
    assert any(line.startswith("--- envman, ") and line.endswith(": asked to stop") for line in lines)
    shop.up()


def test_an_unknown_name_is_answered_with_the_nearest(shop: Scratch) -> None:
    said = shop.envman("logs", "taker", "--json")
    assert (said.code, said.json["ok"]) == (2, False)
    assert said.json["problems"][0]["hint"] == 'did you mean "talker"?'


def test_who_has_no_services_is_told_so(scratch: Scratch) -> None:
    scratch.write({"envman.toml": ""})
    said = scratch.envman("logs")
    assert (said.code, said.out, said.err) == (0, "", "shop has no services\n")


def test_following_survives_that_a_log_is_moved_aside_and_ends_with_ctrl_c(shop: Scratch) -> None:
    log = _log(shop, "quiet")
    with shop.start("logs", "quiet", "--follow", "--lines", "0") as following:
        assert following.stdout is not None
        time.sleep(0.8)
        with log.open("a") as stream:
            stream.write("before\n")
        time.sleep(0.3)
        with log.open("a") as stream:
            log.rename(f"{log}.1")
            stream.write("after it was moved\n")
        log.write_text("anew\n", encoding="utf-8")
        lines = [following.stdout.readline() for _ in range(3)]
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=10) == 130
        assert following.stderr is not None
        assert following.stderr.read() == ""
    assert lines == ["before\n", "after it was moved\n", "anew\n"]
    assert shop.envman("logs", "quiet").out == "quiet speaks\nbefore\nafter it was moved\nanew\n"
    log.unlink()
    log.with_name(f"{log.name}.1").rename(log)


def test_who_has_seen_enough_may_leave(shop: Scratch) -> None:
    _log(shop, "quiet").write_text("a line of some length\n" * 20_000, encoding="utf-8")
    with shop.start("logs", "quiet") as reading:
        assert reading.stdout is not None
        assert reading.stdout.readline() == "a line of some length\n"
        reading.stdout.close()
        assert reading.wait(timeout=10) == 0
        assert reading.stderr is not None
        assert reading.stderr.read() == ""


def test_what_was_never_started_has_said_nothing(scratch: Scratch) -> None:
    scratch.write({"envman.toml": SPEC, "secrets.env": ""})
    said = scratch.envman("logs", "quiet")
    assert (said.code, said.out, said.err) == (0, "", "quiet was never started\n")
