"""`envman logs --since`, `--times`, and the order of what several services said."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

SPEC = """\
[services.web]
run = "exec sleep 60"
[services.worker]
run = "exec sleep 60"
"""
Said = Mapping[int, str]  # by how many seconds ago


@pytest.fixture
def shop(scratch: Scratch) -> Iterator[Scratch]:
    """A project whose two services say nothing by themselves."""
    scratch.write({"envman.toml": SPEC})
    scratch.up()
    yield scratch
    assert scratch.envman("down").code == 0


@pytest.fixture(scope="module")
def now() -> int:
    """One moment for all that a test writes."""
    return int(time.time())


def _log(shop: Scratch, name: str) -> Path:
    (found,) = shop.data.glob(f"projects/*/logs/service.{name}.log")
    return found


def _say(shop: Scratch, name: str, said: Said, now: int, *, forget: int = 0) -> None:
    """As the guardian does it; the times of the first few are lost."""
    text, times = "", ""
    for count, (ago, line) in enumerate(said.items()):
        times += f"{now - ago} {len(text)}\n" if count >= forget else ""
        text += f"{line}\n"
    log = _log(shop, name)
    log.write_text(text, encoding="utf-8")
    log.with_name(f"{log.name}.times").write_text(times, encoding="ascii")


def test_lines_of_several_stand_in_the_order_of_time(shop: Scratch, now: int) -> None:
    _say(shop, "web", {50: "asked", 30: "asked again", 29: "answered"}, now)
    _say(shop, "worker", {40: "begun", 29: "done", 5: "idle"}, now)
    said = shop.envman("logs")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "web    | asked",
        "worker | begun",
        "web    | asked again",
        "web    | answered",
        "worker | done",
        "worker | idle",
    ]


def test_each_keeps_its_own_order_whatever_the_clock_did(shop: Scratch, now: int) -> None:
    _say(shop, "web", {50: "one", 90: "set back", 10: "three"}, now)
    _say(shop, "worker", {60: "a", 49: "b", 9: "c"}, now)
    lines = [line.split(" | ")[1] for line in shop.envman("logs").out.splitlines()]
    assert lines == ["a", "one", "set back", "b", "three", "c"]


def test_what_has_no_time_comes_first(shop: Scratch, now: int) -> None:
    _say(shop, "web", {50: "one"}, now)
    _say(shop, "worker", {90: "?", 89: "??", 60: "a"}, now, forget=2)
    assert [line.split(" | ")[1] for line in shop.envman("logs").out.splitlines()] == ["?", "??", "a", "one"]


def test_since_leaves_out_what_was_said_before(shop: Scratch, now: int) -> None:
    _say(shop, "web", {86_500: "yesterday", 4000: "an hour ago", 300: "lately"}, now)
    _say(shop, "worker", {500: "later", 2: "just now"}, now)
    assert shop.envman("logs", "--since", "1d").out.count("\n") == 4
    assert shop.envman("logs", "--since", "10m", "-n", "1").out == "web    | lately\nworker | just now\n"
    moment = datetime.fromtimestamp(now - 300, UTC)
    for typed in (moment.isoformat(), f"{moment:%Y-%m-%dT%H:%M:%S}Z", f"{moment:%Y-%m-%d %H:%M:%S}"):
        said = shop.envman("logs", "web", "--since", typed, TZ="UTC")
        assert (said.code, said.out, said.err) == (0, "lately\n", "")


def test_json_has_the_time_where_it_is_known(shop: Scratch, now: int) -> None:
    _say(shop, "web", {90: "?", 60: "one"}, now, forget=1)
    said = shop.envman("logs", "web", "--json", TZ="XXX-2")
    assert [json.loads(line) for line in said.out.splitlines()] == [
        {"service": "web", "time": None, "line": "?"},
        {
            "service": "web",
            "time": f"{datetime.fromtimestamp(now - 60 + 7200, UTC):%Y-%m-%dT%H:%M:%S}+02:00",
            "line": "one",
        },
    ]
    (line,) = shop.envman("logs", "web", "--since", json.loads(said.out.splitlines()[1])["time"]).out.splitlines()
    assert line == "one"


def test_times_are_shown_when_asked_for(shop: Scratch, now: int) -> None:
    _say(shop, "web", {90: "?", 60: "one"}, now, forget=1)
    when = f"{datetime.fromtimestamp(now - 60, UTC):%Y-%m-%d %H:%M:%S}"
    assert shop.envman("logs", "web", "-t", TZ="UTC").out == f"{'-':<19}  ?\n{when}  one\n"
    assert shop.envman("logs", "--times", TZ="UTC").out == f"web    | {'-':<19}  ?\nweb    | {when}  one\n"


def test_who_said_nothing_since_is_named(shop: Scratch, now: int) -> None:
    _say(shop, "web", {4000: "an hour ago"}, now)
    said = shop.envman("logs", "web", "--since", "10m")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("web has said nothing since 20")


def test_lines_in_doubt_are_left_out_and_counted(shop: Scratch, now: int) -> None:
    _say(shop, "web", {5000: "?", 4000: "??", 60: "one"}, now, forget=2)
    said = shop.envman("logs", "web", "--since", "10m")
    assert (said.out, said.err) == ("one\n", "web: left out 2 lines of unknown time\n")
    _say(shop, "web", {5000: "?", 4000: "old", 60: "one"}, now, forget=1)
    said = shop.envman("logs", "web", "--since", "10m")
    assert (said.out, said.err) == ("one\n", "")


def test_a_moment_still_to_come_is_answered_with_a_word(shop: Scratch) -> None:
    for more in ((), ("--follow",), ("--json",)):
        said = shop.envman("logs", "--since", "2190-01-01T00:00Z", *more, TZ="UTC")
        assert (said.code, said.out) == (0, "")
        assert said.err == "nothing was said since 2190-01-01T00:00:00+00:00: it is still to come\n"


def test_a_bad_moment_is_one_problem_with_examples(scratch: Scratch) -> None:
    said = scratch.envman("logs", "--since", "lately")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        'error: "lately" is neither a span of time nor a moment',
        "  hint: for example 30s, 10m, 1h30m, 2d, 14:00, 2026-11-21 or 2026-11-21T14:00",
    ]
    assert scratch.envman("logs", "--since=-5m", "--json").json["problems"][0]["message"].startswith('"-5m" is neither')


def test_following_begins_there_and_goes_on(shop: Scratch, now: int) -> None:
    _say(shop, "web", {4000 - ago: f"old {ago}" for ago in range(20)}, now)
    _say(shop, "worker", {60 - ago: f"new {ago}" for ago in range(20)}, now)
    with shop.start("logs", "--follow", "--since", "10m", "--json") as following:
        assert following.stdout is not None
        lines = [json.loads(following.stdout.readline()) for _ in range(20)]
        log = _log(shop, "web")
        with log.with_name(f"{log.name}.times").open("a") as stream:
            stream.write(f"{now + 1} {log.stat().st_size}\n")
        with log.open("a") as stream:
            stream.write("anew\n")
        lines.append(json.loads(following.stdout.readline()))
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=10) == 130
        assert following.stderr is not None
        assert following.stderr.read().startswith("web has said nothing since ")
    assert [line["line"] for line in lines] == [*(f"new {count}" for count in range(20)), "anew"]
    assert datetime.fromisoformat(lines[-1]["time"]).timestamp() == now + 1


def test_what_a_real_service_says_is_found_by_its_time(scratch: Scratch) -> None:
    line = "echo early; sleep 1.5; date +%s; exec sleep 60"
    scratch.write({"envman.toml": f'[services.clock]\nrun = "{line}"\n'})
    scratch.up()
    end = time.monotonic() + 20
    while scratch.envman("logs", "clock").out.count("\n") < 2 and time.monotonic() < end:
        time.sleep(0.1)
    early, late = map(json.loads, scratch.envman("logs", "--json").out.splitlines())
    assert 0 <= datetime.fromisoformat(late["time"]).timestamp() - int(late["line"]) <= 1
    assert early["time"] < late["time"]
    assert scratch.envman("logs", "--since", late["time"]).out == f"{late['line']}\n"
    assert scratch.envman("logs", "--since", early["time"]).out == f"early\n{late['line']}\n"
    assert scratch.envman("down").code == 0
