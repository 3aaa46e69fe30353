"""What the lines of a look into the machine say about services."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from envman.backend import State
from envman.spec.model import Command, Service
from envman_vagrant.services import look
from envman_vagrant.services.look import Unit
from tests.services.test_parts import project

DB, WORKER = Service(use="postgres", version="15"), Service(run=Command(("celery worker",), is_line=True))
NOW = 1_795_282_200.0
SHOP = project({"db": DB, "worker": WORKER}, db=40001)


def shown(name: str, **facts: str) -> list[str]:
    """What systemd says of a unit."""
    usual = {"Id": f"envman-{name}.service", "ActiveState": "active", "SubState": "running", "Result": "success"}
    return [f"{key}={value}" for key, value in {**usual, **facts}.items()]


def running(name: str, pid: int, began: int, memory: int, cache: int) -> list[str]:
    """What the kernel says of a unit whose processes are there: it began so many hundredths after the boot."""
    group = f"/sys/fs/cgroup/system.slice/envman-{name}.service"
    return [
        f"service\truns\t{name}\t{pid}",
        f"/proc/{pid}/stat:{pid} (a (b) c) S {' '.join(['0'] * 18)} {began} 0 0",
        f"{group}/memory.current:{memory}",
        f"{group}/memory.stat:anon 5",
        f"{group}/memory.stat:inactive_file {cache}",
    ]


def read(*lines: str) -> Mapping[str, Unit]:
    return look.read(lines, NOW)


class TestLines:
    """From text to values."""

    def test_two_units_with_their_notes(self) -> None:
        found = read(
            "/var/lib/envman/notes/packages:abc",
            *shown("worker", ActiveState="failed", ExecMainStatus="3", ExecMainCode="1", NRestarts="4"),
            "",
            "/proc/uptime:100.50 190.00",
            *running("db", 7, 5050, 3000, 1000),
            "service\tstale\tworker",
            "/var/lib/envman/services/db/title:PostgreSQL 15.14",
            "/var/lib/envman/services/db/other:x",
            "/var/lib/envman/data/db/.envman-version:15",
            "/var/lib/envman/data/db/.envman-provided:full",
            "package\tx",
        )
        assert list(found) == ["db", "worker"]
        assert found["db"] == Unit(
            name="db",
            active="active",
            sub="running",
            result="success",
            since=int(NOW) - 50,
            memory=2000,
            pid=7,
            title="PostgreSQL 15.14",
            wrote="15",
            filled="full",
        )
        assert (found["worker"].code, found["worker"].restarts, found["worker"].is_stale) == (3, 4, True)

    def test_two_that_systemd_was_asked_about(self) -> None:
        found = read(*shown("a"), "", *shown("b", ActiveEnterTimestamp="Sat 2026-11-21 17:30:00 UTC"))
        assert [found["a"].since, found["b"].since] == [None, 1795282200]

    def test_a_container_takes_what_its_own_group_takes(self) -> None:
        scope = "/sys/fs/cgroup/system.slice/docker-abc.scope"
        found = read(
            *running("db", 7, 5050, 9000, 0),
            "service\tcontainer\tdb\tabc",
            f"{scope}/memory.current:500",
            f"{scope}/memory.stat:inactive_file 100",
            "service\tvolumes\tdb",
            "service\tvolumes\tdb.new",
        )
        assert list(found) == ["db"]
        assert (found["db"].memory, found["db"].has_volumes) == (400, True)

    @pytest.mark.parametrize("code", ["2", "3"])
    def test_who_was_killed_ended_with_the_signal(self, code: str) -> None:
        assert read(*shown("db", ExecMainCode=code, ExecMainStatus="9"))["db"].code == 137

    def test_what_nobody_counts_is_none(self) -> None:
        assert read("service\truns\tdb\t7")["db"] == Unit(
            name="db", active="active", sub="running", result="success", pid=7
        )

    def test_data_whose_first_statements_failed_is_not_whole(self) -> None:
        folder = "/var/lib/envman/data/db"
        assert read(f"{folder}/.envman-version:15", f"{folder}/.envman-provided:begun")["db"].wrote == ""

    def test_data_that_is_set_aside_is_no_service(self) -> None:
        assert read("/var/lib/envman/data/db.replaced/.envman-version:15") == {}

    @pytest.mark.parametrize("moment", ["", "n/a", "yesterday"])
    def test_a_moment_that_cannot_be_read_is_unknown(self, moment: str) -> None:
        assert read(*shown("db", ActiveEnterTimestamp=moment))["db"].since is None

    def test_the_script_names_its_lines(self) -> None:
        printed = [line for line in look.SCRIPT.splitlines() if "printf '" in line]
        assert all("service\\t" in line for line in printed)


class TestServing:
    """From values to what people are told."""

    def test_nothing_is_there_yet(self) -> None:
        found = look.serving(SHOP, {})
        assert (found["db"].state, found["db"].title, found["db"].version) == (State.ABSENT, "PostgreSQL 15", "15")
        assert (found["worker"].state, found["worker"].source) == (State.ABSENT, "process")
        assert found["db"].port == 40001

    @pytest.mark.parametrize(
        ("active", "sub", "state", "why"),
        [
            ("active", "running", State.RUNNING, ""),
            ("active", "exited", State.RUNNING, "done"),
            ("activating", "start", State.STOPPED, ""),
            ("activating", "auto-restart", State.DEGRADED, "it ended with 1, 3 times"),
            ("failed", "failed", State.DEGRADED, "it ended with 1, 3 times"),
            ("inactive", "dead", State.STOPPED, ""),
        ],
    )
    def test_it_stands_as_systemd_says(self, active: str, sub: str, state: State, why: str) -> None:
        unit = Unit(name="db", active=active, sub=sub, code=1, restarts=2, since=5)
        one = look.serving(SHOP, {"db": unit})["db"]
        assert (one.state, one.why) == (state, why)
        assert one.since == (5 if state is State.RUNNING else None)

    def test_after_a_boot_it_is_stopped(self) -> None:
        noted = Unit(name="db", title="PostgreSQL 15.14", source="binary", version="15.14")
        one = look.serving(SHOP, {"db": noted})["db"]
        assert (one.state, one.title, one.source) == (State.STOPPED, "PostgreSQL 15.14", "binary")

    def test_where_the_machine_does_not_run_nothing_does(self) -> None:
        before = {"db": Unit(name="db", active="active", sub="running", title="PostgreSQL 15.14")}
        found = look.serving(SHOP, before, lives=False)
        assert [found["db"].state, found["worker"].state] == [State.STOPPED, State.ABSENT]

    def test_what_the_spec_forgot_is_told_while_it_runs(self) -> None:
        units = {"old": Unit(name="old", active="active"), "data": Unit(name="data", wrote="15")}
        assert look.forgotten(SHOP, units) == ("old",)
        assert set(look.serving(SHOP, units)) == {"db", "worker", "old"}
        assert set(look.serving(SHOP, units, lives=False)) == {"db", "worker"}
