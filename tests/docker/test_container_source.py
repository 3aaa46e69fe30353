"""Servers that come to the venv level as containers: asked for, or because nothing else brings them."""

from __future__ import annotations

import json

import pytest

from tests.conftest import NO_ENGINE
from tests.docker.stacks import Stack
from tests.services.support import CACHE, CLIENT, free_port, is_one_message, listens

pytestmark = pytest.mark.engine

POSTGRES = """
[services.db]
use = "postgres"
version = "17"
source = "container"
databases = ["shop_test"]
init = ["schema.sql"]
port = {db}
"""
VARIABLE = '\n[env]\nDATABASE_URL = "{services.db.url}"\n'
OLD_CACHE = CACHE + 'version = "8"\n' + '\n[env]\nREDIS_URL = "{services.cache.url}"\n'


@pytest.fixture
def shop(stack: Stack) -> Stack:
    """A project at venv level."""
    (stack.root / "envman.local.toml").unlink()
    schema = "create table visits (n int);\ninsert into visits values (1), (2);\n"
    stack.write({"requirements.txt": "psycopg[binary]>=3.2\nredis>=5\n", "client.py": CLIENT, "schema.sql": schema})
    return stack


def _left(stack: Stack) -> list[str]:
    mine = f"label=dev.envman.project={stack.identity}"
    return [
        *stack.docker("ps", "--all", "--quiet", "--filter", mine).split(),
        *stack.docker("volume", "ls", "--quiet", "--filter", mine).split(),
    ]


def test_a_server_in_a_container_is_a_service_like_the_others(shop: Stack) -> None:
    shop.describe(POSTGRES + VARIABLE)
    shop.up()
    one = shop.status()["services"]["db"]
    assert (one["state"], one["source"], one["version"]) == ("running", "container", "17")
    assert one["host"]["port"] == shop.ports["db"]
    assert "PostgreSQL 17 on 127.0.0.1" in shop.envman("status").out
    assert shop.sql("select count(*) from visits") == "2"
    assert len(shop.ids()) == 1  # no container but the server's
    assert shop.steps() == []
    assert any("ready to accept connections" in line for line in shop.lines("db"))
    saved = shop.envman("snapshot", "save", "one")
    assert saved.code == 0, saved.err
    shop.sql("delete from visits")
    restored = shop.envman("snapshot", "restore", "one", "--yes")
    assert restored.code == 0, restored.err
    assert shop.sql("select count(*) from visits") == "2"
    shop.down()
    assert shop.status()["services"]["db"]["state"] == "stopped"
    assert json.loads(shop.docker("inspect", *shop.ids("db")))[0]["State"]["Running"] is False
    shop.up()
    assert shop.sql("select count(*) from visits") == "2"
    shop.docker("kill", *shop.ids("db"))
    assert shop.status()["services"]["db"]["state"] != "running"
    assert shop.envman("run", "true").code == 0
    assert shop.status()["services"]["db"]["state"] == "running"
    destroyed = shop.envman("destroy", "--yes")
    assert destroyed.code == 0, destroyed.err
    shop.up()
    assert shop.sql("select count(*) from visits") == "2"
    identity = shop.identity
    destroyed = shop.envman("destroy", "--yes", "--data")
    assert destroyed.code == 0, destroyed.err
    (shop.root / ".envman").mkdir()
    (shop.root / ".envman" / "id").write_text(identity, encoding="ascii")
    assert _left(shop) == []


def test_what_neither_a_program_nor_a_wheel_brings_is_a_container(shop: Stack) -> None:
    shop.describe(OLD_CACHE)
    shop.up()
    assert shop.status()["services"]["cache"]["source"] == "container"
    shop.redis("SET", "a", "1")
    saved = shop.envman("snapshot", "save", "one")
    assert saved.code == 0, saved.err
    shop.redis("SET", "a", "2")
    restored = shop.envman("snapshot", "restore", "one", "--yes")
    assert restored.code == 0, restored.err
    assert shop.redis("GET", "a") == "1"  # in another container, which is known at once
    shop.envman("down")
    # Its data is in a container: without the engine it is not begun anew somewhere else.
    failed = shop.envman("up", DOCKER_HOST=NO_ENGINE)
    assert failed.code == 3, failed.err
    is_one_message(failed)


def test_without_an_engine_the_way_is_told(shop: Stack) -> None:
    shop.describe(OLD_CACHE)
    failed = shop.envman("up", DOCKER_HOST=NO_ENGINE)
    assert failed.code == 3
    is_one_message(failed)
    assert "is not on this machine" in failed.err
    assert "as a container: no engine answers" in failed.err


def test_a_server_that_stops_being_a_container_frees_its_port(shop: Stack) -> None:
    shop.describe(POSTGRES + VARIABLE)
    shop.up()
    shop.describe(POSTGRES.replace('source = "container"\n', "") + VARIABLE)
    shop.up()  # it stays where its data is, as long as nobody says otherwise
    assert shop.status()["services"]["db"]["source"] == "container"
    shop.describe(POSTGRES.replace('"container"', '"wheel"') + VARIABLE)
    shop.up()
    assert shop.status()["services"]["db"]["source"] == "wheel"
    assert shop.sql("select count(*) from visits") == "2"
    assert json.loads(shop.docker("inspect", *shop.ids("db")))[0]["State"]["Running"] is False


def test_an_image_is_a_service_of_the_venv_level_too(shop: Stack) -> None:
    port = free_port()
    table = f'image = "memcached:1"\nport = {{inside = 11211, host = {port}}}\n'
    shop.describe(f'\n[services.it]\n{table}[env]\nWHERE = "{{services.it.host}}:{{services.it.port}}"\n')
    shop.up()
    one = shop.status()["services"]["it"]
    assert (one["state"], one["source"]) == ("running", "container")
    assert shop.variable("WHERE") == f"127.0.0.1:{port}"
    assert listens(port)
    shop.down()
    assert not listens(port)


def test_the_catalogue_says_so(shop: Stack) -> None:
    shop.describe(OLD_CACHE)
    found = json.loads(shop.envman("services", "--json").out)["result"]["services"]["redis"]
    here = {one["version"]: one["source"] for one in found["backends"]["venv"]}
    assert here["8"] == "container"
    assert here["9"] == "wheel"
