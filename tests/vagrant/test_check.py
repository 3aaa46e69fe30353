"""What is missing here, what of a spec a machine cannot honour, and where servers come from."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from envman.services import catalogue
from envman.spec.model import Service, Spec, System
from envman_vagrant import check, providers
from tests.vagrant.described import asked


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(providers, "processor", lambda: "x86_64")


def _faults(**table: Any) -> list[str]:
    table = {"provider": "libvirt", **table}
    return [".".join(map(str, one.path)) for one in check.check(Spec(options={"vagrant": asked(**table)}))]


def _of(service: Service, *, packages: tuple[str, ...] = (), **table: Any) -> list[str]:
    options = {"vagrant": asked(provider="libvirt", **table)}
    spec = Spec(services={"db": service}, system=System(packages=packages), options=options)
    return [f"{'.'.join(map(str, one.path))} {one.message}" for one in check.check(spec)]


def test_no_vagrant_comes_first(tmp_path: Path) -> None:
    (problem,) = check.missing({"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert problem.message == "vagrant is not on this machine"
    assert problem.hint


def test_a_vagrant_without_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vagrant").write_text("#!/bin/sh\n")
    (tmp_path / "vagrant").chmod(0o755)
    monkeypatch.setattr(providers, "_PLUGINS", ())
    problems = check.missing({"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert len(problems) > 1
    assert all(one.hint for one in problems)


def test_it_asks_quickly_and_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: None)
    check.missing({"PATH": "/usr/bin:/bin", "HOME": "/nowhere"})  # a process would fail this test


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ({"folder": "virtualbox"}, "vagrant.folder"),
        ({"gui": True}, "vagrant.gui"),
        ({"provider": "parallels", "disk": "20 GB"}, "vagrant.disk"),
        ({"provider": "docker", "box": "image", "cpus": 2}, "vagrant.cpus"),
        ({"provider": "lxc"}, "vagrant.provider"),
        ({"provider": "hyperv", "network": "192.168.56.10"}, "vagrant.network"),
        ({"box_version": "1"}, "vagrant.box_version"),
    ],
)
def test_what_a_provider_cannot_do(table: dict[str, Any], path: str) -> None:
    assert _faults(**table) == [path]


def test_what_it_can_is_no_fault() -> None:
    assert _faults(cpus=2, memory="2 GB", disk="20 GB", folder="rsync", network="192.168.56.10") == []
    assert _faults(provider="virtualbox", gui=True, disk="20 GB", folder="virtualbox") == []


def test_an_image_is_no_fault() -> None:
    assert _of(Service(image="getmeili/meilisearch:v1.10")) == []


@pytest.mark.parametrize(
    ("service", "place"),
    [
        (Service(use="smtp", source="container"), "services.db.source"),
        (Service(use="postgres", version="15", source="wheel"), "services.db.source"),
        (Service(use="smtp", source="binary"), "services.db.source"),
    ],
)
def test_a_server_that_nobody_brings(service: Service, place: str) -> None:
    (fault,) = _of(service)
    assert fault.startswith(place)


@pytest.mark.parametrize("version", ["15", "16", "17", "18"])
def test_a_server_that_debian_a_wheel_or_an_image_brings(version: str) -> None:
    assert _of(Service(use="postgres", version=version)) == []
    assert _of(Service(use="postgres", version=version, source="container")) == []


def test_a_box_of_the_user_s_own_may_have_anything() -> None:
    assert _of(Service(use="postgres", version="16", source="binary"), box="own/box") == []


def test_offers() -> None:
    found = {one.version: (one.source, one.how) for one in check.offers(catalogue.find("postgres"), {})}
    assert found["15"] == ("binary", "postgresql-15, installed inside")
    assert found["18"][0] == "wheel"
    assert found["16"] == ("container", "postgres:16, by an engine inside")
    for name in catalogue.names():
        offered = check.offers(catalogue.find(name), {})
        assert offered, name
        assert any(one.source for one in offered), f"no version of {name} works in a machine"
