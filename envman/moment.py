"""Moments as people type them (10m, 14:00, 2026-11-21T14:00), and as they are shown."""

from __future__ import annotations

import re
import time as clock
from datetime import UTC, datetime, time

from envman.errors import UsageError

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS))
_CLOCK = re.compile("[0-9]{1,2}:")
_EXAMPLES = "for example 30s, 10m, 1h30m, 2d, 14:00, 2026-11-21 or 2026-11-21T14:00"


def parse(text: str, now: float | None = None) -> int:
    """The second of the epoch that a span before now, or a moment, begins in; raises UsageError."""
    now = clock.time() if now is None else now
    span = _SPAN.fullmatch(text)
    try:
        if text and span:
            return int(max(now - _seconds(span), 0))
        return int(_moment(text, now).timestamp())
    except (ValueError, OverflowError, OSError):
        raise UsageError(f'"{text}" is neither a span of time nor a moment', hint=_EXAMPLES) from None


def shown(seconds: float) -> str:
    """In ISO form, to the second, in the zone of this machine."""
    return _local(seconds).isoformat(timespec="seconds")


def shown_short(seconds: float) -> str:
    """For people who know in which zone they are."""
    return _local(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone()


def _seconds(span: re.Match[str]) -> int:
    return sum(int(count or 0) * size for count, size in zip(span.groups(), _UNITS.values(), strict=True))


def _moment(text: str, now: float) -> datetime:
    if not _CLOCK.match(text):
        return datetime.fromisoformat(text)
    # Today is what the zone that was typed says it is.
    of_day = time.fromisoformat(f"0{text}" if text[1] == ":" else text)
    today = datetime.fromtimestamp(now, UTC).astimezone(of_day.tzinfo)
    return datetime.combine(today, of_day)
