"""`run --everywhere`: a matrix of what came of a command, and nothing runs that did not run before."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.support.boxes import Boxes, free_port
from tests.support.scratch import Outcome, Scratch

SPEC = """\
name = "shop"
backend = "venv"
[env]
WORD = "${CANARY}"
[ports]
web = WEB
[tasks]
where = "echo at ${BOX-venv}"
"""
CANARY = "canary-4711"


@pytest.fixture
def at(scratch: Scratch) -> Boxes:
    """A project at venv, with two engines beside it."""
    made = Boxes(scratch)
    scratch.environ["CANARY"] = CANARY
    scratch.write({"envman.toml": SPEC.replace("WEB", str(free_port()))})
    return made


def everywhere(at: Boxes, *words: str, **variables: str) -> Outcome:
    return at.shop.call(("run", "--everywhere", *words), variables)


def test_a_matrix(at: Boxes) -> None:
    said = everywhere(at, "true")
    assert said.code == 0, said.err
    head, row = said.out.splitlines()
    assert head.split() == ["venv", "box", "crate"]
    assert row.split()[:2] == ["true", "ok"]
    assert at.runs() == []
    assert "not on crate: no crate engine" in everywhere(at, "true", BOX_MISSING="crate").err


def test_the_worst_exit_code_and_what_the_failing_ones_said(at: Boxes) -> None:
    script = 'echo here is ${BOX-venv}; case "$BOX" in box) exit 3;; crate) exit 7;; esac'
    said = everywhere(at, "--", "sh", "-c", script)
    assert said.code == 7
    assert "here is box\n" in said.out
    assert "here is crate\n" in said.out
    assert "here is venv" not in said.out
    row = said.out.splitlines()[-1].removeprefix(f"sh -c {script}")
    assert [cell.split("  ")[0] for cell in row.strip().split("s  ")] == ["ok", "exit 3", "exit 7"]


def test_a_task_and_the_program_of_its_name(at: Boxes) -> None:
    found = everywhere(at, "--json", "where").result["backends"]
    assert {name: one["output"] for name, one in found.items()} == {
        "venv": "at venv\n", "box": "at box\n", "crate": "at crate\n",
    }  # fmt: skip
    missing = everywhere(at, "--json", "--", "where")
    assert {one["code"] for one in missing.result["backends"].values()} == {127}
    assert (missing.code, "Traceback" in missing.err) == (127, False)


def test_as_a_document(at: Boxes) -> None:
    said = everywhere(at, "--json", "sh", "-c", 'echo $WORD; test "$BOX" != box')
    assert (said.code, said.json["command"]) == (1, "run")
    result = said.result
    assert result["command"] == ["sh", "-c", 'echo $WORD; test "$BOX" != box']
    assert {name: one["code"] for name, one in result["backends"].items()} == {"venv": 0, "box": 1, "crate": 0}
    assert set(result["backends"]["box"]) == {"code", "seconds", "output", "why"}
    assert CANARY not in said.out + said.err


def test_one_that_does_not_come_up(at: Boxes) -> None:
    said = everywhere(at, "--junit", "out.xml", "sh", "-c", "exit 2", BOX_FAILS="crate:touch")
    assert said.code == 125
    assert "crate: touch fails in the crate" in said.out
    assert said.out.splitlines()[-1].endswith("not up")
    suite = ElementTree.parse(at.shop.root / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "1")
    assert at.runs() == []


def test_junit(at: Boxes) -> None:
    script = 'printf \'<&\\001\\357\\277\\277\\377]]> %s\\n\' "$WORD"; test "$BOX" != box'
    said = everywhere(at, "--junit", "deep/out.xml", "--", "sh", "-c", script)
    assert said.code == 1, said.err
    suite = ElementTree.parse(at.shop.root / "deep" / "out.xml").getroot()
    assert (suite.tag, suite.get("name"), suite.get("tests")) == ("testsuite", "shop", "3")
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    cases = {str(case.get("name")).rpartition("[")[2].rstrip("]"): case for case in suite}
    assert set(cases) == {"venv", "box", "crate"}
    failure = cases["box"].find("failure")
    assert failure is not None
    assert failure.get("message") == "exit 1"
    assert cases["venv"].find("failure") is None
    assert float(str(cases["venv"].get("time"))) >= 0
    assert (cases["venv"].findtext("system-out") or "").startswith("<&")
    assert CANARY not in (at.shop.root / "deep" / "out.xml").read_text(encoding="utf-8")


def test_what_ran_before_runs_afterwards(at: Boxes) -> None:
    at.shop.up()
    at.shop.up("--backend", "box")
    assert everywhere(at, "true").code == 0
    assert at.runs() == ["box"]
    assert at.shop.status()["state"] == "running"


def test_the_folder_is_the_callers(at: Boxes) -> None:
    (at.shop.root / "deep").mkdir()
    said = at.shop.envman("run", "--everywhere", "--json", "pwd", cwd=at.shop.root / "deep")
    assert {one["output"].strip() for one in said.result["backends"].values()} == {str(at.shop.root / "deep")}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--backend", "box", "true"), "leave out --backend"),
        (("--no-up", "true"), "leave out --no-up"),
        ((), "run needs a command"),
    ],
)
def test_what_makes_no_sense(at: Boxes, words: tuple[str, ...], hint: str) -> None:
    said = everywhere(at, *words)
    assert (said.code, hint in said.err) == (2, True), said.err
    assert at.made() == []


def test_variables_name_no_backend_either(at: Boxes) -> None:
    assert everywhere(at, "true", ENVMAN_BACKEND="box").code == 2


def test_junit_alone_is_refused(at: Boxes) -> None:
    said = at.shop.envman("run", "--junit", "out.xml", "true")
    assert (said.code, "--junit needs --everywhere" in said.err) == (125, True)
