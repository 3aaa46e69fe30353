"""The table of providers, and which of them is taken."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envman.errors import EngineMissing, UsageError
from envman.frozen import replace
from envman_vagrant import providers
from envman_vagrant.options import Options
from envman_vagrant.providers import Provider


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(providers, "processor", lambda: "x86_64")
    monkeypatch.setattr(providers, "_PLUGINS", ())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user whose machine has nothing."""
    (tmp_path / "bin").mkdir()
    return {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}


@pytest.fixture
def libvirt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The table with libvirt alone, whose socket is one of the test's, and listens."""
    place = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(place))
        line.listen()
        one = providers.table()["libvirt"]
        changed = replace(one, sockets=(str(place),))
        monkeypatch.setattr(providers, "table", lambda: {"libvirt": changed})
        yield changed


def _program(environ: dict[str, str], name: str) -> None:
    file = Path(environ["PATH"]) / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


def _plugin(environ: dict[str, str], name: str) -> None:
    home = Path(environ["HOME"]) / ".vagrant.d"
    home.mkdir(exist_ok=True)
    (home / "plugins.json").write_text(json.dumps({"version": "1", "installed": {name: {}}}))


def test_the_table_is_whole() -> None:
    known = {"name", "box", "cpus", "memory", "disk", "gui"}
    for name, one in providers.table().items():
        assert one.title
        assert one.hint
        assert one.places <= known, name
        assert one.folders, name
        assert set(one.folders) <= set(providers.folders())
        assert not providers.folders()[one.folders[0]].asked, f"{name} would choose what has to be asked for"
        if one.state:
            assert set(one.state.words) <= {"running", "saved", "poweroff", "aborted", "gone"}
            assert one.state.argv[0] not in ("sh", "vagrant")


def test_a_machine_s_name_begins_with_ours() -> None:
    for name, one in providers.table().items():
        found = providers.filled(one, {"name": "envman-shop-01234567", "box": "b"})
        named = [value for value in found.values() if str(value).startswith("envman-shop-01234567")]
        assert named or name == "qemu", name  # which has no names


def test_nothing_here_says_why_for_each_in_order(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    lone = {name: replace(one, sockets=("/nowhere/sock",) if one.sockets else ())
            for name, one in providers.table().items()}  # fmt: skip
    monkeypatch.setattr(providers, "table", lambda: lone)
    with pytest.raises(EngineMissing) as raised:
        providers.choose(Options(), environ)
    said = [one.message for one in raised.value.problems]
    assert [word.split()[0] for word in said] == ["libvirt", "VirtualBox", "VMware"]
    assert all(one.hint for one in raised.value.problems)


def test_the_one_asked_for_is_the_only_one_looked_at(environ: dict[str, str]) -> None:
    with pytest.raises(EngineMissing) as raised:
        providers.choose(Options(provider="virtualbox"), environ)
    (problem,) = raised.value.problems
    assert problem.message == "VirtualBox is not on this machine"


def test_a_provider_of_another_platform(environ: dict[str, str]) -> None:
    with pytest.raises(EngineMissing, match="Hyper-V does not run on linux"):
        providers.choose(Options(provider="hyperv"), environ)


def test_libvirt_needs_its_plugin(libvirt: Provider, environ: dict[str, str]) -> None:
    with pytest.raises(EngineMissing, match="Vagrant has no plugin for libvirt"):
        providers.choose(Options(), environ)
    _plugin(environ, "vagrant-libvirt")
    assert providers.choose(Options(), environ) == libvirt


def test_libvirt_that_died_has_left_its_socket(
    libvirt: Provider, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plugin(environ, "vagrant-libvirt")
    dead = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(dead))
    changed = replace(libvirt, sockets=(str(dead),))
    monkeypatch.setattr(providers, "table", lambda: {"libvirt": changed})
    with pytest.raises(EngineMissing, match="libvirt does not answer"):
        providers.choose(Options(), environ)


def test_a_kernel_module_that_is_not_loaded(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(environ, "VBoxManage")
    changed = replace(providers.table()["virtualbox"], modules=(str(tmp_path / "vboxdrv"),))
    monkeypatch.setattr(providers, "table", lambda: {"virtualbox": changed})
    with pytest.raises(EngineMissing, match="kernel module of VirtualBox is not loaded"):
        providers.choose(Options(provider="virtualbox"), environ)


def test_no_usual_box_for_a_processor(
    libvirt: Provider, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _plugin(environ, "vagrant-libvirt")
    monkeypatch.setattr(providers, "processor", lambda: "riscv64")
    with pytest.raises(EngineMissing, match="no usual box for riscv64"):
        providers.choose(Options(), environ)
    assert providers.choose(Options(box="own/box"), environ) == libvirt


def test_a_container_is_no_machine_unless_asked(environ: dict[str, str]) -> None:
    _program(environ, "docker")
    assert [one.name for one in providers.here(environ)] == ["docker"]
    assert providers.choose(Options(provider="docker"), environ).image


def test_the_best_folder_that_works_here(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    one = providers.table()["libvirt"]
    known = dict(providers.folders())
    here = replace(known["virtiofs"], needs=("virtiofsd",))
    monkeypatch.setattr(providers, "folders", lambda: {**known, "virtiofs": here})
    _program(environ, "rsync")
    copied = providers.folder_of(one, None, environ)
    assert (copied.kind, copied.live, copied.owners) == ("rsync", False, False)
    _program(environ, "virtiofsd")
    shared = providers.folder_of(one, None, environ)
    assert (shared.kind, shared.live, shared.owners, shared.frozen) == ("virtiofs", True, True, True)
    assert providers.folder_of(one, "rsync", environ).kind == "rsync"


def test_a_folder_that_the_provider_does_not_have(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="libvirt has no virtualbox folders"):
        providers.folder_of(providers.table()["libvirt"], "virtualbox", environ)


def test_a_folder_that_is_asked_for_and_cannot_work(environ: dict[str, str]) -> None:
    with pytest.raises(EngineMissing, match="rsync folders need rsync"):
        providers.folder_of(providers.table()["libvirt"], "rsync", environ)


def test_what_the_spec_does_not_say_is_left_to_the_box() -> None:
    one = providers.table()["libvirt"]
    assert providers.filled(one, {"name": "n", "cpus": None}) == {"default_prefix": "n-"}
    assert providers.filled(one, {"name": "n", "cpus": 2})["cpus"] == 2
    assert providers.filled(providers.table()["qemu"], {"memory": 2048}) == {"memory": "2048M"}


def test_the_file_that_is_there_while_it_runs() -> None:
    assert providers.table()["libvirt"].watched("envman-a") == "/run/libvirt/qemu/envman-a-default.pid"
    assert providers.table()["virtualbox"].watched("envman-a") == ""
