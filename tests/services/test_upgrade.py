"""`envman snapshot upgrade`: the data of a real server, carried to another major version, whole or not at all."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.services.support import CACHE, DATABASE, VARIABLES, Shop, free_port, is_one_message, listens, processes
from tests.support.scratch import Outcome

pytestmark = pytest.mark.engine
OLD = DATABASE.replace('"18"', '"17"') + 'databases = ["shop_test"]\n'
URL = '[env]\nDATABASE_URL = "{services.db.url}"\n'
MADE = """
create table visits (id serial primary key, name text);
insert into visits (name) select 'v' || n from generate_series(1, 1000) n;
create materialized view counted as select count(*) from visits;
create role reporter login password 'geheim';
grant select on visits to reporter;
alter role reporter set search_path to "$user", public;
alter database shop_test set work_mem to '8MB'
"""


@pytest.fixture
def old(shop: Shop) -> Shop:
    """A project whose data PostgreSQL 17 has written, and whose spec asks for 18 now; it runs."""
    shop.describe(OLD + URL)
    shop.up()
    for statement in (*MADE.split(";\n"), 'create database "by hand/1"'):
        shop.sql(statement)
    shop.sql("create table t as select 7 as n", url=_url(shop, "by hand/1"))
    shop.sql("alter table t owner to reporter", url=_url(shop, "by hand/1"))
    _ask_for(shop, "18")
    return shop


def _url(shop: Shop, database: str, login: str = "") -> str:
    url = urlsplit(shop.variable("DATABASE_URL"))
    login = login or url.netloc.rpartition("@")[0]
    return url._replace(netloc=f"{login}@127.0.0.1:{url.port}", path=f"/{quote(database, safe='')}").geturl()


def _ask_for(shop: Shop, version: str) -> None:
    file = shop.root / "envman.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    changed = [f'version = "{version}"' if line.startswith("version") else line for line in lines]
    file.write_text("\n".join(changed) + "\n", encoding="utf-8")


def _upgrade(shop: Shop, *words: str) -> Outcome:
    return shop.envman("snapshot", "upgrade", "db", *words)


def _data(shop: Shop, name: str = "db") -> Path:
    return (shop.folder / "data" / name).resolve()


def _left(shop: Shop) -> list[str]:
    """What stands beside the data."""
    return sorted(one.name for one in _data(shop).parent.iterdir() if one.name.startswith(_data(shop).name))


def _kept(shop: Shop) -> list[str]:
    return [one["name"] for one in shop.envman("snapshot", "list", "--json").result["kept"]]


def _holds_all(shop: Shop, version: str) -> None:
    assert shop.sql("show server_version").startswith(version)
    assert shop.sql("select count(*) from visits") == "1000"
    assert shop.sql("select n from t", url=_url(shop, "by hand/1", "reporter:geheim")) == "7"
    assert shop.sql("show work_mem", url=_url(shop, "shop_test")) == "8MB"


def test_up_refuses_before_it_touches_anything_and_names_the_command(old: Shop) -> None:
    pid = old.pid("db")
    old.write({"requirements.txt": "psycopg[binary]>=3.2\nredis>=5\nidna\n"})
    refused = old.failing_up()
    assert "the data of db was written by PostgreSQL 17, and this is 18" in refused.err
    assert "envman snapshot upgrade db" in refused.err
    assert 'version = "17"' in refused.err
    assert "✓" not in refused.err
    assert (old.pid("db"), "idna" in old.installed()) == (pid, False)
    assert "envman snapshot upgrade db" in old.envman("plan").err
    assert old.sql("select count(*) from visits") == "1000"


def test_all_that_was_there_is_there_in_the_newer_server_and_the_old_is_kept(old: Shop) -> None:
    said = _upgrade(old)
    assert said.code == 0, said.err
    for told in ("17.10.0 → 18", "4 databases dumped", "3 tables, 1002 rows", "reporter", "snapshot delete db.17"):
        assert told in said.err, said.err
    assert old.up()["services"]["db"]["version"].startswith("18")
    _holds_all(old, "18")
    assert old.sql("insert into visits (name) values ('next') returning id") == "1001"
    assert old.sql("select count from counted") == "1000"
    assert _left(old) == [_data(old).name, f"{_data(old).name}.17"]
    assert _kept(old) == ["db.17"]
    again = _upgrade(old)
    assert (again.code, "nothing to do" in again.err) == (0, True)
    assert old.envman("snapshot", "delete", "db.17").code == 2
    assert old.envman("snapshot", "delete", "db.17", "--yes").code == 0
    assert (_kept(old), _left(old)) == ([], [_data(old).name])


def test_the_same_command_goes_back(old: Shop) -> None:
    result = _upgrade(old, "--json").result
    assert result == {"service": "db", "from": "17", "to": "18", "kept": "db.17"}
    _ask_for(old, "17")
    assert _upgrade(old, "--json").result["kept"] == "db.18"
    old.up()
    _holds_all(old, "17")
    _ask_for(old, "18")
    assert _upgrade(old, "--json").result["kept"] == "db.17-2"
    assert _kept(old) == ["db.17-2", "db.18", "db.17"]


def test_what_the_other_server_cannot_read_changes_nothing(old: Shop) -> None:
    assert _upgrade(old).code == 0
    old.up()
    old.sql("create table doubled (n int, m int generated always as (n * 2) virtual)")  # new in 18
    _ask_for(old, "17")
    said = _upgrade(old)
    is_one_message(said)
    assert "nothing was changed" in said.err
    assert [name for name in _left(old) if not name.endswith(".17")] == [_data(old).name]
    _ask_for(old, "18")
    old.up()
    _holds_all(old, "18")


def test_a_server_that_is_not_here_is_named_with_its_package(old: Shop) -> None:
    pid = old.pid("db")
    note = _data(old) / ".envman-version"
    note.write_text("13\n", encoding="utf-8")
    said = _upgrade(old)
    assert said.code == 3
    assert "PostgreSQL 13 is not on this machine" in said.err
    assert "apt-get install postgresql-13" in said.err
    note.write_text("17\n", encoding="utf-8")
    assert old.pid("db") == pid
    assert old.sql("select count(*) from visits") == "1000"


def test_destroy_shows_the_old_data_and_removes_it_with_the_rest(old: Shop) -> None:
    assert _upgrade(old).code == 0
    beside = _data(old).with_name(f"{_data(old).name}.17")
    assert f"keep   {beside}" in old.envman("destroy").err
    assert f"remove {beside}" in old.envman("destroy", "--data").err
    assert old.envman("destroy", "--yes", "--data").code == 0
    assert not beside.exists()
    assert not list((old.data / "projects").iterdir())


def _dumped(shop: Shop) -> bool:
    return bool(list((shop.folder / "data" / ".snapshots").glob(".upgrade-db.new/*.dump")))


def _begun(shop: Shop) -> bool:
    return any(".upgraded" in name for name in _left(shop))


def _read(shop: Shop) -> bool:
    return any(name.endswith(".upgraded") for name in _left(shop))


@pytest.mark.parametrize("moment", [_dumped, _begun, _read], ids=["while-dumping", "while-making", "while-reading"])
def test_killed_in_the_middle_the_old_data_is_whole_and_the_next_run_works(
    old: Shop, moment: Callable[[Shop], bool]
) -> None:
    call = old.start("snapshot", "upgrade", "db")
    while not moment(old):
        assert call.poll() is None, call.communicate()
    os.kill(call.pid, signal.SIGKILL)
    call.communicate()
    assert processes(old.home, old.identity) == {}
    _ask_for(old, "17")
    old.up()
    _holds_all(old, "17")
    assert _left(old) == [_data(old).name]
    _ask_for(old, "18")
    assert _upgrade(old).code == 0
    old.up()
    _holds_all(old, "18")


def test_killed_again_and_again_it_still_comes_through(old: Shop) -> None:
    for pause in (0.3, 0.5, 0.7, 0.9, 1.1):
        call = old.start("snapshot", "upgrade", "db")
        time.sleep(pause)
        os.kill(call.pid, signal.SIGKILL)
        call.communicate()
    assert _upgrade(old).code == 0
    old.up()
    _holds_all(old, "18")


def test_a_kill_between_the_renames_is_mended(old: Shop) -> None:
    assert _upgrade(old).code == 0
    own = _data(old)
    beside, aside, fresh = (own.with_name(f"{own.name}.{end}") for end in ("17", "replaced", "upgraded"))
    beside.rename(aside)  # the new one is in its place, the old has no name yet
    old.up()
    _holds_all(old, "18")
    assert _kept(old) == ["db.17"]
    old.down()
    own.rename(fresh)  # the old one is out of its place, the new one not yet in it
    beside.rename(aside)
    _ask_for(old, "17")
    old.up()
    _holds_all(old, "17")
    assert _left(old) == [own.name]


def test_a_cache_opens_a_copy_of_its_files(shop: Shop) -> None:
    shop.describe(CACHE + VARIABLES.replace('DATABASE_URL = "{services.db.url}"\n', ""))
    shop.up()
    shop.redis("SET", "visits", "7")
    shop.down()
    note = _data(shop, "cache") / ".envman-version"
    note.write_text("10\n", encoding="utf-8")
    newer = shop.envman("snapshot", "upgrade", "cache")
    assert (newer.code, 'version = "10"' in newer.err) == (1, True), newer.err
    note.write_text("8\n", encoding="utf-8")
    assert "envman snapshot upgrade cache" in shop.failing_up().err
    said = shop.envman("snapshot", "upgrade", "cache")
    assert said.code == 0, said.err
    shop.up()
    assert (shop.redis("GET", "visits"), _kept(shop)) == ("7", ["cache.8"])


def test_files_that_the_newer_server_refuses_change_nothing(shop: Shop) -> None:
    shop.describe(CACHE)
    shop.up()
    shop.down()
    own = _data(shop, "cache")
    (manifest,) = own.glob("appendonlydir/*.manifest")
    manifest.write_text("nonsense\n", encoding="utf-8")
    (own / ".envman-version").write_text("8\n", encoding="utf-8")
    said = shop.envman("snapshot", "upgrade", "cache")
    is_one_message(said)
    assert "nothing was changed" in said.err
    assert [one.name for one in own.parent.glob("cache*")] == ["cache"]
    assert manifest.read_text(encoding="utf-8") == "nonsense\n"
    assert not listens(shop.ports["cache"])


def test_a_database_that_opens_older_files_gets_what_its_maker_asks_for(scratch: Shop) -> None:
    url = '[env]\nMYSQL_PWD = "{services.it.password}"\nWHERE = "{services.it.port}"\n'
    scratch.describe(f'[services.it]\nuse = "mariadb"\nport = {free_port()}\n{url}')
    scratch.up()
    ask = "mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port=$WHERE --user=app -N app -e"
    line = f'{ask} "create table visits (number int); insert into visits values (7)"'
    assert scratch.envman("run", "--no-up", "sh", "-c", line).code == 0
    (_data(scratch, "it") / ".envman-version").write_text("9\n", encoding="utf-8")
    said = scratch.envman("snapshot", "upgrade", "it")
    assert said.code == 0, said.err
    scratch.up()
    assert scratch.envman("run", "--no-up", "sh", "-c", f'{ask} "select * from visits"').out == "7\n"


def test_only_what_keeps_data_and_has_some_can_be_asked_for(shop: Shop) -> None:
    shop.describe(CACHE + '[services.fast]\nuse = "memcached"\n')
    assert "never up" in shop.envman("snapshot", "upgrade", "cache").err
    shop.describe(CACHE)
    shop.up()
    shop.describe(CACHE + DATABASE + '[services.fast]\nuse = "memcached"\n')
    for words, code, told in (
        (("d",), 2, '"db"'),
        ((), 2, "envman snapshot upgrade db"),
        (("fast",), 2, "keeps no data"),
        (("db",), 1, "no data yet"),
    ):
        said = shop.envman("snapshot", "upgrade", *words)
        assert (said.code, told in said.err) == (code, True), said.err
