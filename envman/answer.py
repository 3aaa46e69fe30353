"""What a command answers: one result, rendered last, as text for people or as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from envman.frozen import field, frozen
from envman.problem import Problem

_VERSION = 1


@frozen
class Answer:
    """The result of a command, the lines that say it, and what went along."""

    result: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    problems: tuple[Problem, ...] = ()
    code: int = 0
    said: bool = False  # told already, line by line


def envelope(command: str, *, ok: bool, result: Mapping[str, Any], problems: Sequence[Problem]) -> str:
    """The document of --json."""
    document = {
        "envman": _VERSION,
        "command": command,
        "ok": ok,
        "result": result,
        "problems": [problem.as_json() for problem in problems],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
