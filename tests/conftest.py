"""What all tests share: nothing reaches the user's own folders, and few tests may start processes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support import machines
from tests.support.index import Index
from tests.support.machines import Machine
from tests.support.scratch import Scratch
from tests.support.wheels import make_sdist, make_wheel

NO_ENGINE = "unix:///nowhere/docker.sock"
NO_PROVIDER = "nowhere"
_MAY_START = ("shells", "docs", "engine", "support", "bench", "docker")
# Whoever starts the tests in the background of a script, or with nohup, has all of them ignore signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take minutes begin first: in the end, all other workers would wait for them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With `--dist loadgroup`, tests that share something are done by one worker."""
    if config.getoption("dist") != "loadgroup":
        return None
    from tests.support.workers import together

    return together(config, log)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVMAN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ENVMAN_CACHE", str(tmp_path / "cache"))
    for name in ("ENVMAN_BACKEND", "ENVMAN_PROFILE", "ENVMAN_TRUST", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _starts_nothing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that does not say it works on a scratch project cannot start a process."""
    if "scratch" in request.fixturenames or request.node.get_closest_marker("engine"):
        return
    if any(word in request.path.parts for word in _MAY_START):
        return

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("this test starts a process, and has no scratch project")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that the tests install: small, quick, and always the same."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    for version in ("1.0", "2.0"):
        make_wheel(folder, "alpha", version, modules={"alpha.py": f"version = '{version}'\n"})
    make_wheel(folder, "beta", "1.0", requires=["alpha"], modules={"beta.py": "import alpha\n"})
    make_wheel(
        folder,
        "gamma",
        "1.0",
        modules={"gamma.py": "def main():\n    print('gamma speaks')\n"},
        scripts={"gamma": "gamma:main"},
    )
    make_wheel(folder, "onwindows", "1.0")
    make_wheel(folder, "platformed", "1.0", requires=["onwindows; sys_platform == 'win32'", "alpha"])
    make_sdist(folder, "unbuildable", "1.0", fails=True, static=True)
    return folder


@pytest.fixture(scope="session")
def index(wheelhouse: Path) -> Iterator[Index]:
    """A package index of the tests' own, so that they need no network."""
    with Index(wheelhouse) as served:
        yield served


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests of a session."""
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def scratch(
    request: pytest.FixtureRequest, tmp_path: Path, index: Index, uv_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Scratch:
    """An empty project folder with a user of its own."""
    monkeypatch.setenv("ENVMAN_TEST_UV_CACHE", str(uv_cache))
    if request.node.get_closest_marker("engine") is None:
        # Whether this machine has an engine must make no difference.
        monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
        monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", NO_PROVIDER)
    os.environ.pop("VIRTUAL_ENV", None)
    return Scratch(tmp_path, index.url)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Iterator[Machine]:
    """The one virtual machine of all tests, whatever was done in it."""
    machines.needs_virtual()
    made = Machine(tmp_path_factory.mktemp("machine"), index.url)
    try:
        yield made
    finally:
        made.gone()
