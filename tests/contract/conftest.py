"""The contract runs over every registered backend: a new one is tested by being installed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from envman.backend import load, registered
from tests.support import engines, machines
from tests.support.scratch import Scratch

SPEC = """\
name = "shop"
backend = "{backend}"
env_files = ["settings.env"]

[env]
GREETING = "from the spec"
FROM_HOST = "${{HOST_WORD:-nothing}}"
WHERE = "{{project.name}}"
ROOT = "{{project.root}}"
ADDRESS = "{{ports.web.bind}}"
PORT = "{{ports.web.inside}}"
SITE = "http://localhost:{{ports.web.host}}"

[ports]
web = {port}

[tasks]
speak = "gamma"
list = ["python", "-c", "import sys; print(sys.argv[1:])"]

[hooks]
setup = [{{run = "echo done >> setup.log", inputs = ["data/**"]}}]
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _levels() -> Iterator[object]:
    for name in sorted(registered()):
        # A level that variables lead to has an engine, and not every machine has that.
        marks = [pytest.mark.engine] if load(name).DEPENDS else []
        yield pytest.param(name, marks=[*marks, pytest.mark.machine] if name == "vagrant" else marks)


@pytest.fixture(params=_levels())
def level(request: pytest.FixtureRequest) -> str:
    """The name of a backend that this machine can run."""
    engines.needs(str(request.param))
    return str(request.param)


def _described(scratch: Scratch, level: str, more: str = "") -> None:
    scratch.write(
        {
            "envman.toml": SPEC.format(backend=level, port=_free_port()) + more,
            "requirements.txt": "alpha==1.0\ngamma\nplatformed\n",
            "settings.env": "GREETING='from the file'\nONLY_IN_FILE=here\n",
            "data/one.txt": "1\n",
        }
    )


@pytest.fixture
def shop(request: pytest.FixtureRequest, scratch: Scratch, level: str) -> Iterator[Scratch]:
    """A small project on the backend under test, not up yet; what it made of engines goes at the end."""
    if level == "vagrant":  # to boot one takes longer than any test
        machine = request.getfixturevalue("machine")
        machine.bare()
        _described(machine, level, machines.VIRTUAL)
        yield machine
        return
    _described(scratch, level)
    yield scratch
    scratch.envman("destroy", "--yes", "--data")


@pytest.fixture
def fresh(scratch: Scratch, level: str) -> Iterator[Scratch]:
    """The same, which is never on anything that was there before."""
    if level == "vagrant":
        machines.needs_container()
    _described(scratch, level, machines.CONTAINER if level == "vagrant" else "")
    yield scratch
    scratch.envman("destroy", "--yes", "--data")
