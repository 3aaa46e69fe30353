"""What only a machine with a kernel of its own can do: sleep, be kept as it is, have other hardware."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.machines import VIRTUAL, Machine

pytestmark = [pytest.mark.engine, pytest.mark.machine]

SPEC = f'name = "shop"\nbackend = "vagrant"\n{VIRTUAL}'


@pytest.fixture(scope="module")
def shop(machine: Machine) -> Machine:
    """The shared one, up."""
    machine.bare()
    machine.write({"envman.toml": SPEC})
    machine.up()
    return machine


def steps(shop: Machine, spec: str = SPEC) -> list[tuple[str, str]]:
    shop.write({"envman.toml": spec})
    return [(step["name"], step["reason"]) for step in shop.up()["steps"]]


def test_it_has_a_kernel_of_its_own(shop: Machine) -> None:
    own = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    said = shop.envman("run", "cat", "/proc/sys/kernel/random/boot_id")
    assert said.code == 0
    assert said.out != own


def test_suspended_it_comes_back_with_all_that_ran(shop: Machine) -> None:
    sleeps = f'{SPEC}stop = "suspend"\n'
    assert steps(shop, sleeps) == []
    shop.ssh("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! > /run/sleeper")
    boot = shop.ssh("cat /proc/sys/kernel/random/boot_id").stdout
    assert "suspended" in shop.envman("down").err
    assert shop.status()["state"] == "stopped"
    assert steps(shop, sleeps) == [("machine", "it is suspended")]
    assert shop.ssh("cat /proc/sys/kernel/random/boot_id; kill $(cat /run/sleeper)").stdout == boot
    assert abs(float(shop.ssh("date +%s").stdout) - _now()) < 10


def test_a_snapshot_brings_the_whole_machine_back(shop: Machine) -> None:
    shop.write({"envman.toml": SPEC})
    assert shop.ssh("echo first > /etc/kept").returncode == 0
    saved = shop.envman("snapshot", "save", "before", "--machine")
    assert saved.code == 0, saved.err
    again = shop.envman("snapshot", "save", "before", "--machine")
    assert again.code == 2
    assert shop.envman("snapshot", "list", "--machine", "--json").result["machines"] == ["before"]
    assert shop.ssh("echo second > /etc/kept; find /opt/venv -mindepth 1 -delete").returncode == 0
    refused = shop.envman("snapshot", "restore", "before", "--machine")
    assert refused.code == 2
    assert "all that was done in the machine since is lost" in refused.err
    restored = shop.envman("snapshot", "restore", "before", "--machine", "--yes")
    assert restored.code == 0, restored.err
    assert shop.ssh("cat /etc/kept").stdout == "first\n"
    assert shop.envman("run", "python", "-c", "print(1)").out == "1\n"
    assert shop.envman("snapshot", "delete", "before", "--machine", "--yes").code == 0
    assert shop.envman("snapshot", "list", "--machine", "--json").result["machines"] == []
    unknown = shop.envman("snapshot", "restore", "before", "--machine", "--yes")
    assert unknown.code == 2
    assert 'there is no snapshot "before" of the machine' in unknown.err


def test_its_own_address_comes_with_the_machine_alone(shop: Machine) -> None:
    assert "10.121.7.9/" in shop.ssh("ip -4 -brief address").stdout
    shop.write({"envman.toml": SPEC.replace("10.121.7.9", "10.121.7.8")})
    refused = shop.envman("up")
    assert refused.code == 1
    assert "libvirt gives a machine its networks when it is made, and this one has 10.121.7.9" in refused.err
    assert "envman destroy" in refused.err


def test_other_hardware_takes_one_reload(shop: Machine) -> None:
    changed = SPEC.replace("1 GB", "768 MB").replace("cpus = 2", "cpus = 1")
    shop.write({"envman.toml": changed})
    assert [(one["input"], one["fix"]) for one in shop.status()["drift"]] == [("machine", "envman up")]
    assert steps(shop, changed) == [("machine", "what it is made from changed")]
    assert shop.ssh("nproc").stdout == "1\n"
    assert 500_000 < int(shop.ssh("sed -n 's/MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo").stdout) < 800_000
    assert shop.envman("run", "sh", "-c", "echo x > made").code == 0
    assert (shop.root / "made").read_text(encoding="utf-8") == "x\n"
    assert steps(shop, changed) == []


def _now() -> float:
    import time

    return time.time()
