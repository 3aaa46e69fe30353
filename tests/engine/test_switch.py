"""One project with 100,000 rows goes from level to level; whatever ends a move, nothing is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docker.stacks import Stack
from tests.services.support import CLIENT, free_port, listens, processes
from tests.support import engines, machines
from tests.support.scratch import Outcome

pytestmark = pytest.mark.engine

ROWS, FEW = 100_000, 1_000  # the few are for what is done again and again
SPEC = f"""
[env]
DATABASE_URL = "{{services.db.url}}"
REDIS_URL = "{{services.cache.url}}"
WORD = "${{CANARY}}"
LISTEN = "{{ports.web.inside}} --bind {{ports.web.bind}}"
[services.db]
use = "postgres"
version = "17"
port = {{db}}
[services.cache]
use = "redis"
port = {{cache}}
[services.web]
run = "python -m http.server $LISTEN"
[ports]
web = {{web}}
[tasks]
test = "pytest -q -p no:cacheprovider test_shop.py"
[hooks]
setup = ["python shop.py create"]
{machines.CONTAINER}"""
SHOP = """\
import os, sys, hashlib

import psycopg, redis


def database():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def cache():
    return redis.Redis.from_url(os.environ["REDIS_URL"])


def create():
    with database() as line:
        line.execute("create table if not exists visits (id serial primary key, who text, paid numeric(12, 3))")


def fill(rows):
    with database() as line:
        line.execute("insert into visits (who, paid) select 'é' || n, n / 7.0 from generate_series(1, %s) n", [rows])
    pipe = cache().pipeline()
    pipe.mset({f"key{n}": n for n in range(rows)})
    pipe.rpush("list", 1, 2, 3)
    pipe.hset("hash", mapping={"a": 1, "b": b"\\xff"})
    pipe.execute()


def digest():
    with database() as line:
        rows = line.execute("select count(*), md5(string_agg(v::text, ',' order by id)) from visits v").fetchone()
    keys = sorted(cache().keys("key*"))
    values = hashlib.sha256(b",".join(cache().mget(keys))).hexdigest() if keys else ""
    print(rows[0], rows[1], len(keys), values, cache().lrange("list", 0, -1), sorted(cache().hgetall("hash").items()))


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:]))
"""
TESTS = f"""\
import os, shop


def test_rows():
    with shop.database() as line:
        assert line.execute("select count(*) from visits").fetchone() == ({ROWS},)
        assert line.execute("select who from visits where id = 7").fetchone() == ("é7",)


def test_keys():
    assert shop.cache().get("key99") == b"99"


def test_word():
    assert os.environ["WORD"] == "canary-4711"
"""
CANARY = "canary-4711"


class Mover(Stack):
    """A project that is anywhere, and its data."""

    patience = 300

    def __init__(self, home: Path, cache: Path) -> None:
        super().__init__(home, cache)
        (self.root / "envman.local.toml").unlink()
        self.environ |= {"CANARY": CANARY, "PIP_CONFIG_FILE": os.devnull}
        self.environ.pop("PIP_FIND_LINKS", None)

    def describe_all(self, spec: str = SPEC) -> None:
        """Write the spec, with ports of its own."""
        self.ports.setdefault("web", free_port())
        self.describe(spec.replace("web = {web}", f"web = {self.ports['web']}"))

    def switch(self, level: str, *words: str, **variables: str) -> Outcome:
        """A move that has to come to its end."""
        said = self.call(("switch", level, *words), variables)
        assert said.code == 0, said.err
        return said

    def digest(self) -> str:
        """All that the servers hold."""
        said = self.envman("run", "python", "shop.py", "digest")
        assert said.code == 0, said.err
        return said.out

    def containers(self) -> list[str]:
        """The services whose containers run."""
        mine = ("--filter", f"label=dev.envman.project={self.identity}", "--format", '{{.Label "dev.envman.service"}}')
        return sorted(self.docker("ps", *mine).split())

    def machine_runs(self) -> bool:
        """Whether its machine does."""
        return bool(self.docker("ps", "--quiet", "--filter", f"name=envman-shop-{self.identity[:8]}"))

    def servers(self) -> list[str]:
        """What of it runs on this machine."""
        return [told for told in processes(self.folder, patience=5).values() if "postgres" in told or "valkey" in told]

    def only_at(self, level: str) -> None:
        """It is there, and nowhere else."""
        status = self.status()
        assert (status["backend"], status["state"]) == (level, "running"), status
        assert bool(self.servers()) == (level == "venv")
        assert bool(self.containers()) == (level == "docker")
        assert self.machine_runs() == (level == "vagrant")
        assert {name: one["host"]["port"] for name, one in status["services"].items() if name != "web"} == {
            name: self.ports[name] for name in ("db", "cache")
        }
        assert status["ports"]["web"]["host"] == self.ports["web"]
        assert all(listens(port) for port in self.ports.values())
        assert self.envman("plan", "--json").result["steps"] == []


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, so that servers and packages are fetched once."""
    return tmp_path_factory.mktemp("switch-cache")


@contextmanager
def _made(tmp_path: Path, cache: Path, rows: int) -> Iterator[Mover]:
    engines.needs("docker")
    made = Mover(tmp_path, cache)
    made.describe_all()
    wants = "psycopg[binary]>=3.2\nredis>=5\npytest\n"
    made.write({"requirements.txt": wants, "shop.py": SHOP, "test_shop.py": TESTS, "client.py": CLIENT})
    made.up()
    filled = made.envman("run", "python", "shop.py", "fill", str(rows))
    assert filled.code == 0, filled.err
    try:
        yield made
    finally:
        gone = made.envman("destroy", "--yes", "--data")
    assert gone.code == 0, gone.err


@pytest.fixture
def full(tmp_path: Path, cache: Path) -> Iterator[Mover]:
    """A project at venv, with many rows."""
    with _made(tmp_path, cache, ROWS) as made:
        yield made


@pytest.fixture
def shop(tmp_path: Path, cache: Path) -> Iterator[Mover]:
    """The same with few."""
    with _made(tmp_path, cache, FEW) as made:
        yield made


def test_around_all_levels(full: Mover) -> None:
    machines.needs_container()
    before, secrets = full.digest(), full.secrets
    assert before.startswith(f"{ROWS} ")
    for level in ("docker", "vagrant", "venv"):
        said = full.switch(level)
        assert f"{ROWS} rows" in said.err
        full.only_at(level)
        assert full.digest() == before
        tested = full.envman("run", "test")
        assert tested.code == 0, tested.out + tested.err
    assert full.secrets == secrets
    words = [*secrets.values(), CANARY]
    told = [log.read_text(encoding="utf-8", errors="replace") for log in full.folder.rglob("*.log")]
    assert told
    assert [word for word in words if any(word in text for text in told)] == []
    assert list((full.folder / "data").glob(".moving/*")) == []


def test_killed_at_every_step_between_venv_and_docker(shop: Mover) -> None:
    before = shop.digest()
    shop.switch("docker")  # the image is there from now on: what is tried below is the move
    shop.switch("venv")
    for count in range(1, 60):
        ended = shop.killed("step", count, "switch", "docker")
        if ended.code == 0:
            assert count > 15
            shop.only_at("docker")
            assert shop.digest() == before
            return
        assert ended.code == -signal.SIGKILL, ended.err
        shop.up()
        assert shop.status()["backend"] == "venv", count
        assert shop.containers() == [], count
        assert all(listens(port) for port in shop.ports.values()), count
        assert shop.digest() == before, count
    pytest.fail("the switch never came to its end")


def test_ctrl_c_brings_the_old_one_back_at_once(shop: Mover) -> None:
    before = shop.digest()
    for count in (2, 9, 14):
        ended = shop.killed("step", count, "switch", "docker", interrupt=True)
        assert ended.code == 130, ended.err
        assert "Traceback" not in ended.err
        shop.only_at("venv")
    assert shop.digest() == before


@pytest.mark.parametrize("backwards", [False, True], ids=["there", "back"])
def test_killed_on_the_way_to_a_machine(shop: Mover, backwards: bool) -> None:
    machines.needs_container()
    before = shop.digest()
    old, new = ("vagrant", "venv") if backwards else ("venv", "vagrant")
    if backwards:
        shop.switch("vagrant")
    # The new one is made; the data is on its way, the first of it is there; the old one has just ended.
    for moment in ("compared", "left") if backwards else ("built", "compared", "left"):
        ended = shop.killed(moment, 1, "switch", new)
        assert ended.code == -signal.SIGKILL, ended.err
        shop.up()
        shop.only_at(old)
        assert shop.digest() == before, moment
    shop.killed("settled", 1, "switch", new)
    shop.up()
    shop.only_at(new)
    assert shop.digest() == before


class TestFailing:
    """What does not work over there is said, and the old one runs."""

    def test_every_kind_of_failure(self, shop: Mover) -> None:
        before = shop.digest()
        spec = (shop.root / "envman.toml").read_text(encoding="utf-8")
        for change, told in (
            (
                ("[hooks]\nsetup = [", '[hooks]\nsetup = ["case $DATABASE_URL in *@db:*) exit 9;; esac", '),
                "esac ended with 9",
            ),
            (("[tasks]", '[system]\npackages = ["no-such-package-4711"]\n[tasks]'), "no-such-package-4711"),
        ):
            shop.write({"envman.toml": spec.replace(*change)})
            shop.up()
            failed = shop.envman("switch", "docker", "--json")
            assert (failed.code, failed.json["ok"]) == (1, False), failed.err
            assert told in str(failed.json["problems"])
            assert "venv is brought up again" in failed.err
            shop.only_at("venv")
            assert shop.digest() == before
        shop.write({"envman.toml": spec})
        shop.up()
        # A right of somebody who is not over there: the database refuses what it is given.
        shop.sql("create role reporter")
        shop.sql("grant select on visits to reporter")
        refused = shop.envman("switch", "docker")
        assert (refused.code, 'role "reporter" does not exist' in refused.err) == (1, True), refused.err
        shop.only_at("venv")
        assert shop.digest() == before

    def test_no_engine(self, shop: Mover) -> None:
        failed = shop.envman("switch", "docker", DOCKER_HOST="unix:///nowhere/docker.sock")
        assert failed.code == 3
        assert "no engine answers" in failed.err
        shop.only_at("venv")


def test_a_container_that_both_levels_have_stays(tmp_path: Path, cache: Path) -> None:
    engines.needs("docker")
    shop = Mover(tmp_path, cache)
    boxed = """
[services.db]
use = "postgres"
version = "17"
source = "container"
port = {db}
[services.it]
image = "memcached:1"
port = {inside = 11211, host = {it}}
[env]
DATABASE_URL = "{services.db.url}"
"""
    shop.describe(boxed.replace("{it}", str(free_port())))
    shop.write({"requirements.txt": "psycopg[binary]>=3.2\n", "client.py": CLIENT})
    try:
        shop.up()
        shop.sql("create table visits as select 1 as n")
        ids = shop.ids("db"), shop.ids("it")
        for level, there in (("docker", ["db", "it", "workspace"]), ("venv", ["db", "it"])):
            said = shop.switch(level)
            assert "db is the same container for both" in said.err
            assert "it is the same container for both" in said.err
            assert (shop.containers(), shop.ids("db"), shop.ids("it")) == (there, *ids)
            assert shop.sql("select n from visits") == "1"
            assert shop.envman("plan", "--json").result["steps"] == []
    finally:
        gone = shop.envman("destroy", "--yes", "--data")
        assert gone.code == 0, gone.err
