"""`envman diff`: two levels are asked, and what did not run before does not run afterwards."""

from __future__ import annotations

import pytest

from tests.support.boxes import Boxes, free_port
from tests.support.scratch import Scratch

SPEC = """\
name = "shop"
backend = "venv"
[env]
WORD = "${CANARY}"
WHERE = "{project.root}"
[ports]
web = WEB
"""


@pytest.fixture
def at(scratch: Scratch) -> Boxes:
    """A project at venv, with an engine beside it that gives it the developer's own Python."""
    made = Boxes(scratch)
    scratch.environ["CANARY"] = "canary-4711"
    scratch.write({"envman.toml": SPEC.replace("WEB", str(free_port())), "requirements.txt": "alpha==1.0\n"})
    return made


def test_side_by_side(at: Boxes) -> None:
    at.shop.up()
    said = at.shop.envman("diff", "box", "crate")
    assert (said.code, said.out.splitlines()[-1]) == (0, "all that is promised is the same"), said.err
    assert "identical: " in said.out
    assert "2 variables" in said.out
    assert "Python series" not in said.out
    assert "Python series" in at.shop.envman("diff", "box", "crate", "--all").out
    assert at.runs() == []
    assert at.shop.status()["state"] == "running"


def test_what_is_promised_and_differs_ends_with_one(at: Boxes) -> None:
    at.shop.up()
    said = at.shop.envman("diff", "venv", "box")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("package alpha ")]
    assert line.split() == ["package", "alpha", "1.0", "—", "!"]
    assert "in what is promised to be the same (!)" in said.out
    assert at.runs() == []


def test_as_a_document(at: Boxes) -> None:
    said = at.shop.envman("diff", "box", "crate", "--json")
    result = said.result
    assert (result["backends"], result["same"]) == (["box", "crate"], True)
    rows = {row["what"]: row for row in result["rows"]}
    assert rows["Python series"]["promised"] is True
    assert rows["variable WORD"] == {
        "what": "variable WORD", "values": ["as declared", "as declared"], "same": True, "promised": True,
    }  # fmt: skip
    assert at.shop.envman("diff", "venv", "box", "--json").result["same"] is False


def test_no_value_is_told_or_written(at: Boxes) -> None:
    said = at.shop.envman("diff", "venv", "box", "--all", "--json", "--verbose")
    assert "canary-4711" not in said.out + said.err
    assert all("canary-4711" not in log.read_text(encoding="utf-8") for log in at.folder.rglob("*.log"))


def test_what_ran_before_runs_afterwards(at: Boxes) -> None:
    at.shop.up("--backend", "box")
    ready = at.shop.envman("diff", "box", "crate")
    assert ready.code == 0, ready.err
    assert at.runs() == ["box"]


def test_two_that_are_one_and_one_that_is_none(at: Boxes) -> None:
    same = at.shop.envman("diff", "box", "box")
    assert (same.code, "name two backends" in same.err) == (2, True)
    assert at.shop.envman("diff", "venv", "bx").code == 2


def test_one_that_this_machine_cannot_run(at: Boxes) -> None:
    said = at.shop.envman("diff", "venv", "crate", BOX_MISSING="crate")
    assert (said.code, "hint: start it" in said.err) == (3, True)
    assert at.made() == []


def test_one_that_does_not_come_up_ends_without_a_trace(at: Boxes) -> None:
    said = at.shop.envman("diff", "box", "crate", BOX_FAILS="crate:touch")
    assert (said.code, "touch fails in the crate" in said.err) == (1, True)
    assert at.runs() == []


def test_environ_that_names_a_backend_changes_nothing(at: Boxes) -> None:
    assert at.shop.envman("diff", "box", "crate", ENVMAN_BACKEND="venv").code == 0
