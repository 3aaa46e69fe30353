"""Services with an image in a machine: an engine inside runs them, and what they keep outlives the machine."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.machines import Machine
from tests.vagrant.conftest import SPEC, Make

pytestmark = pytest.mark.engine

# The lab's registry listens on this machine's loopback: the connection leads there while something is fetched.
CACHE = """
[services.cache]
image = "127.0.0.1:5000/valkey/valkey:8"
port = {inside = 6379}
health = {exec = ["valkey-cli", "ping"]}
"""
STORE = '[services.store]\nimage = "127.0.0.1:5000/library/memcached:1"\nneeds = ["cache"]\n'


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Machine:
    """A machine whose system brings the engine when the first image is asked for."""
    made = lasting(**{"envman.toml": SPEC + CACHE})
    made.up()
    return made


def up(shop: Machine, services: str) -> list[str]:
    shop.write({"envman.toml": SPEC + services})
    return [step["name"] for step in shop.up()["steps"]]


def say(shop: Machine, words: str) -> str:
    """What the server answers on this machine's port."""
    port = shop.status()["services"]["cache"]["host"]["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(f"{words}\r\n".encode())
        return line.recv(200).decode().strip()


def boxes(shop: Machine) -> list[str]:
    return sorted(shop.ssh("docker ps --all --format '{{.Names}}'").stdout.split())


def test_it_runs_is_told_and_needs_nothing_a_second_time(shop: Machine) -> None:
    assert up(shop, CACHE) == []
    one = shop.status()["services"]["cache"]
    assert (one["state"], one["source"], one["inside"]["port"]) == ("running", "container", 6379)
    assert 0 <= time.time() - one["since"] < 3600
    assert say(shop, "PING") == "+PONG"
    inside = (
        "import socket; l = socket.create_connection(('127.0.0.1', 6379)); l.sendall(b'PING\\r\\n'); print(l.recv(9))"
    )
    assert shop.envman("run", "python", "-c", inside).out == "b'+PONG\\r\\n'\n"
    assert "Ready to accept connections" in shop.envman("logs", "cache").out


def test_containers_find_each_other_by_the_names_of_services(shop: Machine) -> None:
    assert up(shop, CACHE + STORE) == ["store"]
    assert shop.status()["services"]["store"]["state"] == "running"
    assert shop.ssh("docker exec envman-store getent hosts cache").stdout.split()[-1] == "cache"


def test_one_that_is_killed_begins_again_with_its_data(shop: Machine) -> None:
    up(shop, CACHE)
    assert [say(shop, "SET kept yes"), say(shop, "SAVE")] == ["+OK", "+OK"]
    before = shop.ssh("docker container inspect --format '{{.Id}}' envman-cache").stdout
    shop.ssh("docker kill envman-cache").check_returncode()
    deadline = time.monotonic() + 30
    while shop.ssh("docker container inspect --format '{{.Id}}' envman-cache").stdout in ("", "\n", before):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert up(shop, CACHE) == []
    assert say(shop, "GET kept").endswith("yes")


def test_an_engine_that_begins_anew_takes_nothing_along(shop: Machine) -> None:
    up(shop, CACHE)
    shop.ssh("systemctl restart docker").check_returncode()
    up(shop, CACHE)
    assert say(shop, "GET kept").endswith("yes")


def test_what_the_spec_forgot_goes_and_its_data_stays(shop: Machine) -> None:
    up(shop, CACHE + STORE)
    assert boxes(shop) == ["envman-cache", "envman-store"]
    assert up(shop, STORE.replace('needs = ["cache"]\n', ""))[-2:] == ["cache", "store"]
    assert boxes(shop) == ["envman-store"]
    up(shop, CACHE)
    assert boxes(shop) == ["envman-cache"]
    assert say(shop, "GET kept").endswith("yes")


def test_another_port_of_the_machine_where_the_project_has_that_one(shop: Machine) -> None:
    up(shop, CACHE + "[ports]\nweb = 6379\n")
    assert shop.status()["services"]["cache"]["inside"]["port"] == 6380
    assert say(shop, "PING") == "+PONG"


@pytest.mark.parametrize(
    ("image", "words", "said", "hint"),
    [
        ("127.0.0.1:5000/no/such:1", (), "could not fetch 127.0.0.1:5000/no/such:1", "look at its name"),
        ("127.0.0.1:5000/library/nats:2", ("--offline",), "is not in the machine, and --offline fetches nothing", ""),
    ],
)
def test_an_image_that_does_not_come(shop: Machine, image: str, words: tuple[str, ...], said: str, hint: str) -> None:
    up(shop, CACHE)
    shop.write({"envman.toml": f'{SPEC}{CACHE}[services.other]\nimage = "{image}"\n'})
    failed = shop.envman("up", *words)
    assert failed.code == 1
    assert said in failed.err
    assert hint in failed.err
    assert up(shop, CACHE) == []


def test_one_that_ends_says_its_last_words(shop: Machine) -> None:
    ends = '[services.other]\nimage = "127.0.0.1:5000/library/debian:bookworm-slim"\n'
    shop.write({"envman.toml": SPEC + CACHE + ends})  # a shell that reads nothing ends at once
    failed = shop.envman("up")
    assert failed.code == 1
    assert "other is not ready: it ended" in failed.err
    up(shop, CACHE)


def test_what_it_keeps_leaves_a_machine_that_goes_and_enters_the_next(shop: Machine) -> None:
    up(shop, CACHE)
    owner = "stat -c %u:%g /var/lib/envman/volumes/cache/*"
    assert [say(shop, "SET kept further"), say(shop, "SAVE")] == ["+OK", "+OK"]
    before = shop.ssh(owner).stdout
    gone = shop.envman("destroy", "--yes")
    assert gone.code == 0, gone.err
    (kept,) = shop.data.rglob("cache.volumes.tar")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "cache" in up(shop, CACHE)
    assert say(shop, "GET kept").endswith("further")
    assert shop.ssh(owner).stdout == before
    assert not kept.exists()
