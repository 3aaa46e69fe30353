"""Every recipe with an image, through the client that people use: from inside by its name, and from this machine."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from envman.services import catalogue
from tests.docker.stacks import Stack
from tests.services.support import free_port
from tests.services.test_recipes import _HEAD, _WRONG, CLIENTS

pytestmark = pytest.mark.engine

_SPEC = """\
[env]
AWS_RESPONSE_CHECKSUM_VALIDATION = "when_required"
URL = "{services.it.url}"
WORD = "{services.it.password}"
[services.it]
use = "RECIPE"
port = PORT
"""
_WITH_IMAGE = [name for name in catalogue.names() if catalogue.find(name).has_container]


class Client:
    """The client of a recipe, in the container and on this machine."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._python = ""
        self.package, *_ = CLIENTS[name]

    def inside(self, *parts: str) -> tuple[int, str]:
        said = self._stack.envman("run", "--no-up", "python", "-c", "\n".join((_HEAD, *parts)))
        return said.code, said.out.strip() or said.err

    def outside(self, *parts: str) -> tuple[int, str]:
        stack = self._stack
        if not self._python:
            folder = str(stack.home / "client")
            subprocess.run([sys.executable, "-m", "uv", "venv", "-q", folder], env=stack.environ, check=True)
            self._python = f"{folder}/bin/python"
            words = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", self._python, self.package]
            subprocess.run(words, env=stack.environ, check=True, capture_output=True)
        word = stack.secrets.get("it", "")
        url = stack.status()["services"]["it"]["host"]["url"].replace("•••", word)
        env = stack.environ | {"URL": url, "WORD": word, "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"}
        words = [self._python, "-c", "\n".join((_HEAD, *parts))]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout.strip() or done.stderr


@pytest.mark.parametrize("name", _WITH_IMAGE)
def test_a_recipe_runs_in_the_stack_keeps_its_data_and_asks_for_its_password(stack: Stack, name: str) -> None:
    client = Client(stack, name)
    _, connect, write, read = CLIENTS[name]
    spec = _SPEC.replace("RECIPE", name).replace("PORT", str(free_port()))
    stack.write({"envman.toml": spec, "requirements.txt": client.package})
    served = stack.up()["services"]["it"]
    assert (served["state"], served["inside"]["host"]) == ("running", "it")
    assert stack.up()["steps"] == []
    (published,) = {
        tuple(one.items()) for ports in stack.inspect("it")["NetworkSettings"]["Ports"].values() for one in ports or ()
    }
    assert dict(published) == {"HostIp": "127.0.0.1", "HostPort": str(served["host"]["port"])}

    recipe = catalogue.find(name)
    assert client.inside(connect, write)[0] == 0
    if recipe.keeps:
        assert client.outside(connect, read) == (0, "kept")
    else:
        assert client.outside(connect, write)[0] == 0
    stack.down()
    stack.up()
    assert client.inside(connect, read) == (0, "kept")
    stack.docker("rm", "--force", *stack.ids("it"))
    assert stack.steps() == ["it"]
    assert client.outside(connect, read) == (0, "kept")
    if recipe.password:
        assert client.inside(_WRONG, connect)[0] != 0
        assert client.outside(_WRONG, connect)[0] != 0
        word = stack.secrets["it"]
        assert word not in stack.docker("inspect", *stack.ids())
        assert word not in stack.compose_file.read_text()
    assert stack.status()["services"]["it"]["why"] is None


def test_a_server_whose_own_check_fails_is_degraded(stack: Stack) -> None:
    stack.write({"envman.toml": f'[services.it]\nuse = "redis"\nport = {free_port()}\n'})
    health = 'test = ["CMD", "false"], interval = "1s", retries = 1, start_period = "1s"'
    stack.write(
        {"envman.local.toml": f'backend = "docker"\n[docker]\ncompose = {{services.it.healthcheck = {{{health}}}}}\n'}
    )
    stack.up()
    end = time.monotonic() + 20
    while stack.status()["services"]["it"]["state"] == "running" and time.monotonic() < end:
        time.sleep(0.3)
    assert stack.status()["services"]["it"]["state"] == "degraded"
