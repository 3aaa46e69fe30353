"""`envman logs`: what the services have said, and what they say now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import merge

from envman import active, inside, moment
from envman.answer import Answer
from envman.backend import Line, Log
from envman.console import Console, counted
from envman.errors import INTERRUPTED, UsageError
from envman.problem import Problem
from envman.request import Request
from envman.secrets import Masker
from envman.spec.shape import suggestion

_POLL = 0.1
_FIRST = 10  # lines of each service that --follow begins with
_COLORS = ("cyan", "yellow", "green", "magenta", "blue")
_TIME_WIDTH = 19  # of 2026-11-21 14:00:00
_OWN = "--- envman,"  # how the guardian begins its own lines

Tell = Callable[[str, Line], None]


def logs(
    request: Request, names: Sequence[str], *, follow: bool, count: int | None, since: str | None, times: bool
) -> Answer:
    """The lines of the services in the order of time; then, if asked for, the new ones as they come."""
    start = None if since is None else moment.parse(since)
    found = active.find(request)
    known = found.backend.logs(found.project)
    chosen = _chosen(names, list(dict.fromkeys((*found.project.spec.services, *known))))
    if not chosen:
        request.console.say(f"{found.project.name} has no services")
    for name in chosen:
        if name not in known:
            request.console.say(f"{name} was never started")
    if start is not None and start > time.time():
        request.console.say(f"nothing was said since {moment.shown(start)}: it is still to come")
        return Answer(said=True)
    read = {name: known[name] for name in chosen if name in known}
    tell = _teller(request, list(read), inside.masker(found.project, request.environ), times=times)
    last = _FIRST if follow and count is None and start is None else count
    try:
        said = {name: _said(request.console, name, log, start, whole=follow) for name, log in read.items()}
        _tell_all(tell, {name: lines[_skipped(lines, last) :] for name, lines in said.items()})
        if follow and read:
            _follow(read, tell)
    except KeyboardInterrupt:
        return Answer(said=True, code=INTERRUPTED)
    except BrokenPipeError:
        pass  # whoever read it has seen enough
    finally:
        for log in read.values():
            log.close()
    return Answer(said=True)


def _chosen(names: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in names if name not in known]
    if unknown:
        problems = [
            Problem(message=f'there is no service "{name}"', hint=suggestion(name, known) if known else None)
            for name in unknown
        ]
        raise UsageError(problems)
    return list(dict.fromkeys(names)) or known


def _said(console: Console, name: str, log: Log, start: int | None, *, whole: bool) -> Sequence[Line]:
    lines = [*log.begin(start), *([] if whole else log.rest())]
    if start is None:
        if not lines:
            console.say(f"{name} has said nothing yet")
        return lines
    # Who asks for the last minutes wants no old lines; that some may be missing has to be said.
    doubtful = sum(line.time is None for line in lines)
    lines = [line for line in lines if line.time is not None and line.time >= start]
    if doubtful:
        console.say(f"{name}: left out {counted(doubtful, 'line')} of unknown time")
    elif not lines:
        console.say(f"{name} has said nothing since {moment.shown(start)}")
    return lines


def _skipped(lines: Sequence[Line], last: int | None) -> int:
    return 0 if last is None else max(len(lines) - last, 0)


def _teller(request: Request, names: Sequence[str], masker: Masker, *, times: bool) -> Tell:
    console = request.console
    width = max(map(len, names), default=0)
    colors = {name: _COLORS[index % len(_COLORS)] for index, name in enumerate(names)}

    def as_json(name: str, line: Line) -> None:
        when = None if line.time is None else _iso(line.time)
        console.answer(json.dumps({"service": name, "time": when, "line": masker.mask(line.text)}, ensure_ascii=False))

    def as_text(name: str, line: Line) -> None:
        text = masker.mask(line.text)
        before = console.style(f"{name:<{width}} | ", colors[name], out=True) if len(names) > 1 else ""
        if times:
            before += console.style(_for_people(line.time), "dim", out=True) + "  "
        console.answer(before + (console.style(text, "dim", out=True) if text.startswith(_OWN) else text))

    return as_json if request.json else as_text


@lru_cache
def _iso(seconds: float) -> str:
    return moment.shown(seconds)


@lru_cache
def _for_people(seconds: float | None) -> str:
    return f"{'-':<{_TIME_WIDTH}}" if seconds is None else moment.shown_short(seconds)


def _follow(read: Mapping[str, Log], tell: Tell) -> None:
    while True:
        _tell_all(tell, {name: log.more() for name, log in read.items()})
        time.sleep(_POLL)


def _tell_all(tell: Tell, said: Mapping[str, Sequence[Line]]) -> None:
    for _, name, line in merge(*(_dated(*one) for one in said.items()), key=lambda one: one[0]):
        tell(name, line)


def _dated(name: str, lines: Sequence[Line]) -> Iterator[tuple[float, str, Line]]:
    # A service's own order stays, whatever its clock did; what has no time follows what came before it.
    latest = 0.0
    for line in lines:
        latest = max(latest, line.time or 0.0)
        yield latest, name, line
