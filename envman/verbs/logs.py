"""`envman logs`: what the services have said, and what they say now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence

from envman import active, inside
from envman.answer import Answer
from envman.errors import INTERRUPTED, UsageError
from envman.problem import Problem
from envman.request import Request
from envman.secrets import Masker
from envman.services.tail import Tail
from envman.spec.shape import suggestion

_POLL = 0.1
_FIRST = 10  # lines of each service that --follow begins with
_COLORS = ("cyan", "yellow", "green", "magenta", "blue")
_OWN = "--- envman,"  # how the guardian begins its own lines

Tell = Callable[[str, str], None]


def logs(request: Request, names: Sequence[str], *, follow: bool, count: int | None) -> Answer:
    """The lines of each service, one service after the other; then, if asked for, the new ones as they come."""
    found = active.find(request)
    known = found.backend.logs(found.project)
    chosen = _chosen(names, list(dict.fromkeys((*found.project.spec.services, *known))))
    if not chosen:
        request.console.say(f"{found.project.name} has no services")
    for name in chosen:
        if name not in known:
            request.console.say(f"{name} was never started")
    tails = {name: Tail(known[name]) for name in chosen if name in known}
    tell = _teller(request, list(tails), inside.masker(found.project, request.environ))
    try:
        for name, tail in tails.items():
            lines = tail.begin() + ([] if follow else tail.rest())
            if not lines:
                request.console.say(f"{name} has said nothing yet")
            first = _FIRST if follow and count is None else count
            _tell_all(tell, name, lines if first is None else lines[max(len(lines) - first, 0) :])
        if follow and tails:
            _follow(tails, tell)
    except KeyboardInterrupt:
        return Answer(said=True, code=INTERRUPTED)
    except BrokenPipeError:
        pass  # whoever read it has seen enough
    finally:
        for tail in tails.values():
            tail.close()
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


def _teller(request: Request, names: Sequence[str], masker: Masker) -> Tell:
    console = request.console
    width = max(map(len, names), default=0)
    colors = {name: _COLORS[index % len(_COLORS)] for index, name in enumerate(names)}

    def as_json(name: str, line: str) -> None:
        console.answer(json.dumps({"service": name, "line": masker.mask(line)}, ensure_ascii=False))

    def as_text(name: str, line: str) -> None:
        line = masker.mask(line)
        before = console.style(f"{name:<{width}} | ", colors[name], out=True) if len(names) > 1 else ""
        console.answer(before + (console.style(line, "dim", out=True) if line.startswith(_OWN) else line))

    return as_json if request.json else as_text


def _follow(tails: Mapping[str, Tail], tell: Tell) -> None:
    while True:
        for name, tail in tails.items():
            _tell_all(tell, name, tail.more())
        time.sleep(_POLL)


def _tell_all(tell: Tell, name: str, lines: Sequence[str]) -> None:
    for line in lines:
        tell(name, line)
