"""A project with a database and a cache: real servers, asked by real clients."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.services.conftest import Another
from tests.services.support import CACHE, DATABASE, Shop, listens, processes

pytestmark = pytest.mark.engine


def _git(shop: Shop, *words: str) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *settings, *words], cwd=shop.root, env=shop.environ, check=True, capture_output=True)


class TestUp:
    """Servers that answer before `up` returns."""

    def test_both_servers_answer_their_clients(self, shop: Shop) -> None:
        steps = shop.up()["steps"]
        assert {"db", "cache"} <= {step["name"] for step in steps}
        assert shop.sql("select 6 * 7") == "42"
        assert shop.sql("show server_version").startswith("18")
        assert shop.redis("SET", "a", "1") == "True"
        assert shop.redis("GET", "a") == "1"

    def test_every_step_says_where_the_server_listens_and_where_it_comes_from(self, shop: Shop) -> None:
        said = shop.envman("up")
        assert said.code == 0
        lines = said.err.splitlines()
        (db,) = [line for line in lines if f"on 127.0.0.1:{shop.ports['db']}" in line]
        (cache,) = [line for line in lines if f"on 127.0.0.1:{shop.ports['cache']}" in line]
        assert "PostgreSQL 18" in db
        assert any(f"({source})" in db for source in ("wheel", "binary"))
        assert any(name in cache for name in ("Valkey", "Redis"))

    def test_the_status_has_both_addresses_and_the_source(self, shop: Shop) -> None:
        assert shop.status()["services"]["db"]["state"] == "absent"
        shop.up()
        found = shop.status()
        assert found["state"] == "running"
        for name, scheme in (("db", "postgresql"), ("cache", "redis")):
            one = found["services"][name]
            assert one["state"] == "running"
            assert one["source"] in ("wheel", "binary")
            assert one["version"]
            for side in ("inside", "host"):
                assert one[side]["host"] == "127.0.0.1"
                assert one[side]["port"] == shop.ports[name]
                assert one[side]["url"].startswith(f"{scheme}://")

    def test_a_plan_starts_nothing(self, shop: Shop) -> None:
        planned = shop.envman("plan", "--json")
        assert {"db", "cache"} <= {step["name"] for step in planned.result["steps"]}
        assert not listens(shop.ports["db"])
        assert processes(shop.home, patience=0.5) == {}

    def test_a_second_up_does_nothing_and_asks_nobody(self, shop: Shop) -> None:
        shop.up()
        before = {name: shop.lease(name) for name in ("db", "cache")}
        again = shop.envman("up", UV_DEFAULT_INDEX="http://127.0.0.1:9/", PIP_INDEX_URL="http://127.0.0.1:9/")
        assert again.code == 0
        assert "nothing to do" in again.err
        assert shop.up()["steps"] == []
        assert {name: shop.lease(name) for name in before} == before

    def test_a_second_up_is_on_the_hot_path(self, shop: Shop) -> None:
        shop.up()
        loaded = shop.envman("up", PYTHONPROFILEIMPORTTIME="1").err
        assert "nothing to do" in loaded
        for heavy in ("click", "rich", "tomllib", "envman.services.catalogue", "json"):
            assert not [line for line in loaded.splitlines() if line.rpartition("|")[2].strip() == heavy], heavy

    def test_run_brings_the_servers_up_first_and_says_so_on_stderr_alone(self, shop: Shop) -> None:
        said = shop.envman("run", "python", "client.py", "sql", "", "select 1")
        assert said.code == 0, said.err
        assert said.out == "1\n"
        assert f"127.0.0.1:{shop.ports['db']}" in said.err

    def test_run_brings_back_what_was_stopped(self, shop: Shop) -> None:
        shop.up()
        shop.down()
        assert shop.envman("run", "python", "client.py", "redis", "", "PING").out == "True\n"

    def test_a_service_that_leaves_the_spec_is_stopped_and_the_other_goes_on(self, shop: Shop) -> None:
        shop.up()
        server = shop.pid("db")
        shop.describe(DATABASE)
        shop.up()
        assert not listens(shop.ports["cache"])
        assert shop.pid("db") == server
        assert set(shop.status()["services"]) == {"db"}

    def test_a_service_that_joins_the_spec_starts_and_the_other_goes_on(self, shop: Shop) -> None:
        whole = (shop.root / "envman.toml").read_text()
        shop.describe(DATABASE)
        shop.up()
        server = shop.pid("db")
        shop.write({"envman.toml": whole})
        shop.up()
        assert shop.pid("db") == server
        assert shop.redis("PING") == "True"

    def test_restart_begins_new_processes_on_the_same_data(self, shop: Shop) -> None:
        shop.up()
        shop.sql("create table kept (n int)")
        server = shop.pid("db")
        outcome = shop.envman("restart")
        assert outcome.code == 0, outcome.err
        assert shop.pid("db") != server
        assert shop.sql("select count(*) from kept") == "0"


class TestPasswords:
    """Made once, required, and seen by nobody else."""

    def test_a_wrong_or_absent_password_is_refused(self, shop: Shop) -> None:
        shop.up()
        right = {name: shop.variable(name) for name in ("DATABASE_URL", "REDIS_URL")}
        secrets = shop.secrets
        for wrong in (f":{'0' * 32}@", "@"):
            refused = shop.ask("sql", "select 1", url=right["DATABASE_URL"].replace(f":{secrets['db']}@", wrong))
            assert refused.code == 1
            assert "password" in refused.err
            refused = shop.ask("redis", "GET", "a", url=right["REDIS_URL"].replace(f":{secrets['cache']}@", wrong))
            assert refused.code == 1
            assert "Authentication" in refused.err
        assert shop.sql("select 1", url=right["DATABASE_URL"]) == "1"

    def test_no_other_database_or_role_lets_anybody_in_without_one(self, shop: Shop) -> None:
        shop.up()
        for user in ("app", "postgres", "nobody", "root"):
            for database in ("app", "postgres", "template1"):
                url = f"postgresql://{user}@127.0.0.1:{shop.ports['db']}/{database}"
                refused = shop.ask("sql", "select 1", url=url)
                assert refused.code == 1
                assert "password" in refused.err

    def test_it_stays_the_same_over_down_and_up_and_differs_for_each_service(self, shop: Shop) -> None:
        shop.up()
        before = shop.variable("DATABASE_URL"), shop.variable("REDIS_URL")
        secrets = shop.secrets
        assert len(set(secrets.values())) == 2
        shop.down()
        shop.up()
        assert (shop.variable("DATABASE_URL"), shop.variable("REDIS_URL")) == before

    def test_it_is_in_no_command_line(self, shop: Shop) -> None:
        shop.up()
        secrets = shop.secrets.values()
        seen = 0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            seen += shop.identity in words
            assert not [secret for secret in secrets if secret in words], words
        assert seen > 0

    def test_it_is_in_no_command_line_of_the_start_either(self, shop: Shop) -> None:
        shop.up()
        shop.envman("destroy", "--yes", "--data")
        call = shop.start("up")
        lines: set[str] = set()
        while call.poll() is None:
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    lines.add((entry / "cmdline").read_text(encoding="utf-8", errors="replace"))
                except OSError:
                    continue
        call.communicate()
        assert call.returncode == 0
        secrets = shop.secrets.values()
        assert not [line for line in lines if any(secret in line for secret in secrets)]

    def test_it_is_in_no_log_no_lease_no_answer_and_no_file_that_others_may_read(self, shop: Shop) -> None:
        said = shop.envman("up", "--verbose")
        shop.sql("select 1")
        shop.ask("sql", "select 1", url=f"postgresql://app:wrong@127.0.0.1:{shop.ports['db']}/app")
        answers = [said, *(shop.envman(*words) for words in (("status",), ("status", "--json"), ("plan",), ("list",)))]
        shop.down()
        answers.append(shop.envman("up", "--json"))
        secrets = shop.secrets.values()
        for answer in answers:
            assert not [secret for secret in secrets if secret in answer.out + answer.err]
        for file in [path for path in (*shop.home.rglob("*"), *shop.root.rglob("*")) if path.is_file()]:
            content = file.read_bytes()
            for secret in secrets:
                if secret.encode() in content:
                    assert file.name in ("secrets.json", "server.conf", "ready"), file
                    assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    def test_what_belongs_to_a_service_is_its_owners_alone(self, shop: Shop) -> None:
        shop.up()
        shop.sql("create table t (n int)")
        data = (shop.folder / "data" / "db").resolve()
        # A closed folder closes all that is in it.
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert {path.lstat().st_uid for path in data.rglob("*")} == {data.stat().st_uid}
        files = [path for path in (shop.folder / "data" / "cache").rglob("*") if path.is_file()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE((shop.folder / "data" / "secrets.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((shop.folder / "services" / "cache").stat().st_mode) == 0o700

    def test_the_servers_run_without_the_variables_of_the_project(self, shop: Shop) -> None:
        shop.up(CANARY="sings")
        for name in ("db", "cache"):
            for who in ("server", "guardian"):
                seen = Path(f"/proc/{shop.pid(name, who)}/environ").read_text()
                assert "CANARY" not in seen
                assert "ENVMAN" not in seen

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
    def test_the_database_of_root_runs_as_nobody(self, shop: Shop) -> None:
        shop.up()
        assert Path(f"/proc/{shop.pid('db')}").stat().st_uid == 65534
        status = Path(f"/proc/{shop.pid('db')}/status").read_text()
        assert "Groups:\t \n" in status or "Groups:\t\n" in status


class TestData:
    """It outlives everything but `destroy --data`."""

    def _keep(self, shop: Shop) -> None:
        shop.sql("create table kept as select 7 as n")
        shop.redis("SET", "kept", "7")

    def _kept(self, shop: Shop) -> tuple[str, str]:
        return shop.sql("select n from kept"), shop.redis("GET", "kept")

    def test_it_is_there_after_down_and_up(self, shop: Shop) -> None:
        shop.up()
        self._keep(shop)
        shop.down()
        shop.up()
        assert self._kept(shop) == ("7", "7")

    def test_it_is_there_after_git_clean(self, shop: Shop) -> None:
        _git(shop, "init")
        _git(shop, "add", "envman.toml", "requirements.txt", "client.py")
        _git(shop, "commit", "-m", "all")
        shop.up()
        self._keep(shop)
        _git(shop, "clean", "-fdx")
        assert not (shop.root / ".envman").exists()
        shop.up()
        assert self._kept(shop) == ("7", "7")

    def test_it_is_there_after_git_clean_of_a_project_that_was_down(self, shop: Shop) -> None:
        _git(shop, "init")
        shop.up()
        self._keep(shop)
        shop.down()
        shutil.rmtree(shop.root / ".envman")
        shutil.rmtree(shop.root / ".venv")
        shop.up()
        assert self._kept(shop) == ("7", "7")

    def test_it_is_there_after_destroy(self, shop: Shop) -> None:
        shop.up()
        self._keep(shop)
        identity = shop.identity
        assert shop.envman("destroy", "--yes").code == 0
        assert not listens(shop.ports["db"])
        assert not (shop.root / ".venv").exists()
        shop.up()
        assert shop.identity == identity
        assert shop.redis("GET", "kept") == "7"

    def test_it_is_gone_after_destroy_with_data(self, shop: Shop) -> None:
        shop.up()
        self._keep(shop)
        assert shop.envman("destroy", "--yes", "--data").code == 0
        shop.up()
        assert shop.sql("select to_regclass('kept') is null") == "True"
        assert shop.redis("GET", "kept") == "None"

    def test_destroy_of_what_is_down_and_destroyed_takes_the_data_too(self, shop: Shop) -> None:
        shop.up()
        data = (shop.folder / "data" / "db").resolve()
        assert shop.envman("destroy", "--yes").code == 0
        assert data.exists()
        outcome = shop.envman("destroy", "--yes", "--data")
        assert outcome.code == 0, outcome.err
        assert not data.exists()

    def test_destroy_shows_the_data_that_it_takes(self, shop: Shop) -> None:
        shop.up()
        shown = shop.envman("destroy", "--yes", "--data")
        assert "data" in shown.err + shown.out

    def test_it_goes_with_a_folder_that_moves(self, shop: Shop) -> None:
        shop.up()
        self._keep(shop)
        shop.down()
        moved = shop.root.with_name("moved")
        shop.root.rename(moved)
        shop.root = moved
        shop.up()
        assert self._kept(shop) == ("7", "7")

    def test_a_folder_that_moves_while_it_runs_keeps_its_servers(self, shop: Shop) -> None:
        shop.up()
        self._keep(shop)
        moved = shop.root.with_name("moved")
        shop.root.rename(moved)
        shop.root = moved
        shop.up()
        assert self._kept(shop) == ("7", "7")
        assert len(processes(shop.home, shop.identity, patience=0)) > 0
        shop.down()
        assert processes(shop.home, shop.identity) == {}


class TestDown:
    """Stops, and proves it."""

    def test_nothing_runs_and_the_ports_are_closed(self, shop: Shop) -> None:
        shop.up()
        assert listens(shop.ports["db"])
        identity = shop.identity
        shop.down()
        assert not listens(shop.ports["db"])
        assert not listens(shop.ports["cache"])
        assert processes(shop.home, identity, patience=0) == {}
        found = shop.status()
        assert found["state"] == "stopped"
        assert {one["state"] for one in found["services"].values()} == {"stopped"}

    def test_a_second_down_has_nothing_to_do(self, shop: Shop) -> None:
        shop.up()
        shop.down()
        shop.down()

    def test_an_open_session_does_not_hold_it_up(self, shop: Shop) -> None:
        shop.up()
        session = shop.start("run", "--no-up", "python", "client.py", "sql", "", "select pg_sleep(60)")
        while shop.sql("select count(*) from pg_stat_activity where query like '%pg_sleep(60)'") == "0":
            time.sleep(0.05)
        began = time.monotonic()
        shop.down()
        assert time.monotonic() - began < 8
        assert session.wait(timeout=5) == 1
        session.communicate()

    def test_the_database_was_shut_down_in_order(self, shop: Shop) -> None:
        shop.up()
        shop.down()
        assert "database system is shut down" in shop.log("db")
        shop.up()
        assert "was not properly shut down" not in shop.log("db")


class TestSideBySide:
    """Projects that want the same never meet."""

    def test_two_projects_have_ports_passwords_and_data_of_their_own(self, shop: Shop, another: Another) -> None:
        twin = another("twin")
        shop.up()
        twin.up()
        urls = [one.variable("DATABASE_URL") for one in (shop, twin)]
        assert len({url.rpartition("@")[0] for url in urls}) == 2
        assert len({one.status()["services"]["db"]["host"]["port"] for one in (shop, twin)}) == 2
        assert shop.status()["services"]["db"]["host"]["port"] == shop.ports["db"]
        shop.sql("create table mine (n int)")
        shop.redis("SET", "mine", "1")
        assert twin.sql("select to_regclass('mine') is null") == "True"
        assert twin.redis("GET", "mine") == "None"
        twin.down()
        assert shop.sql("select count(*) from mine") == "0"

    def test_two_worktrees_do_not_meet(self, shop: Shop, another: Another) -> None:
        shop.write({".gitignore": ".envman\n.venv\n"})
        _git(shop, "init")
        _git(shop, "add", ".")
        _git(shop, "commit", "-m", "all")
        shop.up()
        shop.sql("create table mine (n int)")
        twin = another("tree")
        shutil.rmtree(twin.root)
        _git(shop, "worktree", "add", str(twin.root))
        twin.up()
        assert twin.identity != shop.identity
        assert twin.sql("select to_regclass('mine') is null") == "True"
        assert shop.sql("select count(*) from mine") == "0"

    def test_a_copied_folder_leaves_the_first_one_alone(self, shop: Shop, another: Another) -> None:
        shop.up()
        shop.sql("create table mine (n int)")
        twin = another("copy")
        shutil.rmtree(twin.root)
        shutil.copytree(shop.root, twin.root, symlinks=True)
        twin.up()
        assert twin.identity != shop.identity
        assert twin.sql("select to_regclass('mine') is null") == "True"
        assert twin.envman("destroy", "--yes", "--data").code == 0
        assert shop.sql("select count(*) from mine") == "0"

    def test_two_first_ups_at_once_both_succeed(self, shop: Shop, another: Another) -> None:
        pair = [shop, another("twin")]
        for one in pair:
            one.describe(CACHE)
        calls = [one.start("up") for one in pair]
        said = [call.communicate(timeout=60)[1] for call in calls]
        assert [call.returncode for call in calls] == [0, 0], said
        ports = {one.status()["services"]["cache"]["host"]["port"] for one in pair}
        assert len(ports) == 2
        assert all(listens(port) for port in ports)

    def test_prune_of_a_folder_that_is_gone_stops_its_servers_and_keeps_their_data(self, shop: Shop) -> None:
        shop.up()
        identity = shop.identity
        data = (shop.folder / "data" / "db").resolve()
        shutil.rmtree(shop.root)
        outcome = shop.envman("prune", "--yes", cwd=shop.home)
        left = processes(shop.home, identity)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert outcome.code == 0, outcome.err
        assert left == {}
        assert data.exists()
        assert shop.envman("prune", "--yes", "--data", cwd=shop.home).code == 0
        assert not data.exists()
        shop.write({"envman.toml": ""})

    def test_two_ups_of_one_project_at_once_start_each_server_once(self, shop: Shop) -> None:
        calls = [shop.start("up") for _ in range(3)]
        said = [call.communicate(timeout=60)[1] for call in calls]
        assert [call.returncode for call in calls] == [0, 0, 0], said
        found = processes(shop.home, shop.identity, patience=0).values()
        assert len([line for line in found if "guardian.py" in line]) == 2
        assert shop.sql("select 1") == "1"
