"""What `run --no-up`, `shell` and `activate` share: an environment that is used as it is."""

from __future__ import annotations

from envman import active
from envman.active import Active
from envman.backend import Observed, State
from envman.errors import StepFailed
from envman.problem import Problem
from envman.request import Request


def without_up(request: Request) -> tuple[Active, Observed]:
    """The project and its environment as they stand; raises when there is none."""
    found = active.find(request)
    observed = found.backend.observe(found.project, request.environ)
    if not observed.generation or observed.state is State.STOPPED:
        problem = Problem(message=f"{found.project.name} is {observed.state} on {found.backend.NAME}", hint="envman up")
        raise StepFailed(problem)
    return found, observed
