"""A machine that another vagrant makes in the same moment, after a kill of the `up` that had started it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envman.errors import StepFailed
from envman_vagrant import machine
from tests.vagrant.described import project


class _Job:
    def __init__(self, root: Path) -> None:
        self.project = project(root)
        self.environ: dict[str, str] = {}


def _conflict(calls: list[int]) -> None:
    calls.append(1)
    if len(calls) == 1:
        raise StepFailed("the container name is already in use")


@pytest.mark.parametrize(("before", "after", "times"), [(None, "docker", 2), (None, None, 1), ("docker", "docker", 1)])
def test_it_is_ours_where_it_has_our_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None, times: int
) -> None:
    """Tried again only when somebody else has made it; a machine that we know fails for another reason."""
    there: list[Any] = [before]
    calls: list[int] = []
    monkeypatch.setattr(machine, "made_by", lambda _: there[0])
    monkeypatch.setattr(machine, "adopt", lambda *_: there.__setitem__(0, after))
    job: Any = _Job(tmp_path)
    if times == 2:
        machine._made_or_adopted(lambda: _conflict(calls), job)
    else:
        with pytest.raises(StepFailed, match="already in use"):
            machine._made_or_adopted(lambda: _conflict(calls), job)
    assert len(calls) == times
