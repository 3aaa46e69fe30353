"""A plan as a value: ordered steps, each with its reason. Printing, comparing and JSON need no engine."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from envman.frozen import frozen


class Goal(StrEnum):
    """What a plan brings about."""

    UP = "up"
    REFRESH = "refresh"  # up, with all made anew: newer parts of what the spec leaves open are taken
    QUIET = "quiet"  # nothing of the project's own runs any more; its servers do
    DOWN = "down"
    DESTROY = "destroy"
    PURGE = "purge"  # to destroy, with the data of services

    @property
    def builds(self) -> bool:
        """Whether the project is to be there afterwards."""
        return self in (Goal.UP, Goal.REFRESH)

    @property
    def removes(self) -> bool:
        """Whether nothing of it is to be there afterwards."""
        return self in (Goal.DESTROY, Goal.PURGE)


@frozen
class Step:
    """One thing to do: the row it is shown under, what it does, why, and the operation that does it."""

    name: str
    title: str
    reason: str
    operation: object
    changes: tuple[str, ...] = ()
    after_setup: bool = False  # whether it needs what the setup hooks do
    renews: bool = False  # whether what the setup hooks were done for is another one afterwards

    def as_json(self) -> dict[str, Any]:
        """The step for programs; the operation is envman's own affair."""
        return {"name": self.name, "title": self.title, "reason": self.reason, "changes": list(self.changes)}


@frozen
class Plan:
    """What stands between the project as it is and the goal."""

    backend: str
    goal: Goal
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "\n".join(f"{step.name}: {step.title} # {step.reason}" for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        return {"backend": self.backend, "goal": str(self.goal), "steps": [step.as_json() for step in self.steps]}
