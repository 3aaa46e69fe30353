"""Whatever happens to a machine, its connection and its notes: an up mends it, and a destroy leaves nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.containers import docker, until
from tests.support.machines import Machine
from tests.support.processes import alive
from tests.vagrant.conftest import SPEC, Make

pytestmark = pytest.mark.engine

FILES = {
    "envman.toml": f'{SPEC}[services.worker]\nrun = "exec sleep 100000"\n[hooks]\nsetup = ["echo done >> setup.log"]\n',
    "requirements.txt": "alpha==1.0\n",
}


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Machine:
    """One that is broken again and again, and mended each time."""
    made = lasting(**FILES)
    made.up()
    return made


@pytest.fixture
def own(passing: Make) -> Iterator[Machine]:
    """One for a single test, not up yet; at its end nothing is left of it."""
    made = passing(**FILES)
    yield made
    assert_nothing_is_left(made)


def assert_whole(shop: Machine) -> None:
    """All runs, and there is nothing to do."""
    told = shop.status()
    assert (told["state"], told["drift"]) == ("running", []), told["drift"]
    assert told["services"]["worker"]["state"] == "running"
    assert shop.up()["steps"] == []
    said = shop.envman("run", "python", "-c", "import alpha")
    assert said.code == 0, said.err


def assert_nothing_is_left(shop: Machine) -> None:
    """A destroy removes all of the machine that is on this one."""
    if not (shop.root / ".envman" / "id").exists():
        return  # it never began, or has gone already
    name, control, kept = shop.name, control_of(shop), shop.folder
    volumes = [one for one in docker("inspect", "-f", VOLUMES, name).split() if one] if exists(name) else []
    said = shop.envman("destroy", "--yes", "--data")
    assert said.code == 0, said.err
    assert not exists(name)
    assert not docker("network", "ls", "-q", "-f", f"name={name}")
    assert not set(volumes) & set(docker("volume", "ls", "-q").split())
    assert processes_of(shop) == []
    assert not control.exists()
    assert not (kept / "vagrant").exists()
    assert not (shop.root / ".envman" / "vagrant").exists()
    assert shop.status()["state"] == "absent"


VOLUMES = "{{range .Mounts}}{{.Name}} {{end}}"


def exists(name: str) -> bool:
    return bool(docker("ps", "-aq", "-f", f"name=^{name}$"))


def control_of(shop: Machine) -> Path:
    """The socket of the shared connection."""
    text = shop.config.read_text(encoding="utf-8") if shop.config.exists() else 'ControlPath "/nowhere"'
    return Path(text.partition('ControlPath "')[2].partition('"')[0])


def processes_of(shop: Machine) -> list[str]:
    """What runs on this machine for the project: vagrant, ssh, whoever holds the connection."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if str(shop.home).encode() in told and entry.name != str(os.getpid()):
                found.append((entry / "cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " "))
        except OSError:
            continue
    return [one for one in found if one]


def vagrant(shop: Machine, *words: str) -> None:
    """The user's own vagrant, with our files."""
    place = shop.folder / "vagrant"
    own = {"VAGRANT_CWD": str(place / "files"), "VAGRANT_DOTFILE_PATH": str(place / "machine")}
    env = {**shop.environ, **own, "VAGRANT_DEFAULT_PROVIDER": "docker"}
    subprocess.run(["vagrant", *words], env=env, check=True, capture_output=True, cwd=shop.root)


def _inside(shop: Machine, script: str) -> None:
    done = shop.ssh(script)
    assert done.returncode == 0, done.stderr


def _rebooted(shop: Machine) -> None:
    before = docker("inspect", "-f", "{{.State.StartedAt}}", shop.name)
    shop.ssh("systemctl reboot")

    def has_ended() -> bool:
        told = docker("inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}", shop.name)
        return told != f"true {before}"

    until(has_ended, 30)


FAULTS: dict[str, Callable[[Machine], object]] = {
    "the machine is killed": lambda shop: docker("kill", shop.name),
    "the machine is stopped": lambda shop: docker("stop", shop.name),
    "the machine is paused": lambda shop: docker("pause", shop.name),
    "the machine is halted with vagrant": lambda shop: vagrant(shop, "halt"),
    "the machine is removed": lambda shop: docker("rm", "-f", "-v", shop.name),
    "the machine is destroyed with vagrant": lambda shop: vagrant(shop, "destroy", "--force"),
    "the machine is booted again from inside": _rebooted,
    "whoever holds the connection is killed": lambda shop: os.kill(shop.holder, signal.SIGKILL),
    "the socket of the connection is removed": lambda shop: control_of(shop).unlink(),
    "the ssh server is killed with all that it serves": lambda shop: docker("exec", shop.name, "pkill", "-9", "sshd"),
    "a process is killed": lambda shop: _inside(shop, "systemctl kill -s KILL envman-worker"),
    "a process is stopped": lambda shop: _inside(shop, "systemctl stop envman-worker"),
    "the environment is removed": lambda shop: _inside(shop, "rm -rf /opt/venv"),
    "the environment's Python is removed": lambda shop: _inside(shop, "rm -f /opt/venv/bin/python*"),
    "a package is removed by hand": lambda shop: shop.envman("run", "uv", "pip", "uninstall", "-q", "alpha"),
    "the notes in it are removed": lambda shop: _inside(shop, "rm -rf /var/lib/envman/notes"),
    "all of ours in it is removed": lambda shop: _inside(shop, "rm -rf /var/lib/envman /usr/local/lib/envman"),
    "our tools in it are removed": lambda shop: _inside(shop, "rm -rf /usr/local/lib/envman"),
    "the generated files are removed": lambda shop: shutil.rmtree(shop.root / ".envman"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_up_mends_it(shop: Machine, fault: str) -> None:
    FAULTS[fault](shop)
    said = shop.envman("up")
    assert said.code == 0, said.err
    assert_whole(shop)


def test_one_that_is_paused_is_seen_at_once(shop: Machine) -> None:
    """The connection to it stays for half a minute."""
    docker("pause", shop.name)
    assert shop.status()["state"] == "stopped"
    assert shop.up()["steps"][0]["name"] == "machine"
    assert_whole(shop)


@pytest.mark.parametrize("fault", ["the machine is killed", "whoever holds the connection is killed"])
def test_a_run_mends_it_too(shop: Machine, fault: str) -> None:
    FAULTS[fault](shop)
    assert shop.status()["state"] != "running"
    said = shop.envman("run", "echo", "inside")
    assert (said.code, said.out) == (0, "inside\n"), said.err
    assert_whole(shop)


def test_each_of_our_files_can_be_lost(shop: Machine) -> None:
    place = shop.folder / "vagrant"
    names = sorted(str(one.relative_to(place)) for one in place.rglob("*") if one.is_file())
    assert "machine/machines/default/docker/id" in names
    for name in names:
        (place / name).unlink(missing_ok=True)
        said = shop.envman("up")
        assert said.code == 0, f"{name}: {said.err}"
        assert_whole(shop)


def test_a_machine_that_dies_during_a_run(shop: Machine) -> None:
    call = shop.start("run", "sleep", "1000")
    until(lambda: shop.ssh("pgrep -fx 'sleep 1000'").returncode == 0)
    docker("kill", shop.name)
    _, said = call.communicate(timeout=60)
    assert call.returncode == 125, said
    assert "the connection to the machine was lost" in said
    shop.up()
    assert_whole(shop)


def test_a_key_that_is_lost_can_be_replaced(own: Machine) -> None:
    """The container knows Vagrant's own key, which nobody can lose: here, the machine forgets it instead."""
    own.up()
    _inside(own, "rm -f /home/vagrant/.ssh/authorized_keys /root/.ssh/authorized_keys")
    os.kill(own.holder, signal.SIGKILL)
    said = own.envman("up")
    assert said.code == 1
    assert "ssh does not let us in" in said.err
    assert "envman destroy" in said.err
    assert own.envman("destroy", "--yes").code == 0
    own.up()
    assert_whole(own)


def test_a_full_disk_is_said_and_mended(own: Machine) -> None:
    own.up()
    _inside(own, "mount -t tmpfs -o size=64k none /opt/venv/lib/python3*/site-packages/ 2>&1 || true")
    own.write({"requirements.txt": "alpha==1.0\ngamma\n"})
    _inside(own, "head -c 60000 /dev/zero > $(echo /opt/venv/lib/python3*/site-packages)/full")
    said = own.envman("up")
    assert said.code == 1
    assert "No space left on device" in said.err
    assert "make room" in said.err
    _inside(own, "umount /opt/venv/lib/python3*/site-packages")
    own.up()
    assert_whole(own)


class TestKilled:
    """Killed or interrupted at any moment: the next up completes the work."""

    @pytest.mark.parametrize(
        ("moment", "counts"), [("step", (1,) * 7), ("started", (1, 3, 8, 17)), ("write", (2, 14)), ("line", (1, 7))]
    )
    def test_again_and_again_each_goes_on_where_the_one_before_it_ended(
        self, own: Machine, moment: str, counts: tuple[int, ...]
    ) -> None:
        ends = [own.killed(moment, count).code for count in counts]
        assert ends[0] == -signal.SIGKILL
        assert set(ends) <= {0, -signal.SIGKILL}
        own.up()
        assert_whole(own)

    def test_with_its_children_while_the_machine_begins(self, own: Machine) -> None:
        call = own.start("up")
        until(lambda: any("vagrant" in one and " up " in one for one in processes_of(own)), 30)
        until(lambda: _is_made(own), 60)
        for pid in (call.pid, *_below(call.pid)):
            os.kill(pid, signal.SIGKILL)
        call.communicate()
        own.up()
        assert_whole(own)

    def test_ctrl_c_says_one_thing_each_time_and_leaves_nothing(self, own: Machine) -> None:
        for moment, count in (("line", 3), ("started", 4), ("step", 1), ("step", 1)):
            ended = own.killed(moment, count, interrupt=True)
            assert ended.code == 130, ended.err
            assert ended.err.endswith("interrupted; the next envman up resumes\n")
            assert "Traceback" not in ended.err
        own.up()
        assert_whole(own)

    def test_ctrl_c_while_the_machine_begins(self, own: Machine) -> None:
        call = own.start("up")
        until(lambda: _is_made(own), 60)
        os.killpg(call.pid, signal.SIGINT)
        _, said = call.communicate(timeout=90)
        assert call.returncode == 130, said
        assert said.endswith("interrupted; the next envman up resumes\n")
        assert alive(call.pid) == []
        assert not [one for one in processes_of(own) if re.search(r"vagrant.* up ", one)]
        own.up()
        assert_whole(own)

    def test_ctrl_c_in_a_hook_that_will_not_hear_it(self, own: Machine) -> None:
        own.write({"stubborn.sh": "trap '' INT TERM\ntouch begun\nwhile :; do sleep 0.2; done\n"})
        own.write(
            {"envman.toml": f'{FILES["envman.toml"].partition("[hooks]")[0]}[hooks]\nsetup = ["sh stubborn.sh"]\n'}
        )
        call = own.start("up")
        until((own.root / "begun").exists, 60)
        os.killpg(call.pid, signal.SIGINT)
        _, said = call.communicate(timeout=30)
        assert call.returncode == 130, said
        until(lambda: own.ssh("pgrep -f stubborn.sh | grep -v $$").stdout.split() == [])


def _is_made(shop: Machine) -> bool:
    """Whether the machine is there, of a project that may not even have its name yet."""
    try:
        return exists(shop.name)
    except (OSError, KeyError):
        return False


def _below(pid: int) -> list[int]:
    """All that a process has started, and what that has."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            facts = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(facts[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        mine = parents.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found
