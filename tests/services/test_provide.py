"""What a spec has made inside its servers: databases, extensions, and statements that new data begins with."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from envman.services import holding
from envman_venv.services import data
from envman_venv.services.places import Places
from tests.services.support import DATABASE, Shop, is_one_message, until

pytestmark = pytest.mark.engine

MARIADB = """
[services.db]
use = "mariadb"
port = {db}
"""
VARIABLE = '\n[env]\nDATABASE_URL = "{services.db.url}"\n'
# The same questions, whichever server it is.
CLIENT = """\
import os, sys
from urllib.parse import urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
if url.scheme == "mysql":
    import pymysql

    line = pymysql.connect(
        host=url.hostname, port=url.port, user=url.username, password=url.password, database=url.path[1:],
        autocommit=True,
    ).cursor()
    line.execute(sys.argv[3])
    print((line.fetchone() or [""])[0])
else:
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as line:
        found = line.execute(sys.argv[3])
        print(found.fetchone()[0] if found.description else "")
"""
BROKEN = "create table first (n int);\ninsert into first values (1);\ncreate table second (n nosuchtype);\n"
MENDED = BROKEN.replace("nosuchtype", "int")


@pytest.fixture
def db(scratch: Shop) -> Shop:
    """A project with one database, not up yet."""
    scratch.write({"requirements.txt": "psycopg[binary]>=3.2\npymysql\n", "client.py": CLIENT})
    return scratch


def _fails(shop: Shop) -> str:
    outcome = shop.envman("up")
    is_one_message(outcome)
    assert outcome.code == 1
    return outcome.err


def _count(shop: Shop, table: str) -> str:
    return shop.sql(f"select count(*) from {table}")


class TestInit:
    """Files of statements, for new data and for nothing else."""

    def test_they_are_read_once_and_in_order(self, db: Shop) -> None:
        db.describe(DATABASE + 'init = ["one.sql", "two.sql"]' + VARIABLE)
        db.write({"one.sql": "create table t (n int);\n", "two.sql": "insert into t values (1), (2);\n"})
        db.up()
        assert _count(db, "t") == "2"
        db.down()
        db.up()
        assert _count(db, "t") == "2"
        db.write({"two.sql": "drop table t;\n"})
        db.describe(DATABASE + 'init = ["two.sql", "one.sql"]\ndatabases = ["more"]' + VARIABLE)
        db.up()
        assert _count(db, "t") == "2"
        assert db.sql("select datname from pg_database where datname = 'more'") == "more"

    def test_data_that_was_ready_before_is_not_new(self, db: Shop) -> None:
        db.describe(DATABASE + VARIABLE)
        db.up()
        db.sql("create table mine (n int)")
        db.write({"all.sql": "drop table mine;\n"})
        db.describe(DATABASE + 'init = ["all.sql"]' + VARIABLE)
        db.up()
        assert _count(db, "mine") == "0"

    def test_a_file_that_is_not_there_is_told_with_its_place_and_changes_nothing(self, db: Shop) -> None:
        db.describe(DATABASE + 'init = ["one.sql", "nosuch.sql"]' + VARIABLE)
        db.write({"one.sql": "create table t (n int);\n"})
        said = _fails(db)
        assert "services.db.init[1]: nosuch.sql is not there" in said
        failed = db.envman("up", "--json").json
        assert [problem["key"] for problem in failed["problems"]] == ["services.db.init[1]"]
        db.write({"nosuch.sql": "insert into t values (1);\n"})
        db.up()
        assert _count(db, "t") == "1"

    def test_a_file_that_is_no_text_is_told(self, db: Shop) -> None:
        db.describe(DATABASE + 'init = ["dump.sql"]' + VARIABLE)
        (db.root / "dump.sql").write_bytes(b"\xff\xfe\x00")
        assert "dump.sql cannot be read" in _fails(db)

    @pytest.mark.parametrize("server", [DATABASE, MARIADB], ids=["postgres", "mariadb"])
    def test_one_that_fails_half_way_is_read_again_on_clean_data(self, db: Shop, server: str) -> None:
        db.describe(server + 'init = ["all.sql"]' + VARIABLE)
        db.write({"all.sql": BROKEN})
        said = _fails(db)
        assert "db: all.sql:" in said
        assert "nosuchtype" in said
        assert "afresh" in said
        assert "nosuchtype" in _fails(db)  # and not that something is there already
        db.write({"all.sql": MENDED})
        db.up()
        assert (_count(db, "first"), _count(db, "second")) == ("1", "0")
        db.sql("insert into second values (1)")
        db.down()
        db.up()
        assert (_count(db, "first"), _count(db, "second")) == ("1", "1")

    def test_an_up_that_was_killed_while_they_were_read_begins_afresh(self, db: Shop) -> None:
        db.describe(DATABASE + 'init = ["all.sql"]' + VARIABLE)
        db.write({"all.sql": "create table t (n int);\n\\! touch begun\nselect pg_sleep(100);\n"})
        call = db.start("up")
        until((db.root / "begun").exists)
        os.killpg(call.pid, signal.SIGKILL)
        call.communicate()
        db.write({"all.sql": "create table t (n int);\n"})
        db.up()
        assert _count(db, "t") == "0"

    @pytest.mark.parametrize("server", [DATABASE, MARIADB], ids=["postgres", "mariadb"])
    def test_what_was_ready_once_survives_statements_that_fail_later(self, db: Shop, server: str) -> None:
        db.describe(server + VARIABLE)
        db.up()
        db.sql("create table mine (n int)")
        db.down()
        db.write({"all.sql": BROKEN})
        db.describe(server + 'init = ["all.sql"]\ndatabases = ["more"]' + VARIABLE)
        db.up()
        assert _count(db, "mine") == "0"

    def test_it_is_not_read_for_data_that_was_restored(self, db: Shop) -> None:
        db.describe(DATABASE + 'init = ["all.sql"]' + VARIABLE)
        db.write({"all.sql": "create table t (n int);\n"})
        db.up()
        db.sql("insert into t values (7)")
        assert db.envman("snapshot", "save", "before").code == 0
        db.sql("delete from t")
        restored = db.envman("snapshot", "restore", "before", "--yes")
        assert restored.code == 0, restored.err
        db.up()
        assert _count(db, "t") == "1"

    @pytest.mark.parametrize("before", ["", "restored"])
    def test_data_made_from_other_data_is_not_new(self, tmp_path: Path, before: str) -> None:
        old, new = (
            Places(lease=tmp_path, log=tmp_path, data=tmp_path / name, run=tmp_path, user=None)
            for name in ("old", "new")
        )
        for one in (old, new):
            one.data.mkdir()
        data.note_filled(new, holding.NEW)
        if before:
            data.note_filled(old, before)
        data.carry(old, new)
        assert data.filled_with(new.data) == (before or "carried")


class TestMore:
    """Databases and extensions: made when they are missing, whenever that is."""

    @pytest.mark.parametrize("server", [DATABASE, MARIADB], ids=["postgres", "mariadb"])
    def test_databases_are_made_beside_its_own_also_later(self, db: Shop, server: str) -> None:
        names = "pg_database where datname" if server is DATABASE else "information_schema.schemata where schema_name"
        asked = f"select count(*) from {names} in ('shop_test', 'shop-2', 'app')"
        db.describe(server + 'databases = ["shop_test"]' + VARIABLE)
        db.up()
        assert db.sql(asked) == "2"
        db.describe(server + 'databases = ["shop_test", "shop-2"]' + VARIABLE)
        db.up()
        assert db.sql(asked) == "3"

    def test_an_extension_that_the_server_has_is_there(self, db: Shop) -> None:
        db.describe(DATABASE + 'extensions = ["pg_trgm"]' + VARIABLE)
        db.up()
        assert db.sql("select similarity('word', 'word')") == "1.0"

    def test_one_that_it_lacks_is_told_with_what_brings_it(self, db: Shop) -> None:
        db.describe(DATABASE.replace("use", 'source = "wheel"\nuse') + 'extensions = ["nosuch"]' + VARIABLE)
        said = _fails(db)
        assert "extension nosuch" in said
        assert "is not available" in said
        assert "apt-get install postgresql-18" in said
        assert 'source = "binary"' in said
        failed = db.envman("up", "--json").json
        assert [problem["key"] for problem in failed["problems"]] == ["services.db.extensions"]
        db.describe(DATABASE + 'extensions = ["pg_trgm"]' + VARIABLE)
        db.up()
        assert db.sql("select similarity('word', 'word')") == "1.0"


class TestOnce:
    """A job: done before what needs it begins, at every start."""

    JOB = """
[services.job]
run = 'echo job >> notes; test ! -e broken || { echo no such queue; exit 3; }'
once = true

[services.worker]
run = "echo worker >> notes; exec sleep 300"
needs = ["job"]
"""

    def _notes(self, shop: Shop) -> list[str]:
        return (shop.root / "notes").read_text(encoding="utf-8").split()

    def test_it_ends_before_what_needs_it_begins_and_runs_at_every_start(self, scratch: Shop) -> None:
        scratch.describe(self.JOB)
        scratch.up()
        assert self._notes(scratch) == ["job", "worker"]
        assert scratch.up()["steps"] == []
        assert scratch.status()["state"] == "running"
        scratch.down()
        scratch.up()
        assert self._notes(scratch) == ["job", "worker"] * 2

    def test_one_that_fails_fails_the_start_and_what_needs_it_does_not_begin(self, scratch: Shop) -> None:
        scratch.describe(self.JOB)
        scratch.write({"broken": ""})
        said = _fails(scratch)
        assert "job is not ready: it ended with 3" in said
        assert "no such queue" in said
        assert self._notes(scratch) == ["job"]
        (scratch.root / "broken").unlink()
        scratch.up()
        assert self._notes(scratch) == ["job", "job", "worker"]
