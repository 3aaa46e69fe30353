"""What servers in containers hold: what the spec wants in them, snapshots, and data that goes from level to level."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from envman.services import snapshots
from tests.docker.stacks import Stack
from tests.services.support import CACHE, CLIENT, VARIABLES, is_one_message
from tests.support.scratch import Outcome

pytestmark = pytest.mark.engine

POSTGRES = """
[services.db]
use = "postgres"
version = "17"
port = {db}
"""
WANTS = 'databases = ["shop_test"]\nextensions = ["pg_trgm"]\ninit = ["schema.sql"]\n'
VARIABLE = '\n[env]\nDATABASE_URL = "{services.db.url}"\n'
BROKEN = "create table visits (id serial, who nosuchtype);\n"
SCHEMA = "create table first (n int);\ncreate table visits (id serial primary key, who text);\n"
ROWS = "insert into visits (who) select 'v' || n from generate_series(1, 100) n;\n"
MARIADB = """
[services.db]
use = "mariadb"
version = "10.11"
port = {db}
"""
MARIADB_CLIENT = """\
import os, sys
from urllib.parse import urlsplit
import pymysql

url = urlsplit(os.environ["DATABASE_URL"])
line = pymysql.connect(host=url.hostname, port=url.port, user=url.username, password=url.password,
                       database=url.path[1:], autocommit=True).cursor()
line.execute(" ".join(sys.argv[3:]))
print((line.fetchone() or [""])[0])
"""
NAMES = "select string_agg(datname, ' ' order by datname) from pg_database where datname !~ 'template|postgres'"


class Levels:
    """One project on two levels, one of them at a time."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.level = ""

    def call(self, *words: str) -> Outcome:
        return self.stack.envman(*words[:1], "--backend", self.level, *words[1:])

    def done(self, *words: str) -> str:
        outcome = self.call(*words)
        assert outcome.code == 0, outcome.err
        return outcome.out.strip()

    def go(self, level: str) -> None:
        if self.level:
            self.done("down")
        self.level = level
        self.done("up")

    def ask(self, kind: str, *words: str) -> str:
        return self.done("run", "--no-up", "python", "client.py", kind, "", *words)


@pytest.fixture
def db(stack: Stack) -> Stack:
    """A project with clients, whose spec is still to be written."""
    stack.write(
        {"requirements.txt": "psycopg[binary]>=3.2\nredis>=5\n", "client.py": CLIENT, "schema.sql": SCHEMA + ROWS}
    )
    return stack


def _volume(stack: Stack, name: str) -> str:
    mine = ["--filter", f"label=dev.envman.project={stack.identity}", "--filter", f"label=dev.envman.service={name}"]
    (found,) = stack.docker("volume", "ls", "--quiet", *mine).split()
    return found


def test_what_the_spec_wants_is_made_and_a_beginning_that_failed_begins_afresh(db: Stack) -> None:
    db.write({"schema.sql": SCHEMA + ROWS + BROKEN})
    db.describe(POSTGRES + WANTS + VARIABLE)
    told = db.failing_up().err
    assert "db: schema.sql: psql says" in told
    assert "the data begins afresh" in told
    assert db.status()["services"]["db"]["state"] != "running"
    db.write({"schema.sql": SCHEMA + ROWS})
    db.up()
    assert db.sql("select count(*) from visits") == "100"
    assert db.sql("select count(*) from pg_extension where extname = 'pg_trgm'") == "1"
    assert db.sql(NAMES) == "app shop_test"
    assert db.steps() == []
    # What is asked for later is made in the server that runs; the files are of new data alone.
    db.describe(POSTGRES + WANTS.replace('"shop_test"', '"shop_test", "more"') + VARIABLE)
    box = db.ids("db")
    assert db.steps() == ["db"]
    assert db.ids("db") == box
    assert db.sql(NAMES) == "app more shop_test"
    assert db.sql("select count(*) from visits") == "100"
    # A volume that was removed behind our back is new data.
    db.sql("delete from visits")
    volume = _volume(db, "db")
    db.docker("rm", "--force", *box)
    db.docker("volume", "rm", volume)
    db.up()
    assert db.sql("select count(*) from visits") == "100"


def test_passwords_of_the_tools_stand_in_no_command_line_and_no_setting(db: Stack) -> None:
    db.describe(POSTGRES + WANTS + VARIABLE)
    db.up()
    saved = db.envman("snapshot", "save", "one")
    assert saved.code == 0, saved.err
    word = db.secrets["db"]
    assert word not in json.dumps(db.inspect("db"))
    assert word not in (db.folder / "logs" / "snapshot.log").read_text(encoding="utf-8")


def test_data_goes_from_level_to_level_and_back(db: Stack) -> None:
    db.describe(POSTGRES + WANTS + CACHE + VARIABLES)
    both = Levels(db)
    both.go("docker")
    both.ask("sql", "insert into visits (who) values ('docker')")
    both.ask("redis", "SET", "where", "docker")
    both.done("snapshot", "save", "docker")
    both.go("venv")
    both.done("snapshot", "restore", "docker", "--yes")
    assert both.ask("sql", "select count(*) from visits") == "101"
    assert both.ask("sql", "insert into visits (who) values ('venv') returning id") == "102"
    assert both.ask("sql", NAMES) == "app shop_test"
    assert both.ask("redis", "GET", "where") == "docker"
    both.ask("redis", "SET", "where", "venv")
    both.done("snapshot", "save", "venv")
    both.go("docker")
    assert both.ask("sql", "select count(*) from visits") == "101"
    both.done("snapshot", "restore", "venv", "--yes")
    assert both.ask("sql", "select max(id) from visits") == "102"
    assert both.ask("sql", "insert into visits (who) values ('again') returning id") == "103"
    assert both.ask("redis", "GET", "where") == "venv"
    assert both.done("up") == ""
    both.done("down")


def test_files_of_mariadb_go_from_level_to_level(stack: Stack) -> None:
    if shutil.which("mariadbd", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("this machine has no MariaDB")
    stack.write({"requirements.txt": "pymysql\n", "client.py": MARIADB_CLIENT})
    stack.describe(MARIADB + 'databases = ["shop_test"]\n' + VARIABLE)
    both = Levels(stack)
    both.go("venv")
    both.ask("sql", "create table visits (n int)")
    both.ask("sql", "insert into visits values (1), (2), (3)")
    both.done("snapshot", "save", "venv")
    both.go("docker")
    both.done("snapshot", "restore", "venv", "--yes")
    assert both.ask("sql", "select count(*) from visits") == "3"
    both.ask("sql", "insert into visits values (4)")
    both.done("snapshot", "save", "docker")
    both.go("venv")
    both.done("snapshot", "restore", "docker", "--yes")
    assert both.ask("sql", "select count(*) from visits") == "4"
    both.done("down")


def test_files_that_the_server_refuses_go_and_the_old_ones_come_back(db: Stack) -> None:
    db.describe(CACHE + '\n[env]\nREDIS_URL = "{services.cache.url}"\n')
    db.up()
    db.redis("SET", "a", "1")
    saved = db.envman("snapshot", "save", "one")
    assert saved.code == 0, saved.err
    _damage(db.folder / "data" / ".snapshots" / "one")
    restored = db.envman("snapshot", "restore", "one", "--yes")
    is_one_message(restored)
    assert db.redis("GET", "a") == "1"
    assert _volume(db, "cache")


def _damage(folder: Path) -> None:
    """Files that a server cannot read, with the digest that belongs to them."""
    for file in (folder / "cache").rglob("*.manifest"):
        file.write_text("nonsense\n", encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["services"]["cache"]["sha256"] = snapshots.digest_of(folder / "cache")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_another_major_version_is_refused_and_a_dump_carries_the_data(db: Stack) -> None:
    db.describe(POSTGRES + WANTS + VARIABLE)
    db.up()
    saved = db.envman("snapshot", "save", "before")
    assert saved.code == 0, saved.err
    box = db.ids("db")
    db.describe(POSTGRES.replace('"17"', '"18"') + WANTS + VARIABLE)
    refused = db.failing_up()
    assert "the data of db was written by PostgreSQL 17, and this is 18" in refused.err
    assert "snapshot upgrade" not in refused.err
    assert "envman snapshot restore before" in refused.err
    assert db.ids("db") == box
    upgrade = db.envman("snapshot", "upgrade", "db")
    is_one_message(upgrade)
    assert "envman snapshot restore before" in upgrade.err
    restored = db.envman("snapshot", "restore", "before", "--yes")
    assert restored.code == 0, restored.err
    db.up()
    assert db.sql("select count(*) from visits") == "100"
    assert db.sql("select current_setting('server_version_num')::int / 10000") == "18"
    assert _volume(db, "db")
