"""The picture of the front page says what was measured."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from docs import levels


def figure(median: float, unit: str = "s") -> dict[str, Any]:
    return {"unit": unit, "median": median, "lowest": median, "highest": median, "samples": [median]}


def document(**measured: dict[str, Any] | None) -> dict[str, Any]:
    """What `compare --measure --json` says of such levels."""
    return {
        "date": "2026-11-28 09:00",
        "machine": {"cores": 2, "system": "Debian <12>"},
        "rounds": 3,
        "packages_identical": True,
        "backends": {name: {"measured": {"figures": one} if one else None} for name, one in measured.items()},
    }


def bars(picture: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, width in re.findall(r'<rect class="(\w+)" .*width="([\d.]+)"', picture):
        found.setdefault(name, []).append(float(width))
    return found


def test_every_row_has_a_scale_of_its_own_from_nothing() -> None:
    venv = {"cold_up": figure(1.0), "memory": figure(5e7, "B")}
    docker = {"cold_up": figure(4.0), "memory": figure(1e8, "B")}
    picture = levels.drawn(document(venv=venv, docker=docker, vagrant=None))
    ElementTree.fromstring(picture)
    assert bars(picture) == {"venv": [100.0, 200.0], "docker": [400.0, 400.0]}
    texts = " ".join(re.findall(r">([^<]+)<", picture))
    assert all(word in texts for word in ("4.00 s", "50 MB", "100 MB", "3 rounds, 2026-11-28", "Debian &lt;12&gt;"))


def test_other_packages_are_told() -> None:
    found = document(venv={"run_true": figure(1.0)})
    assert "not the same on all levels" not in levels.drawn(found)
    assert "not the same on all levels" in levels.drawn({**found, "packages_identical": False})


@pytest.mark.parametrize("missing", ["memory", "task"])
def test_a_row_that_nobody_measured_is_left_out_and_one_that_some_did_is_not(missing: str) -> None:
    whole = {key: figure(1.0) for key in ("run_true", "memory", "task")}
    part = {key: one for key, one in whole.items() if key != missing}
    title = {"memory": "memory at rest", "task": "run test"}[missing]
    assert title not in levels.drawn(document(venv=part, docker=part))
    both = levels.drawn(document(venv=part, docker=whole))
    assert title in both
    assert {name: len(widths) for name, widths in bars(both).items()} == {"venv": 2, "docker": 3}
