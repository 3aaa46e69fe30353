"""The parts of services that start nothing: leases, order, recipes, the catalogue, facts and passwords."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envman.dependencies.source import Kind, Source
from envman.errors import StepFailed
from envman.identity import Identity
from envman.interpreters import Request
from envman.project import Project
from envman.services import catalogue, facts, lease, order, passwords, recipe
from envman.spec.model import Command, Service, ServicePort, Spec
from envman.spec.recipe import PROBES, faults


def project(services: Mapping[str, Service], *, identity: Identity | None = None, **ports: int) -> Project:
    return Project(
        root=Path("/work-of-nobody/shop"),
        name="shop",
        identity=identity,
        spec=Spec(services=services),
        spec_file=None,
        local=None,
        source=Source(kind=Kind.UV_LOCK, files=(), fingerprint="inputs"),
        python=Request(text="3.12", asked_by="the spec"),
        ports={facts.port_name(name): port for name, port in ports.items()},
        memory={},
        inputs=(),
    )


class TestLease:
    """A pid together with its start."""

    def test_what_is_written_is_read(self, tmp_path: Path) -> None:
        file = str(tmp_path / "one.lease")
        lease.write(file, {"state": "running", "title": "python -m http.server", "port": ""})
        assert lease.read(file) == {"state": "running", "title": "python -m http.server", "port": ""}
        assert os.listdir(tmp_path) == ["one.lease"]

    @pytest.mark.parametrize("text", ["", "\n", "no tab", "state\trunning", "\0\xff\t\n\n\t"])
    def test_a_damaged_one_holds_nothing(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "one.lease"
        file.write_text(text)
        found = lease.read(str(file))
        assert not lease.holds(found)
        assert lease.process(found, "server") is None

    def test_an_absent_one_says_nothing(self, tmp_path: Path) -> None:
        assert lease.read(str(tmp_path / "none")) == {}

    def test_one_that_was_cut_off_loses_its_last_line_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "one.lease"
        file.write_text("state\trunning\nserver\t12 3")
        assert lease.read(str(file)) == {"state": "running"}

    @pytest.mark.parametrize("text", ["", "12", "12 ", "x 5", "-1 5", "1.5 5", " 12 5"])
    def test_a_process_needs_a_pid_and_a_start(self, text: str) -> None:
        assert lease.process({"server": text}, "server") is None

    def test_we_ourselves_live_and_a_reused_pid_does_not(self) -> None:
        began = lease.started(os.getpid())
        assert began
        assert lease.is_alive((os.getpid(), began))
        assert not lease.is_alive((os.getpid(), f"{began}0"))
        assert lease.started(2**22 + 1) is None

    @pytest.mark.parametrize("state", ["stopping", "failed", "stopped", ""])
    def test_only_one_that_runs_holds(self, state: str) -> None:
        own = f"{os.getpid()} {lease.started(os.getpid())}"
        assert lease.holds({"state": "running", "server": own, "guardian": own})
        assert not lease.holds({"state": state, "server": own, "guardian": own})

    @pytest.mark.parametrize("missing", ["server", "guardian"])
    def test_both_have_to_live(self, missing: str) -> None:
        own = f"{os.getpid()} {lease.started(os.getpid())}"
        whole = {"state": "running", "server": own, "guardian": own}
        assert not lease.holds({**whole, missing: ""})
        assert not lease.holds({**whole, missing: f"{os.getpid()} 1"})


class TestOrder:
    """Each after those that it needs."""

    def _services(self, needs: Mapping[str, tuple[str, ...]]) -> dict[str, Service]:
        return {name: Service(run=Command(("x",)), needs=needed) for name, needed in needs.items()}

    def test_those_without_needs_are_one_wave_in_the_order_of_the_spec(self) -> None:
        assert order.waves(self._services({"b": (), "a": (), "c": ()})) == [["b", "a", "c"]]

    def test_a_diamond_has_three_waves(self) -> None:
        services = self._services({"d": ("b", "c"), "b": ("a",), "c": ("a",), "a": ()})
        assert order.waves(services) == [["a"], ["b", "c"], ["d"]]
        assert order.started(services) == ["a", "b", "c", "d"]

    def test_no_services_have_no_waves(self) -> None:
        assert order.waves({}) == []

    @pytest.mark.parametrize("needs", [{"a": ("b",), "b": ("a",)}, {"a": ("a",)}, {"a": ("nobody",)}])
    def test_what_can_never_start_does_not_turn_in_circles(self, needs: dict[str, tuple[str, ...]]) -> None:
        assert order.waves(self._services(needs)) == []

    @given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=12))
    def test_nobody_starts_before_those_that_it_needs(self, drawn: list[list[int]]) -> None:
        # Who may be needed stands before: no circles.
        names = [f"s{number}" for number in range(len(drawn))]
        needs = {names[at]: tuple({names[one % at] for one in needed} if at else ()) for at, needed in enumerate(drawn)}
        begun: set[str] = set()
        for wave in order.waves(self._services(dict(reversed(needs.items())))):
            assert all(begun.issuperset(needs[name]) for name in wave)
            begun.update(wave)
        assert begun == set(names)


class TestRecipe:
    """A service as data."""

    def test_places_are_filled_and_other_braces_stay(self) -> None:
        assert recipe.filled("-c port={port} {host}", {"port": "1", "host": "h"}) == "-c port=1 h"
        assert recipe.filled("a { b } {} {x y}", {}) == "a { b } {} {x y}"

    def test_a_value_with_braces_is_not_filled_again(self) -> None:
        assert recipe.filled("{a}{b}", {"a": "{b}", "b": "x"}) == "{b}x"

    def test_an_unknown_place_is_told(self) -> None:
        with pytest.raises(StepFailed, match=r"\{nothing\}"):
            recipe.filled("{nothing}", {"port": "1"})

    @pytest.mark.parametrize(
        ("version", "asked", "same"),
        [
            ("17.10", "17", True),
            ("17", "17", True),
            ("17.10", "1", False),
            ("170.1", "17", False),
            ("8.0.36", "8.0", True),
            ("8.10", "8.1", False),
            ("17.10", "17.10", True),
            ("17", "17.10", False),
        ],
    )
    def test_the_major_version_binds(self, version: str, asked: str, same: bool) -> None:
        assert recipe.same_major(version, asked) is same


class TestCatalogue:
    """Every file of it."""

    def test_the_promised_ones_are_there(self) -> None:
        assert {"postgres", "redis"} <= set(catalogue.names())

    @pytest.mark.parametrize("name", catalogue.names())
    def test_a_recipe_is_whole(self, name: str) -> None:
        found = catalogue.find(name)
        assert found.name == name
        assert found.title
        assert found.versions
        assert 0 < found.port < 65536
        assert "{port}" in found.url
        # An address of HTTP is given to clients beside the key and the secret.
        assert not found.password or "{password}" in found.url or found.url.startswith("http://")
        assert found.image or found.wheels
        assert not list(faults(found, ()))
        assert found.native.programs
        assert found.native.argv
        assert found.native.probe in PROBES
        assert found.native.stop in ("TERM", "INT", "QUIT")
        assert 0 < found.native.patience <= 60

    @pytest.mark.parametrize("name", catalogue.names())
    def test_its_lists_are_of_strings_and_frozen(self, name: str) -> None:
        found = catalogue.find(name)
        for value in (found.versions, found.debian, found.native.folders, found.native.argv):
            assert isinstance(value, tuple)
            assert all(isinstance(word, str) for word in value)
        for tool in (*found.native.template, *found.native.create):
            assert tool.argv
            assert all(isinstance(word, str) for word in tool.argv)

    @pytest.mark.parametrize("name", catalogue.names())
    def test_no_password_stands_in_a_command_line(self, name: str) -> None:
        found = catalogue.find(name)
        native = found.native
        tools = (*native.template, *native.create, *(tool for tool in (native.dump, native.restore) if tool))
        for argv in (native.argv, *(tool.argv for tool in tools)):
            assert not [word for word in argv if "{password}" in word]

    @pytest.mark.parametrize("name", catalogue.names())
    def test_a_wheel_is_pinned_to_one_version_and_by_hashes(self, name: str) -> None:
        for wheel in catalogue.find(name).wheels:
            assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+(post\d+)?", wheel.requirement), wheel.requirement
            assert wheel.hashes
            assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in wheel.hashes)
            assert len(set(wheel.hashes)) == len(wheel.hashes)
            assert wheel.version in catalogue.find(name).versions

    @pytest.mark.parametrize("name", catalogue.names())
    def test_it_listens_where_its_clients_ask(self, name: str) -> None:
        found = catalogue.find(name)
        written = [*found.native.argv, *found.native.files.values(), *found.native.env.values()]
        assert any("{port}" in text for text in written)
        assert any("{host}" in text for text in written)
        assert not any("0.0.0.0" in text for text in written)


class TestFacts:
    """What clients need to know."""

    def test_a_database_has_a_url_with_its_password(self) -> None:
        own = Identity(id="0123456789abcdef")
        passwords.ensure(own, ["db"])
        secret = passwords.of(own)["db"]
        found = facts.on_host(project({"db": Service(use="postgres")}, identity=own, db=5433))["db"]
        assert found["url"] == f"postgresql://app:{secret}@127.0.0.1:5433/app"
        assert (found["host"], found["port"], found["user"], found["name"]) == ("127.0.0.1", "5433", "app", "app")

    def test_before_the_first_up_the_port_is_the_asked_one(self) -> None:
        found = facts.on_host(project({"db": Service(use="postgres", port=ServicePort(host=7000))}))["db"]
        assert found["port"] == "7000"
        assert facts.on_host(project({"db": Service(use="postgres")}))["db"]["port"] == "5432"

    def test_a_process_with_a_port_has_an_address_and_one_without_has_none(self) -> None:
        run = Command(("serve",))
        services = {"web": Service(run=run, port=ServicePort(host=8000)), "worker": Service(run=run)}
        found = facts.on_host(project(services, web=8001))
        assert found["web"]["url"] == "http://127.0.0.1:8001"
        assert found["worker"]["url"] == found["worker"]["port"] == ""

    @pytest.mark.parametrize(
        ("service", "port"),
        [
            (Service(use="postgres"), 5432),
            (Service(use="redis"), 6379),
            (Service(use="redis", port=ServicePort(host=7)), 7),
            (Service(image="x", port=ServicePort(inside=7700)), 7700),
            (Service(image="x", port=ServicePort(inside=7700, host=8)), 8),
            (Service(run=Command(("x",))), None),
        ],
    )
    def test_the_wanted_port_is_the_hosts_else_the_inner_else_the_recipes(
        self, service: Service, port: int | None
    ) -> None:
        assert facts.wanted_port(Spec(services={"one": service}), "one") == port


class TestPasswords:
    """Made once, for the user alone."""

    def _file(self, own: Identity) -> Path:
        (found,) = own.folder.rglob("secrets.json")
        return found

    def test_each_service_has_its_own_and_keeps_it(self) -> None:
        own = Identity(id="0123456789abcdef")
        assert passwords.of(None) == passwords.of(own) == {}
        passwords.ensure(own, ["db", "cache"])
        first = passwords.of(own)
        passwords.ensure(own, ["cache", "db", "queue"])
        second = passwords.of(own)
        assert set(first) == {"db", "cache"}
        assert {name: second[name] for name in first} == first
        assert len(set(second.values())) == 3

    def test_it_is_long_and_needs_no_quoting(self) -> None:
        own = Identity(id="0123456789abcdef")
        passwords.ensure(own, ["db"])
        assert re.fullmatch("[0-9a-f]{32}", passwords.of(own)["db"])

    def test_the_file_is_the_users_alone(self) -> None:
        own = Identity(id="0123456789abcdef")
        passwords.ensure(own, ["db"])
        passwords.ensure(own, ["cache"])
        assert stat.S_IMODE(self._file(own).stat().st_mode) == 0o600

    def test_nothing_new_writes_nothing(self) -> None:
        own = Identity(id="0123456789abcdef")
        passwords.ensure(own, ["db"])
        before = self._file(own).stat().st_mtime_ns, self._file(own).stat().st_ino
        passwords.ensure(own, ["db"])
        passwords.ensure(own, [])
        assert (self._file(own).stat().st_mtime_ns, self._file(own).stat().st_ino) == before

    @pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"db": 5}', '{"db": null}', "\0"])
    def test_a_damaged_file_says_nothing(self, content: str) -> None:
        own = Identity(id="0123456789abcdef")
        passwords.ensure(own, ["db"])
        self._file(own).write_text(content)
        assert passwords.of(own) == {}

    def test_two_projects_share_none(self) -> None:
        one, other = Identity(id="0123456789abcdef"), Identity(id="fedcba9876543210")
        for own in (one, other):
            passwords.ensure(own, ["db"])
        assert passwords.of(one) != passwords.of(other)

    def test_what_is_kept_is_json(self) -> None:
        own = Identity(id="0123456789abcdef")
        passwords.ensure(own, ["db"])
        told: Any = json.loads(self._file(own).read_text())
        assert told == dict(passwords.of(own))
