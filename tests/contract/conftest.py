"""The contract runs over every registered backend: a new one is tested by being installed."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from envman.backend import load, registered
from tests.support import engines
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
        yield pytest.param(name, marks=pytest.mark.engine if load(name).DEPENDS else ())


@pytest.fixture(params=_levels())
def level(request: pytest.FixtureRequest) -> str:
    """The name of a backend that this machine can run."""
    engines.needs(str(request.param))
    return str(request.param)


@pytest.fixture
def shop(scratch: Scratch, level: str) -> Iterator[Scratch]:
    """A small project on the backend under test, not up yet; what it made of engines goes at the end."""
    scratch.write(
        {
            "envman.toml": SPEC.format(backend=level, port=_free_port()),
            "requirements.txt": "alpha==1.0\ngamma\nplatformed\n",
            "settings.env": "GREETING='from the file'\nONLY_IN_FILE=here\n",
            "data/one.txt": "1\n",
        }
    )
    yield scratch
    scratch.envman("destroy", "--yes", "--data")
