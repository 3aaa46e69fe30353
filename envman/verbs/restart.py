"""`envman restart`: down, then up."""

from __future__ import annotations

from envman.answer import Answer
from envman.request import Request
from envman.verbs.down import down
from envman.verbs.up import up


def restart(request: Request) -> Answer:
    """Stop what runs and bring it up again."""
    down(request)
    return up(request)
