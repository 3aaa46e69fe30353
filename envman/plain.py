"""Commands without flags: they need no parser, and click would take longer to load than most of them to run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module

from envman import call
from envman.console import Console
from envman.request import Request

_ANSWERS = ("up", "down", "restart", "status", "check", "doctor", "list", "services")


def dispatch(arguments: Sequence[str]) -> int | None:
    """The exit code of a command that came without flags; None leaves it to the command line proper."""
    if "_ENVMAN_COMPLETE" in os.environ or not arguments:
        return None
    command, *words = arguments
    if command in _ANSWERS and words in ([], ["--json"]):
        return _answer(command, as_json=bool(words))
    if command == "run" and words and not words[0].startswith("-"):
        return _run(words)
    return None


def _answer(command: str, *, as_json: bool) -> int:
    module = import_module(f"envman.verbs.{command}")
    verb = getattr(module, command, None) or getattr(module, f"{command}_")
    return call.answered(command, as_json=as_json, make=lambda: _request(as_json=as_json), verb=verb)


def _run(words: Sequence[str]) -> int:
    from envman.verbs.run import run as verb

    return call.entered(make=_request, verb=lambda request: verb(request, words, up=True, program=False))


def _request(*, as_json: bool = False) -> Request:
    return Request(console=Console(), folder=call.here(), json=as_json)
