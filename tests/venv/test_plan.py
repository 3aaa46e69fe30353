"""The venv backend's plans, decided from values alone: nothing is started, nothing is written."""

from __future__ import annotations

from envman.frozen import replace
from pathlib import Path
from typing import Any

import pytest

from envman.backend import Observed, State
from envman.dependencies import resolve
from envman.dependencies.source import Kind, Source
from envman.identity import Identity
from envman.interpreters import Interpreter, Request
from envman.plan import Goal, Plan
from envman.project import Project
from envman.spec.model import Spec
from envman_venv.backend import plan
from envman_venv.marker import Marker
from envman_venv.observe import Findings
from envman_venv.operations import InstallPackages

ROOT = Path("/work-of-nobody/shop")
PREFIX = ROOT / ".venv"
PYTHON = Interpreter(path=Path("/usr/bin/python3.12"), version=(3, 12, 4), origin="system")


def project(kind: Kind = Kind.UV_LOCK, asked: str = "3.12") -> Project:
    source = Source(kind=kind, files=(ROOT / "uv.lock",), fingerprint="inputs")
    return Project(
        root=ROOT,
        name="shop",
        identity=Identity(id="0123456789abcdef"),
        spec=Spec(),
        spec_file=None,
        local=None,
        source=source,
        python=Request(text=asked, asked_by="the spec"),
        ports={},
        memory={},
        inputs=(),
    )


def findings(**facts: Any) -> Findings:
    nothing = Findings(prefix=PREFIX, foreign=False, marker=None, broken=None, chosen=PYTHON, others=())
    return replace(nothing, **facts)


def marker(**facts: Any) -> Marker:
    whole = Marker(
        project="0123456789abcdef",
        path=str(PREFIX),
        generation="g",
        created=True,
        python="3.12.4",
        installed={"a": "1"},
    )
    return replace(whole, **facts)


def said(found: Findings, of: Project, goal: Goal = Goal.UP) -> str:
    generation = found.marker.generation if found.marker and not found.broken else ""
    observed = Observed(
        state=State.PARTIAL, generation=generation, python="3.12.4", target_python="3.12.4", detail=found
    )
    return str(Plan(backend="venv", goal=goal, steps=plan(of, observed, goal)))


def complete(of: Project) -> str:
    return resolve.fingerprint(of, "3.12.4")


def test_from_nothing() -> None:
    assert said(findings(), project()) == ("python: .venv # not there yet\npackages: from uv.lock # new environment")


def test_what_no_lock_covers_is_resolved_before() -> None:
    plain = said(findings(), project(Kind.REQUIREMENTS))
    assert "lock: resolve uv.lock # nothing recorded for these inputs" in plain


def test_nothing_to_do() -> None:
    assert said(findings(marker=marker(fingerprint=complete(project()))), project()) == ""


def test_changed_inputs_name_what_was_installed_by_hand() -> None:
    found = findings(marker=marker(fingerprint="of before"), strangers=("ipdb 0.13",))
    (step,) = plan(
        project(), Observed(state=State.RUNNING, generation="g", target_python="3.12.4", detail=found), Goal.UP
    )
    assert step.reason == "uv.lock changed"
    assert step.changes == ("- ipdb 0.13 (installed by hand; stays if it is asked for)",)


def test_a_missing_package_is_brought_back_and_nothing_else_is_touched() -> None:
    found = findings(marker=marker(fingerprint=complete(project())), missing=("a",), strangers=("ipdb 0.13",))
    (step,) = plan(
        project(), Observed(state=State.DEGRADED, generation="g", target_python="3.12.4", detail=found), Goal.UP
    )
    assert step.reason == "missing: a"
    assert step.changes == ()
    assert isinstance(step.operation, InstallPackages)
    assert not step.operation.exact


def test_an_installation_that_was_cut_short_is_done_afresh() -> None:
    found = findings(marker=marker(touched=True))
    (step,) = plan(
        project(), Observed(state=State.PARTIAL, generation="g", target_python="3.12.4", detail=found), Goal.UP
    )
    assert step.reason == "their installation was not finished"
    assert isinstance(step.operation, InstallPackages)
    assert step.operation.afresh


@pytest.mark.parametrize("why", ["its interpreter is gone", "it has Python 3.11.2, the spec asks for 3.12"])
def test_a_broken_environment_is_made_anew_and_says_why(why: str) -> None:
    assert said(findings(marker=marker(), broken=why), project()).splitlines()[0] == f"python: .venv # {why}"


def test_an_interpreter_that_is_not_here_is_fetched_first() -> None:
    first, second, *_ = said(findings(chosen=None, others=("3.11 (system)",)), project(asked="3.14")).splitlines()
    assert first == "python: download Python 3.14 # the spec asks for it, and it is not on this machine"
    assert second == "python: .venv # not there yet"


def test_a_foreign_environment_is_left_alone() -> None:
    other = ROOT / ".envman" / "venv"
    first = said(findings(prefix=other, foreign=True), project()).splitlines()[0]
    assert first == "python: .envman/venv (.venv is not envman's, and is left alone) # not there yet"


def test_down_has_nothing_to_stop_and_destroy_removes_only_what_is_ours() -> None:
    assert said(findings(marker=marker()), project(), Goal.DOWN) == ""
    assert said(findings(), project(), Goal.DESTROY) == ""
    assert said(findings(marker=marker()), project(), Goal.DESTROY) == "python: remove .venv # destroy was asked for"
