"""The engines of this machine, for tests that need one."""

from __future__ import annotations

import os

import pytest

from envman.backend import load


def needs(name: str) -> None:
    """A backend's engine; in CI a missing one is a failure, elsewhere its tests are skipped."""
    problems = load(name).missing(os.environ)
    has(not problems, f"{name}: {problems[0].message}" if problems else "")


def has(it: bool, missing: str) -> None:
    """The same for any part of the lab."""
    if not it and not os.environ.get("CI"):
        pytest.skip(f"{missing}; where CI is set, that is a failure")
    assert it, missing
