"""Which services of the venv level come as containers, without any engine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from envman import identity
from envman.backend import Offer
from envman.errors import EngineMissing
from envman.identity import Identity
from envman.problem import Problem
from envman.project import Project
from envman.services import containers, lease
from envman.spec.model import Service, Spec
from envman.spec.recipe import Recipe
from envman_venv import check, enter
from envman_venv.services import boxed
from envman_venv.services.servers import Boxed, Wanting
from tests.services.test_parts import project

OWN = Identity(id="0123456789abcdef")
NOTHING: dict[str, str] = {"PATH": ""}


class Engine:
    """One that answers, or does not."""

    ENTER = "enter_of_nobody"

    def __init__(self) -> None:
        self.answers = True
        self.stopped: list[str] = []

    def missing(self, environ: Mapping[str, str]) -> Sequence[Problem]:
        return [] if self.answers else [Problem(message="no engine answers")]

    def offers(self, recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
        return [Offer(version="8", source="container", title="Valkey 8", how="valkey/valkey:8")]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(containers, "offered", lambda: ("docker", made))
    return made


def _shop(*, version: str = "8", source: str = "auto") -> Project:
    return project({"cache": Service(use="redis", version=version, source=source)}, identity=OWN)


def _mark(name: str) -> None:
    file = OWN.data / ".boxed" / name
    file.parent.mkdir(parents=True)
    file.touch()


class TestChosen:
    """What brings a server, in this order: where its data is, a program, a wheel, a container."""

    @pytest.mark.parametrize("source", ["auto", "container"])
    def test_a_container_where_nothing_else_brings_it(self, engine: Engine, source: str) -> None:
        found = boxed.chosen(_shop(source=source), "cache", NOTHING)
        assert found == Boxed(title="Valkey 8", image="valkey/valkey:8")

    @pytest.mark.parametrize("source", ["wheel", "binary"])
    def test_not_where_the_spec_says_otherwise(self, engine: Engine, source: str) -> None:
        assert isinstance(boxed.chosen(_shop(source=source), "cache", NOTHING), Wanting)

    def test_not_where_a_wheel_would_bring_it(self, engine: Engine) -> None:
        assert isinstance(boxed.chosen(_shop(version="9"), "cache", NOTHING), Wanting)

    def test_not_where_its_data_is_that_of_a_server_of_this_machine(self, engine: Engine) -> None:
        (OWN.data / "cache").mkdir(parents=True)
        assert isinstance(boxed.chosen(_shop(), "cache", NOTHING), Wanting)
        assert isinstance(boxed.chosen(_shop(source="container"), "cache", NOTHING), Boxed)

    def test_still_where_its_data_is_in_a_container(self, engine: Engine) -> None:
        _mark("cache")
        assert isinstance(boxed.chosen(_shop(version="9"), "cache", NOTHING), Boxed)
        engine.answers = False
        assert isinstance(boxed.chosen(_shop(), "cache", NOTHING), Boxed)  # and its start says what is missing
        boxed.leave(OWN, "cache")
        assert isinstance(boxed.chosen(_shop(), "cache", NOTHING), Wanting)

    def test_an_image_needs_an_engine(self, engine: Engine) -> None:
        shop = project({"search": Service(image="search:1")}, identity=OWN)
        assert boxed.chosen(shop, "search", NOTHING) == Boxed(title="search:1", image="search:1")
        engine.answers = False
        assert boxed.chosen(shop, "search", NOTHING) is None


class TestCheck:
    """What is told before any engine is asked."""

    def test_nothing_where_a_backend_runs_containers(self, engine: Engine) -> None:
        spec = Spec(services={"cache": Service(use="redis", source="container"), "search": Service(image="search:1")})
        assert check.check(spec) == []

    def test_each_key_where_none_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(containers, "offered", lambda: None)
        spec = Spec(services={"cache": Service(use="redis", source="container"), "search": Service(image="search:1")})
        assert [fault.path for fault in check.check(spec)] == [
            ("services", "cache", "source"),
            ("services", "search", "image"),
        ]

    def test_a_recipe_without_an_image(self, engine: Engine) -> None:
        (fault,) = check.check(Spec(services={"mail": Service(use="smtp", source="container")}))
        assert "no container image" in fault.message


class TestAlive:
    """Whoever runs it is asked, on the hot path too."""

    @pytest.fixture
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
        module = ModuleType("enter_of_nobody")
        module.__dict__["alive"] = lambda place, environ: place == {"containers": "one"}
        monkeypatch.setitem(sys.modules, "enter_of_nobody", module)
        file = tmp_path / "cache.lease"
        note = {"state": "running", "source": "container", "enter": "enter_of_nobody", "place.containers": "one"}
        lease.write(str(file), note)
        return {"leases": str(file)}

    def test_by_its_own_module(self, place: Mapping[str, str]) -> None:
        assert enter.alive(place, {})
        lease.write(place["leases"], {**lease.read(place["leases"]), "place.containers": "another"})
        assert not enter.alive(place, {})

    def test_one_that_was_stopped_is_not_asked_for(self, place: Mapping[str, str]) -> None:
        lease.write(place["leases"], {**lease.read(place["leases"]), "state": "stopped"})
        assert not enter.alive(place, {})


def test_whose_engine_has_something_of_the_project_is_remembered(engine: Engine) -> None:
    identity.remember(OWN, backends=["venv"])
    containers.remember_use(OWN)
    containers.remember_use(OWN)
    assert identity.recall(OWN)["backends"] == ["venv", "docker"]


def test_an_engine_that_does_not_answer_is_told(engine: Engine) -> None:
    engine.answers = False
    job: Any = SimpleNamespace(project=_shop(), environ={})
    with pytest.raises(EngineMissing, match="no engine answers"):
        boxed.held("cache", job)
