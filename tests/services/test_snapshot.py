"""`envman snapshot`: the data of real servers, kept and brought back, whole or not at all."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest

from envman.services import snapshots
from tests.services.support import CACHE, DATABASE, VARIABLES, Shop, free_port, is_one_message
from tests.support.scratch import Outcome

pytestmark = pytest.mark.engine
SETUP = '\n[hooks]\nsetup = ["echo done >> setup.log"]\n'

MARIADB = """
[services.it]
use = "mariadb"
port = {it}
[env]
MYSQL_PWD = "{services.it.password}"
WHERE = "{services.it.port}"
"""
ASK = "mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port=$WHERE --user=app -N app -e"


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """A project with a row, a key, and a snapshot of both."""
    shop.describe(DATABASE + 'databases = ["shop_test"]\n' + CACHE + VARIABLES + SETUP)
    shop.up()
    shop.sql("create table visits (number int)")
    shop.sql("insert into visits values (1)")
    shop.redis("SET", "visits", "1")
    saved = shop.envman("snapshot", "save", "before")
    assert saved.code == 0, saved.err
    return shop


def _snapshot(shop: Shop, name: str = "before") -> Path:
    return shop.folder / "data" / ".snapshots" / name


def _vouch(shop: Shop, service: str) -> None:
    """Write down what is there now as what was saved."""
    manifest = _snapshot(shop) / "manifest.json"
    written = json.loads(manifest.read_text(encoding="utf-8"))
    written["services"][service]["sha256"] = snapshots.digest_of(_snapshot(shop) / service)
    manifest.write_text(json.dumps(written), encoding="utf-8")


def _restore(shop: Shop, *words: str) -> Outcome:
    return shop.envman("snapshot", "restore", "before", "--yes", *words)


def _setups(shop: Shop) -> int:
    return len((shop.root / "setup.log").read_text(encoding="utf-8").splitlines())


def _rows(shop: Shop) -> str:
    return shop.sql("select count(*) from visits")


def test_what_was_saved_comes_back_and_what_came_later_goes(filled: Shop) -> None:
    filled.sql("insert into visits values (2)")
    filled.sql("create table later (visit int)")
    filled.sql("alter table visits add primary key (number)")
    filled.redis("SET", "visits", "2")
    filled.redis("SET", "later", "1")
    restored = _restore(filled)
    assert restored.code == 0, restored.err
    assert _rows(filled) == "1"
    assert filled.sql("select count(*) from pg_tables where tablename = 'later'") == "0"
    assert filled.redis("GET", "visits") == "1"
    assert filled.redis("GET", "later") == "None"
    assert filled.sql("select string_agg(datname, ' ' order by datname) from pg_database") == (
        "app postgres shop_test template0 template1"
    )


def test_a_program_that_is_connected_does_not_stand_in_the_way(filled: Shop) -> None:
    script = "import os, psycopg, time; line = psycopg.connect(os.environ['DATABASE_URL']); "
    script += "print(1, flush=True); time.sleep(60)"
    with filled.start("run", "--no-up", "python", "-c", script) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        restored = _restore(filled, "--service", "db")
        holder.kill()
    assert restored.code == 0, restored.err
    assert _rows(filled) == "1"


def test_the_setup_runs_again_for_other_data(filled: Shop) -> None:
    assert filled.up()["steps"] == []
    assert _setups(filled) == 1
    assert "envman up runs the setup again" in _restore(filled, "--service", "db").err
    assert filled.status()["state"] == "partial"
    filled.up()
    assert (_setups(filled), filled.up()["steps"]) == (2, [])


def test_the_list_has_age_size_and_services(filled: Shop) -> None:
    assert filled.envman("snapshot", "save", "second", "--service", "cache").code == 0
    head, *rows = filled.envman("snapshot", "list").out.splitlines()
    assert head.split() == ["NAME", "AGE", "SIZE", "SERVICES"]
    assert sorted(row.split()[0] for row in rows) == ["before", "second"]
    found = {one["name"]: one for one in filled.envman("snapshot", "list", "--json").result["snapshots"]}
    assert list(found["second"]["services"]) == ["cache"]
    db = found["before"]["services"]["db"]
    assert (db["recipe"], db["version"].split(".")[0], len(db["sha256"])) == ("postgres", "18", 64)
    assert filled.envman("snapshot", "delete", "second", "--yes").code == 0
    assert not _snapshot(filled, "second").exists()
    assert [one["name"] for one in filled.envman("snapshot", "list", "--json").result["snapshots"]] == ["before"]


def test_whatever_removes_data_asks_and_without_a_terminal_refuses(filled: Shop) -> None:
    for words in (("save", "before"), ("restore", "before"), ("delete", "before")):
        refused = filled.envman("snapshot", *words)
        assert (refused.code, "--yes" in refused.err) == (2, True)
    assert filled.envman("snapshot", "save", "before", "--yes").code == 0


def test_what_is_damaged_is_not_restored(filled: Shop) -> None:
    file = _snapshot(filled) / "db" / "app.dump"
    file.write_bytes(file.read_bytes() + b"\0")
    filled.sql("insert into visits values (2)")
    filled.redis("SET", "visits", "2")
    said = _restore(filled)
    assert said.code == 1
    is_one_message(said)
    assert "damaged" in said.err
    assert (_rows(filled), filled.redis("GET", "visits")) == ("2", "2")


def test_a_dump_that_cannot_be_read_changes_nothing(filled: Shop) -> None:
    (_snapshot(filled) / "db" / "app.dump").write_bytes(b"PGDMP nonsense")
    _vouch(filled, "db")
    said = _restore(filled, "--service", "db")
    assert (said.code, "Traceback" in said.err) == (1, False)
    assert "db: pg_restore ended with 1" in said.err
    assert _rows(filled) == "1"
    assert filled.sql("select count(*) from pg_database where datname like '%.%'") == "0"


def test_files_of_another_major_version_are_refused(filled: Shop) -> None:
    note = _snapshot(filled) / "cache" / "data" / ".envman-version"
    note.write_text("6\n", encoding="utf-8")
    _vouch(filled, "cache")
    pid = filled.pid("cache")
    said = _restore(filled, "--service", "cache")
    is_one_message(said)
    assert "written by" in said.err
    assert 'version = "6"' in said.err
    assert filled.pid("cache") == pid
    assert filled.redis("GET", "visits") == "1"


def test_files_that_the_server_refuses_leave_the_old_ones_in_place(filled: Shop) -> None:
    for file in (_snapshot(filled) / "cache" / "data").rglob("*.aof"):
        file.write_bytes(b"nonsense")
    _vouch(filled, "cache")
    filled.redis("SET", "visits", "2")
    is_one_message(_restore(filled, "--service", "cache"))
    assert filled.redis("GET", "visits") == "2"
    assert filled.up()["services"]["cache"]["state"] == "running"


def test_a_kill_between_the_two_renames_loses_nothing(filled: Shop) -> None:
    filled.down()
    data = (filled.folder / "data" / "cache").resolve()
    data.rename(data.with_name(f"{data.name}.replaced"))
    filled.up()
    assert filled.redis("GET", "visits") == "1"
    assert not data.with_name(f"{data.name}.replaced").exists()


def test_destroy_keeps_snapshots_and_they_come_back(filled: Shop) -> None:
    assert filled.envman("destroy", "--yes").code == 0
    filled.up()
    filled.sql("drop table visits")
    assert _restore(filled).code == 0
    assert (_rows(filled), filled.redis("GET", "visits")) == ("1", "1")
    assert filled.envman("destroy", "--yes", "--data").code == 0
    assert not list((filled.data / "projects").iterdir())


def test_a_snapshot_is_the_users_alone_and_holds_no_password(filled: Shop) -> None:
    folder = _snapshot(filled)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    password = filled.variable("DATABASE_URL").split("@")[0].rpartition(":")[2]
    assert len(password) > 20
    texts = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    texts += [file.read_bytes() for file in (filled.folder / "logs").glob("*.log")]
    assert not [text for text in texts if password.encode() in text]


def test_names_and_services_that_are_not_there_are_answered_with_the_nearest(filled: Shop) -> None:
    for words, told in (
        (("restore", "befor", "--yes"), '"before"'),
        (("delete", "befor", "--yes"), '"before"'),
        (("save", "x", "--service", "cash"), '"cache"'),
        (("restore", "before", "--yes", "--service", "web"), "known here: cache, db"),
        (("save", "../x"), "letters"),
        (("save",), "needs a name"),
        (("svae", "x"), "save"),
    ):
        said = filled.envman("snapshot", *words)
        assert (said.code, told in said.err) == (2, True), said.err
    filled.down()
    stopped = filled.envman("snapshot", "save", "x")
    assert (stopped.code, "hint: envman up" in stopped.err) == (1, True)
    assert not _snapshot(filled, "x").exists()
    assert filled.envman("snapshot", "save", "x", "--service", "cache").code == 0


def test_a_place_that_cannot_be_written_is_said_and_the_server_still_runs(filled: Shop) -> None:
    target = _snapshot(filled).parent
    shutil.rmtree(target)
    target.write_text("in the way", encoding="utf-8")
    is_one_message(filled.envman("snapshot", "save", "y"))
    assert filled.redis("GET", "visits") == "1"
    target.unlink()
    assert filled.envman("snapshot", "save", "y").code == 0


def test_a_server_whose_tools_cannot_restore_at_one_stroke_is_copied(scratch: Shop) -> None:
    scratch.describe(MARIADB, it=free_port())
    scratch.up()

    def ask(statement: str) -> str:
        said = scratch.envman("run", "--no-up", "sh", "-c", f'{ASK} "{statement}"')
        assert said.code == 0, said.err
        return said.out.strip()

    ask("create table visits (number int); insert into visits values (1)")
    assert scratch.envman("snapshot", "save", "before").code == 0
    ask("insert into visits values (2); create table later (visit int)")
    restored = _restore(scratch)
    assert restored.code == 0, restored.err
    assert ask("select * from visits; show tables") == "1\nvisits"
