"""Services with an image in a machine: an engine inside runs them, and what they keep outlives the machine."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.boxes import free_port
from tests.support.machines import Machine
from tests.vagrant.conftest import SPEC, Make

pytestmark = pytest.mark.engine

# The lab's registry listens on this machine's loopback: the connection leads there while something is fetched.
REGISTRY = "127.0.0.1:5000"
PORT = free_port()
CACHE = f"""
[services.cache]
image = "{REGISTRY}/valkey/valkey:8"
port = {{inside = 6379, host = {PORT}}}
health = {{exec = ["valkey-cli", "ping"]}}
"""
STORE = f'[services.store]\nimage = "{REGISTRY}/library/memcached:1"\n'
ASK = "import socket; l = socket.create_connection(('127.0.0.1', 6379)); l.sendall(b'PING\\r\\n'); print(l.recv(9))"


def up(shop: Machine, services: str) -> list[str]:
    shop.write({"envman.toml": SPEC + services})
    return [step["name"] for step in shop.up()["steps"]]


def say(words: str) -> str:
    """What the server answers on this machine's port."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as line:
        line.sendall(f"{words}\r\n".encode())
        return line.recv(200).decode().strip()


def boxes(shop: Machine) -> list[str]:
    return sorted(shop.ssh("docker ps --all --format '{{.Names}}'").stdout.split())


def runs_and_is_told(shop: Machine) -> None:
    one = shop.status()["services"]["cache"]
    assert (one["state"], one["source"], one["inside"]["port"]) == ("running", "container", 6379)
    assert 0 <= time.time() - one["since"] < 3600
    assert shop.envman("run", "python", "-c", ASK).out == "b'+PONG\\r\\n'\n"
    assert "Ready to accept connections" in shop.envman("logs", "cache").out
    assert up(shop, CACHE) == []


def begins_again_with_its_data_when_it_is_killed(shop: Machine) -> None:
    assert [say("SET kept yes"), say("SAVE")] == ["+OK", "+OK"]
    number = "docker container inspect --format '{{.Id}}' envman-cache"
    before = shop.ssh(number).stdout
    shop.ssh("docker kill envman-cache").check_returncode()
    deadline = time.monotonic() + 60
    while shop.ssh(number).stdout in ("", "\n", before):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    shop.ssh("systemctl restart docker").check_returncode()
    up(shop, CACHE)
    assert say("GET kept").endswith("yes")


def finds_the_others_and_goes_without_its_data(shop: Machine) -> None:
    assert up(shop, CACHE + STORE) == ["store"]
    assert shop.ssh("docker exec envman-store getent hosts cache").stdout.split()[-1] == "cache"
    assert up(shop, STORE)[-1] == "cache"
    assert boxes(shop) == ["envman-store"]
    # Where a program of the project has the port, another one of the machine leads there.
    up(shop, CACHE + "[ports]\nweb = 6379\n")
    assert shop.status()["services"]["cache"]["inside"]["port"] == 6380
    assert say("GET kept").endswith("yes")


def is_told_where_it_does_not_come(shop: Machine) -> None:
    for image, words, said in (
        (f"{REGISTRY}/no/such:1", (), ("could not fetch", "look at its name")),
        (f"{REGISTRY}/library/nats:2", ("--offline",), ("is not in the machine, and --offline fetches nothing",)),
        # A shell that reads nothing ends at once.
        (f"{REGISTRY}/library/debian:bookworm-slim", (), ("other is not ready: it ended",)),
    ):
        shop.write({"envman.toml": f'{SPEC}{CACHE}[services.other]\nimage = "{image}"\n'})
        failed = shop.envman("up", *words)
        assert failed.code == 1, failed.err
        assert all(one in failed.err for one in said), failed.err


def leaves_a_machine_that_goes_and_enters_the_next(shop: Machine) -> None:
    up(shop, CACHE)
    owner = "stat -c %u:%g /var/lib/envman/volumes/cache/*"
    assert [say("SET kept further"), say("SAVE")] == ["+OK", "+OK"]
    before = shop.ssh(owner).stdout
    gone = shop.envman("destroy", "--yes")
    assert gone.code == 0, gone.err
    (kept,) = shop.data.rglob("cache.volumes.tar")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "cache" in up(shop, CACHE)
    assert say("GET kept").endswith("further")
    assert shop.ssh(owner).stdout == before
    assert not kept.exists()


@pytest.mark.long
def test_the_life_of_a_container(passing: Make) -> None:
    """One machine after the other: it takes half a minute until the engine is there."""
    shop = passing(**{"envman.toml": SPEC + CACHE})
    shop.up()
    runs_and_is_told(shop)
    begins_again_with_its_data_when_it_is_killed(shop)
    finds_the_others_and_goes_without_its_data(shop)
    is_told_where_it_does_not_come(shop)
    leaves_a_machine_that_goes_and_enters_the_next(shop)
