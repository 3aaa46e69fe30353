"""What the tests of services share: projects with real servers, of which nothing is left at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import NO_ENGINE, NO_PROVIDER
from tests.services.support import CACHE, CLIENT, DATABASE, VARIABLES, Shop

Another = Callable[..., Shop]


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for a session: servers and packages are fetched once."""
    return tmp_path_factory.mktemp("services-cache")


@pytest.fixture
def scratch(tmp_path: Path, shared_cache: Path) -> Iterator[Shop]:
    """An empty project folder with a user of its own, who has the machine's own package index."""
    made = Shop(tmp_path, shared_cache)
    # Whether this machine has an engine must make no difference.
    made.environ |= {"DOCKER_HOST": NO_ENGINE, "VAGRANT_DEFAULT_PROVIDER": NO_PROVIDER}
    yield made
    if made.data.exists():
        made.destroy()


@pytest.fixture
def shop(scratch: Shop) -> Shop:
    """A project with PostgreSQL, Valkey and the clients of both, not up yet."""
    scratch.describe(DATABASE + CACHE + VARIABLES)
    scratch.write({"requirements.txt": "psycopg[binary]>=3.2\nredis>=5\n", "client.py": CLIENT})
    return scratch


@pytest.fixture
def another(shop: Shop, tmp_path: Path, shared_cache: Path) -> Iterator[Another]:
    """Further projects of the same user, which are the same until their spec is written anew."""
    made: list[Shop] = []

    def make(name: str) -> Shop:
        twin = Shop(tmp_path, shared_cache, name=name)
        for file in ("envman.toml", "requirements.txt", "client.py"):
            twin.write({file: (shop.root / file).read_text(encoding="utf-8")})
        made.append(twin)
        return twin

    yield make
    for twin in made:
        # The user's other projects are not looked at here.
        outcome = twin.envman("destroy", "--yes", "--data")
        assert outcome.code == 0, outcome.err
