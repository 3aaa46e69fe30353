"""The starters with servers, as a newcomer uses them: they come up, keep what they are given, and never meet."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.support import Shop, free_port, until

pytestmark = pytest.mark.engine

Begin = Callable[[str], Shop]
_SIGN = "from guestbook.models import Entry; Entry.objects.create(name='Ann')"
_CACHED = "from django.core.cache import cache; cache.set('kept', 7, None)"
_COUNT = (
    "from guestbook.models import Entry; from django.core.cache import cache; "
    "print(Entry.objects.count(), cache.get('kept'))"
)
_SERVICES = {"django": ("db", "cache", "web"), "worker": ("queue",)}


def _git(project: Shop, *words: str) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *settings, *words], cwd=project.root, env=project.environ, check=True, capture_output=True)


def _at(project: Shop, ports: dict[str, int], more: str = "") -> None:
    # Tests that run side by side must not want the same ports.
    lines = [f"[services.{name}]\nport = {port}\n" for name, port in ports.items()]
    project.write({"envman.local.toml": "".join(lines) + more})


@pytest.fixture
def ports() -> dict[str, int]:
    """What the tests' projects ask for, all of them the same."""
    return {name: free_port() for name in ("db", "cache", "web", "queue")}


@pytest.fixture
def begin(scratch: Shop, ports: dict[str, int]) -> Begin:
    """A project that began with a starter."""

    def make(starter: str) -> Shop:
        _git(scratch, "init")
        said = scratch.envman("init", "--starter", starter)
        assert said.code == 0, said.err
        _at(scratch, {name: ports[name] for name in _SERVICES[starter]})
        _git(scratch, "add", "--all")
        _git(scratch, "commit", "-m", "begin")
        return scratch

    return make


@pytest.fixture
def worktree(scratch: Shop, tmp_path: Path, shared_cache: Path) -> Iterator[Shop]:
    """The place of a second worktree of the project."""
    made = Shop(tmp_path, shared_cache, name="second")
    yield made
    if (made.root / "envman.toml").exists():
        outcome = made.envman("destroy", "--yes", "--data")
        assert outcome.code == 0, outcome.err


def _django(project: Shop, program: str) -> str:
    said = project.envman("run", "--no-up", "manage", "shell", "--no-imports", "-c", program)
    assert said.code == 0, said.err
    return said.out.strip()


def _page(project: Shop) -> str:
    url = project.status()["services"]["web"]["host"]["url"]
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


class TestDjango:
    """Django with PostgreSQL and a cache in Valkey."""

    def test_it_comes_up_migrated_passes_its_tests_and_keeps_its_data(
        self, begin: Begin, ports: dict[str, int]
    ) -> None:
        site = begin("django")
        steps = [step["name"] for step in site.up()["steps"]]
        assert steps.index("db") < steps.index("setup") < steps.index("web")
        assert "Seen 1 times" in _page(site)
        tested = site.envman("run", "test")
        assert (tested.code, "2 passed" in tested.out) == (0, True), tested.out
        _django(site, f"{_SIGN}; {_CACHED}")
        assert "<li>Ann," in _page(site)
        assert site.up()["steps"] == []

        site.down()
        assert "setup" not in [step["name"] for step in site.up()["steps"]]
        assert _django(site, _COUNT) == "1 7"

        _git(site, "clean", "-fdx")
        assert not (site.root / ".envman").exists()
        _at(site, {name: ports[name] for name in _SERVICES["django"]})
        site.up()
        assert _django(site, _COUNT) == "1 7"
        assert "<li>Ann," in _page(site)

    def test_a_new_migration_is_applied_by_the_next_up(self, begin: Begin) -> None:
        site = begin("django")
        site.up()
        models = site.root / "guestbook" / "models.py"
        field = '    said = models.TextField(default="")\n'
        models.write_text(models.read_text().replace("    at = ", f"{field}    at = "))
        assert site.envman("run", "--no-up", "manage", "makemigrations").code == 0
        assert [step["name"] for step in site.up()["steps"]] == ["setup"]
        asked = "from guestbook.models import Entry; print(Entry.objects.filter(said='').count())"
        assert _django(site, asked) == "0"

    def test_two_worktrees_have_ports_and_data_of_their_own(
        self, begin: Begin, worktree: Shop, ports: dict[str, int]
    ) -> None:
        first = begin("django")
        _git(first, "worktree", "add", "-b", "second", str(worktree.root))
        _at(worktree, {name: ports[name] for name in _SERVICES["django"]})
        calls = [one.start("up") for one in (first, worktree)]
        said = [call.communicate(timeout=120)[1] for call in calls]
        assert [call.returncode for call in calls] == [0, 0], said
        found = [one.status()["services"] for one in (first, worktree)]
        assert len({services[name]["host"]["port"] for services in found for name in _SERVICES["django"]}) == 6
        _django(first, f"{_SIGN}; {_CACHED}")
        assert [_django(one, _COUNT) for one in (first, worktree)] == ["1 7", "0 None"]
        assert ["Ann" in _page(one) for one in (first, worktree)] == [True, False]


class TestWorker:
    """A worker that takes jobs from RabbitMQ."""

    def _send(self, project: Shop, job: str) -> None:
        said = project.envman("run", "--no-up", "send", job)
        assert said.code == 0, said.err

    def test_the_queue_is_declared_before_the_worker_begins_and_jobs_are_done(self, begin: Begin) -> None:
        project = begin("worker")
        steps = [step["name"] for step in project.up()["steps"]]
        assert steps[-3:] == ["queue", "declare", "worker"]
        self._send(project, "hello")
        until(lambda: "done: HELLO" in project.log("worker"))
        tested = project.envman("run", "test")
        assert (tested.code, "2 passed" in tested.out) == (0, True), tested.out
        assert project.up()["steps"] == []

    def test_a_job_that_nobody_took_survives_down_and_up(self, begin: Begin, ports: dict[str, int]) -> None:
        project = begin("worker")
        own = {"queue": ports["queue"]}
        _at(project, own, "[services]\nworker = false\n")
        project.up()
        assert set(project.status()["services"]) == {"queue", "declare"}
        self._send(project, "kept")
        project.down()
        _at(project, own)
        project.up()
        until(lambda: "done: KEPT" in project.log("worker"))
