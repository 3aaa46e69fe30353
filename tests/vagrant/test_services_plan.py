"""What is done about services in the machine, decided from values alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envman.errors import StepFailed
from envman.frozen import field, frozen, replace
from envman.identity import Identity
from envman.plan import Goal, Plan
from envman.project import Project
from envman.services import provide, saving
from envman.spec.model import Command, Service
from envman_vagrant.services import kept, plan
from envman_vagrant.services.look import Unit
from envman_vagrant.services.operations import KeepData, Start
from tests.services.test_parts import project

DB = Service(use="postgres", version="15")
WORKER = Service(run=Command(("celery worker",), is_line=True), needs=("db",))
SHOP = project({"db": DB, "worker": WORKER}, identity=Identity(id="0123456789abcdef"), db=40001)


@frozen
class Found:
    """What a look at the machine brings, as far as services are concerned."""

    units: Mapping[str, Unit] = field(default_factory=dict)
    runs: bool = True
    connected: bool = True


def right(name: str, of: Project = SHOP, **facts: Any) -> Unit:
    """A service as it should be."""
    whole = Unit(
        name=name,
        active="active",
        sub="running",
        made_from=plan.made_from(of, name),
        title="PostgreSQL 15.14",
        wrote="15" if name == "db" else "",
        filled=provide.wanted(of.spec.services[name]),
    )
    return replace(whole, **facts)


def both(**facts: Any) -> dict[str, Unit]:
    return {"db": right("db", **facts), "worker": right("worker")}


def said(found: Found, of: Project = SHOP, goal: Goal = Goal.UP, *, renewed: bool = False) -> str:
    steps = tuple(plan.steps(of, found, goal, renewed=renewed))
    return str(Plan(backend="vagrant", goal=goal, steps=steps))


class TestUp:
    """What has to be started."""

    def test_everything_at_first(self) -> None:
        assert said(Found()) == (
            "db: PostgreSQL 15 on 127.0.0.1:40001 # it does not run yet\nworker: celery worker # it does not run yet"
        )

    def test_nothing_where_all_is_right(self) -> None:
        assert said(Found(units=both())) == ""

    def test_a_machine_that_was_off_runs_nothing_whatever_was_seen_last(self) -> None:
        assert said(Found(units=both(), runs=False)) == (
            "db: PostgreSQL 15 on 127.0.0.1:40001 # it is stopped\nworker: celery worker # it is stopped"
        )

    @pytest.mark.parametrize(
        ("facts", "why"),
        [
            ({"active": "failed", "sub": "failed", "code": 1}, "it ended with 1"),
            ({"active": "inactive", "sub": "dead"}, "it is stopped"),
            ({"active": ""}, "it is stopped"),
            ({"made_from": ""}, "it was not finished"),
            ({"made_from": "x"}, "what it is started with changed"),
            ({"filled": "new"}, "what it begins with is not made yet"),
            ({"filled": "x"}, "what it should hold changed"),
        ],
    )
    def test_why_one_is_started(self, facts: dict[str, Any], why: str) -> None:
        assert said(Found(units=both(**facts))) == f"db: PostgreSQL 15 on 127.0.0.1:40001 # {why}"

    def test_what_stale_packages_mean_to_a_server_is_nothing(self) -> None:
        units = {"db": right("db", is_stale=True), "worker": right("worker", is_stale=True)}
        assert said(Found(units=units)) == "worker: celery worker # the environment or its packages are new"
        assert (
            said(Found(units=both()), renewed=True) == "worker: celery worker # the environment or its packages are new"
        )

    def test_a_job_that_is_done_is_done(self) -> None:
        job = project({"job": replace(WORKER, needs=(), once=True)})
        assert said(Found(units={"job": right("job", job, sub="exited")}), job) == ""

    def test_processes_wait_for_the_setup_and_waves_go_one_after_the_other(self) -> None:
        three = project({"a": replace(WORKER, needs=()), "b": Service(use="redis"), "c": Service(use="redis")})
        steps = list(plan.steps(three, Found(), Goal.UP, renewed=False))
        assert [(one.name, one.after_setup) for one in steps] == [("b", False), ("c", False), ("a", True)]
        waves = [one.operation.wave for one in steps if isinstance(one.operation, Start)]
        assert waves == [("b", "c"), ("b", "c"), ("a",)]

    def test_what_the_spec_forgot_is_stopped(self) -> None:
        units = {**both(), "old": Unit(name="old", active="active"), "data": Unit(name="data", wrote="15")}
        assert said(Found(units=units)) == "old: stop old # the spec does not name it any more"

    def test_another_major_version_is_refused_before_anything(self) -> None:
        with pytest.raises(StepFailed, match=r"the data of db was written by PostgreSQL 14, and this is 15"):
            said(Found(units=both(wrote="14")))

    def test_so_is_what_was_kept_of_a_machine_that_is_gone(self) -> None:
        assert SHOP.identity is not None
        folder = SHOP.identity.data / ".vagrant" / "db"
        folder.mkdir(parents=True)
        saving.note_version(folder, "14.3")
        assert kept.wrote(SHOP) == {"db": "14"}
        with pytest.raises(StepFailed, match="written by PostgreSQL 14"):
            said(Found())
        assert said(Found(units=both())) == ""  # there is other data since
        kept.drop("db", _job())
        assert kept.wrote(SHOP) == {}


def _job() -> Any:
    class Job:
        project = SHOP

    return Job()


class TestDown:
    """What is done before the machine ends, or goes."""

    def test_a_machine_that_ends_takes_them_along(self) -> None:
        assert said(Found(units=both()), goal=Goal.DOWN) == ""

    def test_only_data_that_is_whole_is_kept_of_one_that_goes(self) -> None:
        units = {**both(), "new": Unit(name="new", filled="begun"), "old": Unit(name="old", wrote="7")}
        steps = list(plan.keeping(SHOP, Found(units=units), known=True))
        assert [one.operation for one in steps] == [KeepData(name="db"), KeepData(name="old")]


class TestMadeFrom:
    """What a service is started anew for."""

    def test_the_spec_of_it(self) -> None:
        other = project({"db": replace(DB, version="16"), "worker": WORKER}, identity=SHOP.identity)
        assert plan.made_from(other, "db") != plan.made_from(SHOP, "db")
        assert plan.made_from(other, "worker") == plan.made_from(SHOP, "worker")

    def test_not_the_port_of_this_machine(self) -> None:
        other = replace(SHOP, ports={"services.db": 40002})
        assert plan.made_from(other, "db") == plan.made_from(SHOP, "db")

    def test_files_of_variables_for_what_reads_them(self, tmp_path: Path) -> None:
        spec = replace(SHOP.spec, env_files=(".env",))
        shop = replace(SHOP, root=tmp_path, spec=spec)
        before = {name: plan.made_from(shop, name) for name in ("db", "worker")}
        (tmp_path / ".env").write_text("A=1\n", encoding="utf-8")
        assert plan.made_from(shop, "db") == before["db"]
        assert plan.made_from(shop, "worker") != before["worker"]
