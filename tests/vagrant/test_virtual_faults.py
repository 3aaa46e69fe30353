"""What can happen to a machine with a provider of its own: an up mends it, and data is lost only when that is said."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.containers import until
from tests.support.machines import VIRTUAL, Machine

pytestmark = [pytest.mark.engine, pytest.mark.machine]

SPEC = f'name = "shop"\nbackend = "vagrant"\n{VIRTUAL}[services.db]\nuse = "postgres"\nversion = "15"\n'


@pytest.fixture(scope="module")
def shop(machine: Machine) -> Machine:
    """The one machine of all tests, with a server that keeps data."""
    machine.bare()
    machine.write({"envman.toml": SPEC})
    machine.up()
    return machine


def virsh(*words: str) -> str:
    done = subprocess.run(["virsh", "-q", "-c", "qemu:///system", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def assert_whole(shop: Machine) -> None:
    told = shop.status()
    assert (told["state"], told["drift"]) == ("running", []), told
    assert shop.up()["steps"] == []


def test_powered_off_during_a_run_and_forgotten_by_vagrant(shop: Machine) -> None:
    shop.ssh("echo kept > /home/kept; sync").check_returncode()
    call = shop.start("run", "sleep", "1000")
    until(lambda: shop.ssh("pgrep -fx 'sleep 1000'").returncode == 0, 30)
    virsh("destroy", f"{shop.name}-default")
    _, said = call.communicate(timeout=120)
    assert call.returncode == 125, said
    assert "the connection to the machine was lost" in said
    (shop.folder / "vagrant/machine/machines/default/libvirt/id").unlink()
    before = virsh("domuuid", f"{shop.name}-default")
    shop.up()
    assert_whole(shop)
    assert virsh("domuuid", f"{shop.name}-default") == before
    assert shop.ssh("cat /home/kept").stdout == "kept\n"


def test_booted_again_from_inside(shop: Machine) -> None:
    began = shop.ssh("cat /proc/sys/kernel/random/boot_id").stdout
    shop.ssh("systemctl reboot")
    until(lambda: shop.ssh("true").returncode != 0, 60)
    shop.up()
    assert_whole(shop)
    assert shop.ssh("cat /proc/sys/kernel/random/boot_id").stdout not in ("", began)


def test_lost_by_its_provider(shop: Machine) -> None:
    name = f"{shop.name}-default"
    virsh("destroy", name)
    virsh("undefine", name)
    refused = shop.envman("up")
    assert refused.code == 1
    assert "the machine is not: its provider has lost it" in refused.err
    kept = shop.envman("destroy", "--yes")
    assert kept.code == 1
    assert "envman destroy --data removes all of it" in kept.err
    assert shop.envman("destroy", "--yes", "--data").code == 0
    pools = virsh("pool-list", "--name").split()
    assert not [one for pool in pools for one in virsh("vol-list", pool).splitlines() if name in one]
