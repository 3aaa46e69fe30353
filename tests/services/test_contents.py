"""What servers say that they hold: one value that differs is seen, and an order that means nothing is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from envman import active
from envman.console import Console
from envman.errors import StepFailed
from envman.files import read_json
from envman.moving import Side
from envman.plan import Goal, Step
from envman.request import Request
from envman.services import contents, keys
from envman.services.snapshots import LookAtData
from tests.services.support import CLIENT, Shop, free_port
from tests.support import engines

MARIADB = """
[services.db]
use = "mariadb"
port = {db}
databases = ["more"]
[env]
WHERE = "{services.db.port}"
MYSQL_PWD = "{services.db.password}"
"""
ASK = "mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port=$WHERE --user=app -N app -e"
POSTGRES = """
[services.db]
use = "postgres"
version = "17"
port = {db}
databases = ["more"]
[env]
DATABASE_URL = "{services.db.url}"
"""


def held(shop: Shop, name: str) -> dict[str, Any]:
    """What a service says of itself, asked as a move asks it."""
    request = Request(folder=shop.root, environ=shop.environ, console=Console(quiet=True))
    found = active.find(request)
    side = Side(request=request, project=found.project, backend=found.backend)
    target = shop.home / "held.json"
    side.carry_out([Step(name=name, title="", reason="", operation=LookAtData(name=name, target=target))], Goal.DOWN)
    return dict(read_json(target))


def differ(before: dict[str, Any], after: dict[str, Any]) -> str:
    with pytest.raises(StepFailed) as raised:
        contents.require_same(before, after)
    return str(raised.value)


@pytest.fixture
def cache(shop: Shop) -> tuple[Shop, Callable[[], dict[str, list[str]]]]:
    """A Valkey, and what it holds."""
    shop.up()
    return shop, lambda: keys.of(("127.0.0.1", shop.ports["cache"]), shop.secrets["cache"])


def test_keys_of_a_real_server(cache: tuple[Shop, Callable[[], dict[str, list[str]]]]) -> None:
    shop, seen = cache
    assert seen() == {}
    script = """
import os, redis
one = redis.Redis.from_url(os.environ["REDIS_URL"])
one.mset({f"key{n}": n for n in range(3000)})
one.set(b"\\xff\\x00", b"\\r\\n\\x00\\xfe"); one.set("empty", "")
one.rpush("list", 1, 2, 3); one.sadd("set", *range(600)); one.zadd("ranks", {"a": 1.5, "b": 2})
one.hset("hash", mapping={f"f{n}": n for n in range(700)}); one.xadd("stream", {"a": 1}); one.set("soon", 1, ex=9000)
one.execute_command("MOVE", "soon", 3)
"""
    filled = shop.envman("run", "--no-up", "python", "-c", script)
    assert filled.code == 0, filled.err
    full = seen()
    assert (full["db0"][0], full["db3"][0]) == ("keys|3007", "keys|1")
    assert seen() == full
    assert contents.summary(full) == "3008 keys"
    for change, back in (
        (("SET", "key7", "8"), ("SET", "key7", "7")),
        (("LSET", "list", "0", "9"), ("LSET", "list", "0", "1")),
        (("SREM", "set", "5"), ("SADD", "set", "5")),
        (("ZADD", "ranks", "3", "a"), ("ZADD", "ranks", "1.5", "a")),
        (("HSET", "hash", "f1", "2"), ("HSET", "hash", "f1", "1")),
        (("RENAME", "empty", "void"), ("RENAME", "void", "empty")),
    ):
        shop.redis(*change)
        assert "what was read is not what was there" in differ(full, seen()), change
        shop.redis(*back)
        assert seen() == full, back
    shop.redis("DEL", "key7")
    assert "keys|3006" in differ(full, seen())


def test_keys_ask_for_the_password(cache: tuple[Shop, Callable[[], dict[str, list[str]]]]) -> None:
    shop, _ = cache
    with pytest.raises(StepFailed, match="the server does not answer"):
        keys.of(("127.0.0.1", shop.ports["cache"]), "wrong")


def test_one_value_of_postgres(scratch: Shop) -> None:
    scratch.describe(POSTGRES)
    scratch.write({"requirements.txt": "psycopg[binary]>=3.2\n", "client.py": CLIENT})
    scratch.up()
    scratch.sql("create table visits (id serial primary key, who text, at timestamptz, raw bytea)")
    scratch.sql("insert into visits (who, at, raw) select 'v' || n, now(), '\\x00ff' from generate_series(1, 500) n")
    full = held(scratch, "db")
    assert set(full) == {"app", "more"}
    assert contents.summary(full) == "2 databases, 1 table, 500 rows"
    scratch.sql("update visits set who = 'v7' where id = 7")
    contents.require_same(full, held(scratch, "db"))
    scratch.sql("update visits set who = 'V7' where id = 7")
    assert "visits" in differ(full, held(scratch, "db"))
    scratch.sql("update visits set who = 'v7' where id = 7")
    contents.require_same(full, held(scratch, "db"))
    scratch.sql("create table more (n int)", url=scratch.variable("DATABASE_URL").removesuffix("app") + "more")
    assert "more: " in differ(full, held(scratch, "db"))


def test_one_value_of_mariadb(scratch: Shop) -> None:
    engines.has(shutil.which("mariadbd", path="/usr/sbin:/usr/bin") is not None, "mariadbd is not installed here")
    scratch.describe(MARIADB)
    scratch.up()

    def say(statement: str) -> None:
        said = scratch.envman("run", "--no-up", "sh", "-c", f'{ASK} "{statement}"')
        assert said.code == 0, said.err

    say("create table visits (id int primary key auto_increment, who text, raw blob); create table bare (n int)")
    say("insert into visits (who, raw) values ('é', x'00ff'), ('b', null); insert into bare values (2), (1)")
    full = held(scratch, "db")
    assert set(full) == {"app", "more"}
    assert contents.summary(full) == "2 databases, 2 tables, 4 rows"
    say("delete from bare; insert into bare values (1), (2)")
    contents.require_same(full, held(scratch, "db"))
    say("update visits set who = 'c' where id = 2")
    assert "visits" in differ(full, held(scratch, "db"))
    say("update visits set who = 'b' where id = 2")
    contents.require_same(full, held(scratch, "db"))


def test_a_port_where_nobody_listens() -> None:
    with pytest.raises(OSError, match="refused"):
        keys.of(("127.0.0.1", free_port()), "")
