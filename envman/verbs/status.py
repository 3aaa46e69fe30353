"""`envman status`: what is there, verified, and what drifted."""

from __future__ import annotations

from envman import active, standing
from envman.answer import Answer
from envman.request import Request


def status(request: Request) -> Answer:
    """Look, and change nothing."""
    found = active.find(request)
    observed = found.backend.observe(found.project, request.environ)
    vitals = found.backend.vitals(found.project, observed, request.environ)
    return Answer(
        result=standing.describe(found, observed, vitals),
        text=standing.text(found, observed, request.console, vitals),
    )
