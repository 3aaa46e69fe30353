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


TAKEN = "The container name is already in use by container c4c0a0f1"
BOOT = "Timed out while waiting for the machine to boot"


@pytest.mark.parametrize(
    ("noted", "said", "times"),
    [
        ((None, None, "docker"), TAKEN, 2),
        ((None, "docker", "docker"), TAKEN, 2),  # the other one has just written down that it has made it
        ((None, None, None), TAKEN, 1),
        ((None, "docker", "docker"), BOOT, 1),
        (("docker", "docker", "docker"), TAKEN, 1),
    ],
)
def test_it_is_ours_where_it_has_our_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: tuple[str | None, ...], said: str, times: int
) -> None:
    """Tried again only when somebody else has made it; a machine that we know fails for another reason."""
    before, after, adopted = noted
    there: list[Any] = [before]
    calls: list[int] = []

    def act() -> str:
        calls.append(1)
        if len(calls) == 1:
            there[0] = after
            raise StepFailed(said)
        return "it runs"

    monkeypatch.setattr(machine, "made_by", lambda _: there[0])
    monkeypatch.setattr(machine, "adopt", lambda *_: there.__setitem__(0, adopted))
    job: Any = _Job(tmp_path)
    if times == 2:
        assert machine._made_or_adopted(act, job) == "it runs"
    else:
        with pytest.raises(StepFailed, match=said):
            machine._made_or_adopted(act, job)
    assert len(calls) == times
