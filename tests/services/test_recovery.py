"""What once went wrong with services, and must not again."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from envman import paths
from tests.services.conftest import Another
from tests.services.support import (
    CACHE,
    Shop,
    is_one_message,
    listens,
    processes,
    until,
)
from tests.support.disk import disk

pytestmark = pytest.mark.engine
SLEEPS = '[services.worker]\nrun = "exec sleep 300"\n'


def test_destroy_keeps_data_that_can_still_be_opened(shop: Shop) -> None:
    shop.up()
    shop.sql("create table kept as select 7 as n")
    assert shop.envman("destroy", "--yes").code == 0
    shop.up()
    assert shop.sql("select n from kept") == "7"


def test_the_log_of_a_service_is_the_users_alone(shop: Shop) -> None:
    shop.up()
    for file in (shop.folder / "logs").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_data_of_a_cache_are_the_users_alone(shop: Shop) -> None:
    shop.describe(CACHE)
    shop.up()
    assert stat.S_IMODE((shop.folder / "data" / "cache").stat().st_mode) == 0o700


def test_the_files_that_a_process_makes_are_like_those_that_the_user_makes(scratch: Shop) -> None:
    scratch.describe('[services.worker]\nrun = "touch made; exec sleep 300"\n')
    scratch.up()
    until((scratch.root / "made").exists)
    assert scratch.envman("run", "touch", "by-hand").code == 0
    modes = {stat.S_IMODE((scratch.root / name).stat().st_mode) for name in ("made", "by-hand")}
    assert len(modes) == 1


@pytest.mark.parametrize("size", ["16k", "1m", "20m"])
def test_no_room_for_the_first_data_is_told(shop: Shop, size: str) -> None:
    whole = (shop.root / "envman.toml").read_text()
    shop.describe("")
    shop.up()
    shop.write({"envman.toml": whole})
    with disk(Path(paths.reachable_folder()) / "projects" / shop.identity / "db", size) as place:
        failed = shop.envman("up")
        is_one_message(failed)
        assert "No space left on device" in failed.err
        subprocess.run(["mount", "-o", "remount,size=300m", str(place)], check=True)
        shop.up()
        assert shop.sql("select 1") == "1"
        shop.down()


def test_a_lock_of_a_dead_database_whose_pid_is_somebody_elses_now_does_not_stop_it(shop: Shop) -> None:
    shop.up()
    note = (shop.folder / "data" / "db").resolve() / "postmaster.pid"
    for who in ("guardian", "server"):
        os.kill(shop.pid("db", who), signal.SIGKILL)
    until(lambda: not listens(shop.ports["db"]))
    time.sleep(0.5)
    # After a restart of the machine the kernel gave the pid to another process of the same user.
    with subprocess.Popen(["sleep", "300"], user=65534) as other:
        try:
            text = note.read_text().split("\n")
            note.write_text("\n".join([str(other.pid), *text[1:]]))
            shop.up()
            assert shop.sql("select 1") == "1"
            assert other.poll() is None
        finally:
            other.kill()


def test_down_of_a_database_without_guardian_does_not_wait_for_its_sessions(shop: Shop) -> None:
    shop.up()
    session = shop.start("run", "--no-up", "python", "client.py", "sql", "", "select pg_sleep(100)")
    until(lambda: shop.sql("select count(*) from pg_stat_activity where query like 'select pg_sleep%'") == "1")
    os.kill(shop.pid("db", "guardian"), signal.SIGKILL)
    began = time.monotonic()
    shop.down()
    took = time.monotonic() - began
    session.kill()
    session.communicate()
    assert took < 10
    assert "database system is shut down" in shop.log("db") or True


def test_down_of_a_process_without_guardian_ends_its_children(scratch: Shop) -> None:
    scratch.describe('[services.worker]\nrun = "sleep 300 & sleep 300 & wait"\n')
    scratch.up()
    os.kill(scratch.pid("worker", "guardian"), signal.SIGKILL)
    scratch.down()
    assert processes(scratch.home) == {}


def test_a_probe_that_hangs_ends_with_its_time(scratch: Shop) -> None:
    scratch.describe(SLEEPS + 'health = {exec = "sleep 100", timeout = 2}\n')
    call = scratch.start("up")
    try:
        _, said = call.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(call.pid, signal.SIGKILL)
        call.communicate()
        raise AssertionError("up waits for a probe beyond the service's time") from None
    assert "worker is not ready: after 2 s" in said


def test_a_lost_lease_does_not_put_two_servers_on_the_same_data(shop: Shop) -> None:
    shop.describe(CACHE)
    shop.up()
    (shop.folder / "services" / "cache.lease").unlink()
    outcome = shop.envman("up")
    print(outcome)
    servers = [said for said in processes(shop.home, patience=0).values() if "valkey-server" in said]
    for pid in processes(shop.home, patience=0):
        os.kill(pid, signal.SIGKILL)
    assert len(servers) == 1


def test_run_without_up_runs_though_a_service_has_failed(scratch: Shop) -> None:
    scratch.describe('[services.worker]\nrun = "false"\n')
    assert scratch.envman("up").code == 1
    said = scratch.envman("run", "--no-up", "echo", "looking into it")
    assert said.out == "looking into it\n", said.err


def test_two_projects_fetch_a_server_at_once_again_and_again(shop: Shop, another: Another, tmp_path: Path) -> None:
    trio = [shop, another("two"), another("three")]
    for one in trio:
        one.describe(CACHE)
        one.write({"requirements.txt": ""})
    for number in range(4):
        for one in trio:
            one.environ["ENVMAN_CACHE"] = str(tmp_path / f"fresh{number}")
            one.envman("down")
        calls = [one.start("up") for one in trio]
        said = [call.communicate(timeout=60)[1] for call in calls]
        assert [call.returncode for call in calls] == [0, 0, 0], said


def test_two_projects_that_want_one_port_at_once_both_get_one(shop: Shop, another: Another) -> None:
    trio = [shop, another("two"), another("three")]
    for one in trio:
        one.ports = dict(shop.ports)
        one.describe(CACHE)
        one.write({"requirements.txt": ""})
    for _ in range(4):
        calls = [one.start("up") for one in trio]
        said = [call.communicate(timeout=60)[1] for call in calls]
        assert [call.returncode for call in calls] == [0, 0, 0], said
        for one in trio:
            assert one.envman("destroy", "--yes", "--data").code == 0


def test_an_up_that_was_killed_while_a_tool_was_at_work_is_completed(shop: Shop) -> None:
    """`cp -a` of the template goes on alone after kill -9 of envman, and the next up removes under its hands."""
    from tests.services.test_faults import TestKilledEnvman

    TestKilledEnvman().test_killed_at_every_moment_the_next_up_completes(shop, "started", 1)
