"""Projects on machines of Vagrant that are soon there: those that tests may share, and those that they break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support import machines
from tests.support.index import Index
from tests.support.machines import CONTAINER, Machine

Make = Callable[..., Machine]
SPEC = f'name = "shop"\nbackend = "vagrant"\n{CONTAINER}'


@contextmanager
def made(home: Path, index: Index, **files: str) -> Iterator[Machine]:
    """One project; its machine goes at the end."""
    machines.needs_container()
    machine = Machine(home, index.url)
    machine.write({"envman.toml": SPEC, **files})
    try:
        yield machine
    finally:
        machine.envman("destroy", "--yes", "--data")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Iterator[Make]:
    """Makes a project for all tests of a module; its machine goes at the end."""
    with ExitStack() as stack:
        yield lambda **files: stack.enter_context(made(tmp_path_factory.mktemp("lasting"), index, **files))


@pytest.fixture
def passing(tmp_path: Path, index: Index) -> Iterator[Make]:
    """Makes a project for one test."""
    with ExitStack() as stack:
        yield lambda **files: stack.enter_context(made(tmp_path, index, **files))
