"""Projects on a real Docker Engine: those that tests may share, and those that they break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.docker.stacks import Stack
from tests.support import engines
from tests.support.index import Index
from tests.support.scratch import Scratch

Make = Callable[..., Scratch]


@contextmanager
def made(home: Path, index: Index, **files: str) -> Iterator[Scratch]:
    """One project; what it made of the engine goes at the end."""
    engines.needs("docker")
    scratch = Scratch(home, index.url)
    scratch.write({"envman.toml": 'backend = "docker"\n', "requirements.txt": "alpha==1.0\n", **files})
    try:
        yield scratch
    finally:
        scratch.envman("destroy", "--yes", "--data")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Iterator[Make]:
    """Makes a project for all tests of a module; what it made of the engine goes at the end."""
    with ExitStack() as stack:
        yield lambda **files: stack.enter_context(made(tmp_path_factory.mktemp("lasting"), index, **files))


@pytest.fixture
def passing(tmp_path: Path, index: Index) -> Iterator[Make]:
    """Makes a project for one test."""
    with ExitStack() as stack:
        yield lambda **files: stack.enter_context(made(tmp_path, index, **files))


@pytest.fixture(scope="session")
def machine_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for a session."""
    return tmp_path_factory.mktemp("docker-cache")


@pytest.fixture
def another_stack(tmp_path: Path, machine_cache: Path) -> Iterator[Callable[[str], Stack]]:
    """Makes projects whose servers and processes are containers; of all of them, nothing is left at the end."""
    engines.needs("docker")
    stacks: list[Stack] = []

    def make(name: str) -> Stack:
        stacks.append(Stack(tmp_path, machine_cache, name=name))
        return stacks[-1]

    yield make
    for one in stacks:
        if any(one.root.glob("*.toml")):
            outcome = one.envman("destroy", "--yes", "--data")
            assert outcome.code == 0, outcome.err


@pytest.fixture
def stack(another_stack: Callable[[str], Stack]) -> Stack:
    """One such project."""
    return another_stack("shop")
