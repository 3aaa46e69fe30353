"""Moments as people type them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from envman import moment
from envman.errors import UsageError

NOW = datetime(2026, 11, 21, 15, 30, 10, 600_000, tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine stands two hours east, without any summer time."""
    monkeypatch.setenv("TZ", "XXX-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400), ("1d2h3m4s", 93_784), ("0s", 0)],
)
def test_a_span_counts_back_from_now(text: str, seconds: int) -> None:
    assert moment.parse(text, NOW) == int(NOW - seconds)


def test_a_span_longer_than_all_time_is_all_time() -> None:
    assert moment.parse("999999999d", NOW) == 0


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-21", "2026-11-20T22:00:00"),
        ("2026-11-21T14:00", "2026-11-21T12:00:00"),
        ("2026-11-21 14:00:05", "2026-11-21T12:00:05"),
        ("2026-11-21T14:00:05.9", "2026-11-21T12:00:05"),
        ("2026-11-21T14:00Z", "2026-11-21T14:00:00"),
        ("2026-11-21T14:00+05:30", "2026-11-21T08:30:00"),
        ("14:00", "2026-11-21T12:00:00"),
        ("9:05", "2026-11-21T07:05:00"),
        ("14:00:07", "2026-11-21T12:00:07"),
        ("14:00Z", "2026-11-21T14:00:00"),
        ("1:00+14:00", "2026-11-21T11:00:00"),  # where it is the 22nd already
        ("2040-01-01", "2039-12-31T22:00:00"),
    ],
)
def test_a_moment_without_a_zone_is_local(text: str, meant: str) -> None:
    assert datetime.fromtimestamp(moment.parse(text, NOW), UTC).isoformat() == f"{meant}+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "10", "1400", "ten minutes", "10 m", "-5m", "5m1h", "1.5h", "10M", "m", "1h30", "yesterday", "14:60",
        "25:00", "1:", ":", "2026-13-01", "2026-11", "2026-11-21T", "1763734217", "9999999999s", "0001-01-01", "٣m",
        "é", "14:00 tomorrow", "14:",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        moment.parse(text, NOW)
    (problem,) = refused.value.problems
    assert problem.message == f'"{text}" is neither a span of time nor a moment'
    assert problem.hint is not None
    assert "1h30m" in problem.hint


def test_what_is_shown_can_be_typed() -> None:
    assert moment.shown(NOW) == "2026-11-21T17:30:10+02:00"
    assert moment.shown_short(NOW) == "2026-11-21 17:30:10"
    assert moment.parse(moment.shown(NOW)) == moment.parse(moment.shown_short(NOW)) == int(NOW)
