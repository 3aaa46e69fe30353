"""`envman check`: whether the spec is valid, and what of it a backend cannot honour."""

from __future__ import annotations

from envman import active
from envman.answer import Answer
from envman.request import Request


def check(request: Request) -> Answer:
    """Read everything, run nothing."""
    found = active.find(request)
    file = found.project.spec_file
    name = file.name if file else f"{found.project.source.label} (no envman.toml)"
    for problem in (*found.passed_over, *found.unsupported):
        request.console.warn(problem)
    return Answer(
        result={"file": str(file) if file else None, "backend": found.backend.NAME},
        text=f"{name} is valid for {found.backend.NAME}"
        + (", but for what is named above" if found.unsupported else ""),
        problems=(*found.passed_over, *found.unsupported),
    )
