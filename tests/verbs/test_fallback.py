"""`backend = [one, other]`: the first that works, and what is lost with it, is said."""

from __future__ import annotations

import pytest

from tests.support.boxes import Boxes
from tests.support.scratch import Scratch

SPEC = """\
name = "shop"
backend = ["crate", "venv"]
[system]
packages = ["no-such-package-4711"]
"""
PASSED = "crate is passed over: no crate engine"


@pytest.fixture
def at(scratch: Scratch) -> Boxes:
    """A project that would rather be in the crate."""
    made = Boxes(scratch)
    scratch.write({"envman.toml": SPEC})
    return made


def test_the_first_that_works(at: Boxes) -> None:
    assert at.shop.up()["backend"] == "crate"


def test_what_was_passed_over_and_what_is_lost(at: Boxes) -> None:
    said = at.shop.envman("up", BOX_MISSING="crate")
    assert said.code == 0
    assert f"warning: {PASSED}\n  hint: start it" in said.err
    assert "system.packages: " in said.err
    document = at.shop.envman("up", "--json", BOX_MISSING="crate")
    assert document.result["backend"] == "venv"
    assert PASSED in [problem["message"] for problem in document.json["problems"]]


def test_both_are_said_where_it_then_fails(at: Boxes) -> None:
    at.shop.write({"envman.toml": f'{SPEC}[hooks]\nsetup = ["false"]\n'})
    failed = at.shop.envman("up", BOX_MISSING="crate")
    assert failed.code == 1
    assert PASSED in failed.err
    assert "system.packages: " in failed.err


def test_where_none_works(at: Boxes) -> None:
    at.shop.write({"envman.toml": 'backend = ["crate"]\n'})
    failed = at.shop.envman("up", BOX_MISSING="crate")
    assert (failed.code, "error: no crate engine" in failed.err) == (3, True)
