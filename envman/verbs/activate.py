"""`envman activate`: what a shell has to evaluate to be inside, for those who do not like subshells."""

from __future__ import annotations

import os

from envman import inside, shells
from envman.answer import Answer
from envman.backend import enter_of
from envman.errors import UsageError
from envman.problem import Problem
from envman.request import Request
from envman.verbs.enter import without_up


def activate(request: Request, *, named: str | None) -> Answer:
    """The text for the shell that asks."""
    found, observed = without_up(request)
    values = inside.resolve(found.project, found.backend.viewpoint(found.project), request.environ)
    change = enter_of(found.backend.ENTER).change(found.backend.place(found.project, observed), values)
    if change is None:
        message = f"a shell of this machine cannot be inside {found.backend.NAME}"
        raise UsageError(Problem(message=message, hint="envman shell opens one that is"))
    name = named or shells.detect(request.environ, shells.parent_name())
    return Answer(text=shells.module(name).activate(change).rstrip(os.linesep))
