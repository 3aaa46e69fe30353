"""Recipes of the project's own: a server that the catalogue does not have, or has in another way."""

from __future__ import annotations

import socket

import pytest

from tests.services.support import Shop

# Memcached as the catalogue has it, but for the memory that it may take.
SMALL = """
[services.cache]
use = "memcached"
port = {cache}

[recipes.memcached]
title = "Memcached, small"
versions = ["1"]
port = 11211
url = "{host}:{port}"
debian = ["memcached"]
password = false
keeps = false

[recipes.memcached.native]
programs = {memcached = "Memcached"}
unprivileged = true
argv = ["{bin}/{program}", "--listen={host}", "--port={port}", "--udp-port=0", "--memory-limit=17"]
probe = "memcached"
"""
# The file server of Python: a program that anybody has, and that keeps what it serves.
FILES = """
[services.files]
use = "files"

[recipes.files]
title = "File server"
versions = ["3"]
port = 8090
url = "http://{host}:{port}/"
password = false

[recipes.files.native]
programs = {python3 = "Python"}
argv = ["{bin}/{program}", "-m", "http.server", "--bind={host}", "--directory={data}", "{port}"]
create = [{argv = ["sh", "-c", "cat > \\"$0/hello\\"", "{data}"], input = "hello of {name}"}]
probe = "http"
stop = "INT"
"""


def _asked(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(4096), b""))


@pytest.mark.engine
def test_a_recipe_of_the_project_takes_the_place_of_the_catalogues(scratch: Shop) -> None:
    scratch.describe(SMALL)
    scratch.up()
    assert b"STAT maxbytes 17825792" in _asked(scratch.ports["cache"], b"stats settings\r\nquit\r\n")
    listed = scratch.envman("services", "--json").result["services"]["memcached"]
    assert (listed["title"], listed["used_by"]) == ("Memcached, small", ["cache"])
    assert scratch.up()["steps"] == []


@pytest.mark.engine
def test_a_server_that_the_catalogue_does_not_have_keeps_its_data(scratch: Shop) -> None:
    scratch.describe(FILES)
    served = scratch.up()["services"]["files"]
    said = _asked(served["host"]["port"], b"GET /hello HTTP/1.0\r\n\r\n")
    assert said.endswith(b"hello of app")
    (data,) = scratch.folder.glob("data/files")
    (data / "hello").write_text("hello again", encoding="utf-8")
    scratch.down()
    again = scratch.up()["services"]["files"]
    assert _asked(again["host"]["port"], b"GET /hello HTTP/1.0\r\n\r\n").endswith(b"hello again")


@pytest.mark.engine
def test_a_changed_recipe_starts_its_server_anew(scratch: Shop) -> None:
    scratch.describe(SMALL)
    scratch.up()
    before = scratch.pid("cache")
    scratch.describe(SMALL.replace("=17", "=18"))
    assert [step["name"] for step in scratch.up()["steps"]] == ["cache"]
    assert scratch.pid("cache") != before
    assert b"STAT maxbytes 18874368" in _asked(scratch.ports["cache"], b"stats settings\r\nquit\r\n")


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("--port={port}", "--port={prot}", "recipes.memcached.native.argv[2]", "asks for {prot}, which nobody knows"),
        ('versions = ["1"]', "versions = []", "recipes.memcached.versions", "names no version"),
        ('probe = "memcached"', 'probe = "memcache"', "recipes.memcached.native.probe", 'did you mean "memcached"?'),
        ('title = "Memcached, small"\n', "", "recipes.memcached", 'needs the key "title"'),
        ("keeps = false", "keep = false", "recipes.memcached.keep", 'did you mean "keeps"?'),
        ('use = "memcached"', 'use = "memcachd"', "services.cache.use", 'did you mean "memcached"?'),
        (
            "password = false",
            'wheels = [{version = "1", requirement = "memcached", folder = "bin", hashes = ["12"]}]',
            "recipes.memcached.wheels[0].requirement",
            "is not pinned to one version",
        ),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_with_its_place(
    scratch: Shop, old: str, new: str, key: str, said: str
) -> None:
    assert old in SMALL
    scratch.describe(SMALL.replace(old, new, 1))
    outcome = scratch.envman("check")
    assert outcome.code == 2
    assert said in outcome.err
    assert f"{key}: " in outcome.err
    assert "Traceback" not in outcome.err


def test_a_recipe_that_runs_nowhere_is_refused(scratch: Shop) -> None:
    scratch.describe('[recipes.it]\ntitle = "It"\nversions = ["1"]\nport = 1\nurl = "{host}"\n')
    outcome = scratch.envman("check")
    assert "says neither how it runs here (native) nor in a container (image)" in outcome.err
