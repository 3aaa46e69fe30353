"""Servers of the catalogue out of their images: an engine inside runs them, and all else is as with any server."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import tomlkit

import envman_templates
from envman_vagrant.services import boxed, images, layout, units
from envman_vagrant.services.units import Unit
from tests.support.boxes import free_port
from tests.support.machines import Machine
from tests.support.scratch import Scratch
from tests.vagrant.conftest import SPEC, Make

RECIPES = Path(str(envman_templates.__file__)).parent / "services"
SCRIPTS = Path(str(envman_templates.__file__)).parent / "vagrant"
# The lab's registry listens on this machine's loopback: the connection leads there while something is fetched.
IMAGE = "127.0.0.1:5000/library/postgres:{version}"
PORT = free_port()
DB = f"""
[services.db]
use = "postgres"
version = "17"
source = "container"
port = {{host = {PORT}}}
databases = ["other"]
[env]
PGPASSWORD = "{{services.db.password}}"
PGDATABASE = "{{services.db.name}}"
PGUSER = "{{services.db.user}}"
"""


def spec() -> str:
    """The catalogue's own recipe, with the image where the lab has it."""
    recipe = tomllib.loads((RECIPES / "postgres.toml").read_text(encoding="utf-8"))
    return SPEC + DB + tomlkit.dumps({"recipes": {"postgres": {**recipe, "image": IMAGE}}})


def told(shop: Machine, statement: str) -> str:
    """What the database answers to a client out of the same image."""
    psql = "/usr/lib/postgresql/17/bin/psql"
    words = [images.enter(IMAGE.format(version="17")), psql, "-At", "-h", "127.0.0.1", "-p", "5432", "-c", statement]
    said = shop.envman("run", *words)
    assert said.code == 0, said.err
    return said.out.strip()


def runs_as_any_other(shop: Machine) -> None:
    one = shop.status()["services"]["db"]
    assert (one["state"], one["source"], one["version"][:3]) == ("running", "container", "17.")
    assert shop.up()["steps"] == []
    owner = shop.ssh(f"stat -c %U {layout.DATA}/db/PG_VERSION; ps -o user= -C postgres | sort -u").stdout.split()
    assert set(owner) == {layout.USER}
    assert "database system is ready" in shop.envman("logs", "db").out
    assert told(shop, "SELECT count(*) FROM pg_database WHERE datname = 'other'") == "1"
    assert told(shop, "CREATE TABLE kept AS SELECT 7 AS word; SELECT word FROM kept") == "SELECT 1\n7"


def keeps_its_data_when_it_is_killed(shop: Machine) -> None:
    shop.ssh("docker kill envman-db").check_returncode()
    shop.ssh("systemctl kill --signal KILL envman-db; systemctl restart docker")
    shop.up()
    assert told(shop, "SELECT word FROM kept") == "7"


def is_saved_and_brought_back(shop: Machine) -> None:
    saved = shop.envman("snapshot", "save", "before")
    assert saved.code == 0, saved.err
    told(shop, "UPDATE kept SET word = 8")
    restored = shop.envman("snapshot", "restore", "before", "--yes")
    assert restored.code == 0, restored.err
    assert told(shop, "SELECT word FROM kept") == "7"


def goes_with_its_container(shop: Machine) -> None:
    shop.write({"envman.toml": SPEC})
    shop.up()
    assert shop.ssh("docker ps --all --quiet").stdout == ""


@pytest.mark.engine
@pytest.mark.long
def test_the_life_of_a_server_out_of_an_image(passing: Make) -> None:
    """One after the other: it takes half a minute until the engine is there."""
    shop = passing(**{"envman.toml": spec()})
    shop.up()
    runs_as_any_other(shop)
    keeps_its_data_when_it_is_killed(shop)
    is_saved_and_brought_back(shop)
    goes_with_its_container(shop)


def test_its_unit_needs_the_engine_and_a_stop_is_no_failure() -> None:
    unit = boxed.of_engine(Unit(name="db", title="DB", user="root", patience=7))
    lines = units.text(unit).splitlines()
    assert "After=network.target docker.service" in lines
    assert "SuccessExitStatus=130 131 143" in lines
    assert "TimeoutStopSec=14" in lines
    assert "ExecStopPost=-/bin/sh -c 'docker rm --force envman-db >/dev/null 2>&1'" in lines
    assert not [one for one in units.text(Unit(name="db", title="DB", user="me")).splitlines() if "Success" in one]


def test_what_leads_into_an_image_has_a_name_of_its_own() -> None:
    assert images.enter("127.0.0.1:5000/a/b:1") == f"{layout.SERVERS}/127.0.0.1-5000-a-b-1"


def test_a_variable_goes_along_by_its_name_alone(scratch: Scratch) -> None:
    """Whoever works in the machine sees what a command is called with."""
    place = scratch.home
    for name, text in {"docker": 'echo docker "$@"', "sudo": 'echo sudo "$@"', "id": "echo 1000"}.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (place / name).chmod(0o755)
    script = boxed.told({"image": "it:1", "user": "root", "state": "/s", "run": "/r"}) + (
        SCRIPTS / "image_command.sh"
    ).read_text("utf-8")
    env = {"PATH": f"{place}:{os.environ['PATH']}", "PGPASSWORD": "s3cret", "A": "pl4in\nlines"}
    words = ["sh", "-c", script, "sh", "psql", "-c", "SELECT 'a b'"]
    said = subprocess.run(words, cwd=place, env=env, capture_output=True, text=True, check=True).stdout
    assert "s3cret" not in said
    assert "pl4in" not in said
    assert "--preserve-env=" in said
    assert "--env PGPASSWORD" in said
    assert "--env A " in said
    assert "--env PATH" not in said
    assert f"--user 1000:1000 --workdir {place}" in said
    assert said.endswith("--entrypoint psql it:1 -c SELECT 'a b'\n")


@pytest.mark.parametrize(("asked", "version"), [("--version", "it 1.2"), ("", "")])
def test_a_program_of_an_image_is_asked_only_where_that_does_not_begin_it(
    scratch: Scratch, asked: str, version: str
) -> None:
    """RabbitMQ serves, whatever it is asked; an engine that carries out here what it should in a container shows it."""
    place = scratch.home
    inside = 'while [ "$1" != --entrypoint ]; do shift; done\nprogram=$2; shift 3\nexec "$program" "$@"'
    for name, text in {"docker": inside, "it": f"touch {place}/begun\necho it 1.2"}.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (place / name).chmod(0o755)
    values = {
        "image": "it:1",
        "wanted": "no-such it",
        "asked": asked,
        "enter": f"{place}/servers/it-1",
        "text": "#!/bin/sh\n",
    }
    script = boxed.told(values) + (SCRIPTS / "image.sh").read_text("utf-8")
    env = {"PATH": f"{place}:{os.environ['PATH']}"}
    said = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert said == f"program\tit\t{place}/it\t{version}\n"
    assert (place / "begun").exists() == bool(asked)
