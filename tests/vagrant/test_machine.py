"""What a machine can be told: scripts that provision it, Ruby of the project's own, a network, its ssh."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.containers import docker
from tests.support.machines import Machine
from tests.support.scratch import Scratch
from tests.vagrant.conftest import SPEC, Make

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Machine:
    """One project, whose spec grows from test to test."""
    made = lasting()
    made.up()
    return made


def steps(shop: Machine, more: str = "", **variables: str) -> list[str]:
    shop.write({"envman.toml": SPEC + more})
    return [step["name"] for step in shop.up(**variables)["steps"]]


class TestProvision:
    """A script that Vagrant runs: once, and again when its content changed."""

    MORE = 'provision = [{shell = "provision.sh", args = ["a b"]}]\n'

    def test_it_runs_once_and_again_after_a_change_alone(self, shop: Machine) -> None:
        shop.write({"provision.sh": 'echo "first $1 $(id -un)" >> /root/provisioned\n'})
        assert steps(shop, self.MORE) == ["provision"]
        assert steps(shop, self.MORE) == []
        (shop.root / "provision.sh").touch()
        assert steps(shop, self.MORE) == []
        shop.write({"provision.sh": 'echo "second $1" >> /root/provisioned\n'})
        assert shop.envman("plan", "--exit-code").code == 1
        assert steps(shop, self.MORE) == ["provision"]
        assert shop.ssh("cat /root/provisioned").stdout == "first a b root\nsecond a b\n"

    def test_one_that_fails_is_told_and_tried_again(self, shop: Machine) -> None:
        shop.write({"envman.toml": SPEC + self.MORE, "provision.sh": "echo trying; test -e /root/allowed\n"})
        failed = shop.envman("up")
        assert failed.code == 1
        assert "Traceback" not in failed.err
        assert "a defect in envman" not in failed.err
        shop.ssh("touch /root/allowed")
        assert steps(shop, self.MORE) == ["provision"]

    def test_one_that_is_not_there_is_named(self, shop: Machine) -> None:
        shop.write({"envman.toml": f'{SPEC}provision = [{{shell = "no-such.sh"}}]\n'})
        failed = shop.envman("up")
        assert failed.code == 2
        assert "vagrant.provision[0].shell: no-such.sh is not there" in failed.err


class TestRaw:
    """A file of Ruby is carried out on this machine: a change of it is asked about."""

    MORE = 'raw = "more.rb"\n'
    TEXT = 'config.vm.provider(:docker) {{ |docker| docker.env = {{"FROM_RAW" => "{0}"}} }}\n'

    def test_it_counts_and_a_change_has_to_be_trusted(self, passing: Make) -> None:
        shop = passing(**{"more.rb": self.TEXT.format("first"), "envman.toml": SPEC + self.MORE})
        shop.up()
        assert "FROM_RAW=first" in shop.ssh("tr '\\0' '\\n' < /proc/1/environ").stdout.split()
        assert steps(shop, self.MORE) == []
        shop.write({"more.rb": self.TEXT.format("second")})
        refused = shop.envman("up")
        assert refused.code == 2
        assert "more.rb is carried out on this machine, and has changed" in refused.err
        assert steps(shop, self.MORE, ENVMAN_TRUST=str(shop.root / "more.rb"))[0] == "machine"
        assert steps(shop, self.MORE) == []

    def test_a_fault_in_it_is_told_with_its_place(self, passing: Make) -> None:
        shop = passing(**{"more.rb": "\nconfig.vm.no_such = 1\nraise 'broken'\n", "envman.toml": SPEC + self.MORE})
        failed = shop.envman("up")
        assert failed.code in (1, 2)
        assert "more.rb" in failed.err
        assert "a defect in envman" not in failed.err


class TestAddress:
    """How others reach it."""

    def test_plain_ssh_takes_the_settings(self, shop: Machine, tmp_path: Path) -> None:
        steps(shop)
        said = shop.envman("ssh-config")
        assert said.code == 0, said.err
        file = tmp_path / "config"
        file.write_text(said.out, encoding="utf-8")
        host = said.out.splitlines()[0].removeprefix("Host ")
        done = subprocess.run(
            ["ssh", "-F", str(file), host, "cat /etc/hostname; id -un"], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{host}\nroot\n"
        told = shop.envman("ssh-config", "--json").result
        assert told["host"] == host
        assert {"HostName", "Port", "User", "IdentityFile"} <= {one["name"] for one in told["settings"]}

    def test_of_a_machine_that_is_off_there_are_none(self, shop: Machine) -> None:
        steps(shop)
        assert shop.envman("down").code == 0
        said = shop.envman("ssh-config")
        assert said.code == 1
        assert "hint: envman up" in said.err
        assert steps(shop)[:1] == ["machine"]


class TestGone:
    """Others stop and remove machines too."""

    def test_one_that_was_stopped_elsewhere_is_started(self, shop: Machine) -> None:
        steps(shop)
        docker("stop", "-t", "5", _container(shop))
        assert shop.status()["state"] == "stopped"
        assert steps(shop)[:1] == ["machine"]
        assert shop.envman("run", "true").code == 0

    def test_one_that_was_removed_elsewhere_is_made_anew(self, shop: Machine) -> None:
        steps(shop)
        docker("rm", "-f", _container(shop))
        assert shop.status()["state"] == "absent"
        assert {"machine", "system", "python", "packages"} <= set(steps(shop))
        assert shop.envman("run", "true").code == 0

    def test_one_that_has_no_snapshots_says_so(self, shop: Machine) -> None:
        steps(shop)
        refused = shop.envman("snapshot", "save", "before", "--machine")
        assert refused.code == 3
        assert "has no snapshots of whole machines" in refused.err


def _container(shop: Machine) -> str:
    file = shop.folder / "vagrant" / "machine" / "machines" / "default" / "docker" / "id"
    return file.read_text(encoding="utf-8").strip()


def test_a_user_without_vagrant_is_told_what_brings_it(tmp_path: Path, scratch: Scratch) -> None:
    scratch.write({"envman.toml": 'backend = "vagrant"\n'})
    failed = scratch.envman("up", PATH=str(tmp_path))
    assert failed.code == 3
    assert "vagrant is not on this machine" in failed.err
