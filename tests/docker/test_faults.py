"""Whatever happens to a project's containers, images and notes: envman says what is the matter, and an up mends it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker.conftest import Make
from tests.support.containers import container, deaf, docker, identity, inspected, of, processes, until
from tests.support.proxy import Proxy
from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

SPEC = """\
name = "shop"
backend = "docker"
[ports]
web = {port}
[services.cache]
use = "redis"
port = {other}
[services.worker]
run = "exec sleep 100000"
[hooks]
setup = ["echo done >> setup.log"]
"""
SMALL = 'name = "shop"\nbackend = "docker"\n'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Scratch:
    """One that is broken again and again, and mended each time."""
    made = lasting(**{"envman.toml": SPEC.format(port=free_port(), other=free_port())})
    made.up()
    return made


@pytest.fixture
def own(passing: Make) -> Scratch:
    """One for a single test, not up yet."""
    return passing(**{"envman.toml": SMALL})


def stack(shop: Scratch) -> str:
    return f"shop-{identity(shop)[:8]}"


def assert_whole(shop: Scratch) -> None:
    """All runs, on the ports of before, and there is nothing to do."""
    told = shop.status()
    assert (told["state"], told["drift"]) == ("running", []), told
    assert {one["state"] for one in told["services"].values()} <= {"running"}
    assert shop.up()["steps"] == []
    assert shop.envman("run", "python", "-c", "import alpha").code == 0


def _all(shop: Scratch) -> None:
    docker("rm", "-f", *of(identity(shop))["containers"])
    docker("network", "rm", f"{stack(shop)}_default")


def _notes(shop: Scratch) -> None:
    shutil.rmtree(shop.data / "projects" / identity(shop) / "docker")


def _data(shop: Scratch) -> None:
    docker("rm", "-f", container(shop, "cache"))
    docker("volume", "rm", *of(identity(shop))["volumes"])


FAULTS: dict[str, Callable[[Scratch], object]] = {
    "the workspace is removed": lambda shop: docker("rm", "-f", container(shop)),
    "the workspace is stopped": lambda shop: docker("stop", "-t", "1", container(shop)),
    "the workspace is killed": lambda shop: docker("kill", container(shop)),
    "the workspace is paused": lambda shop: docker("pause", container(shop)),
    "a server is removed": lambda shop: docker("rm", "-f", container(shop, "cache")),
    "a server is stopped": lambda shop: docker("stop", container(shop, "cache")),
    "a process is removed": lambda shop: docker("rm", "-f", container(shop, "worker")),
    "a process is killed": lambda shop: docker("kill", container(shop, "worker")),
    "containers and network are removed": _all,
    "a volume is removed": _data,
    "the notes are removed": _notes,
    "the image loses its name": lambda shop: docker("rmi", "-f", f"envman-{stack(shop)}:dev"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_up_mends_it(shop: Scratch, fault: str) -> None:
    ports, setup = shop.status()["ports"], (shop.root / "setup.log").read_text(encoding="utf-8")
    FAULTS[fault](shop)
    told = shop.status()
    assert told["state"] != "running"
    assert told["drift"] or told["state"] == "partial"
    shop.up()
    assert_whole(shop)
    assert shop.status()["ports"] == ports
    # Only a new container has to be set up.
    assert (shop.root / "setup.log").read_text(encoding="utf-8").startswith(setup)


def test_a_run_mends_it_too(shop: Scratch) -> None:
    docker("kill", container(shop))
    said = shop.envman("run", "echo", "inside")
    assert (said.code, said.out) == (0, "inside\n")


@pytest.mark.parametrize("name", [".envman", ".envman/docker"])
def test_generated_files_are_made_again(shop: Scratch, name: str) -> None:
    before = identity(shop)
    shutil.rmtree(shop.root / name)
    shop.up()
    assert identity(shop) == before
    docker("rm", "-f", container(shop))
    shop.up()
    assert_whole(shop)


def test_a_base_that_is_gone_is_missed_only_when_it_is_needed(shop: Scratch) -> None:
    docker("rmi", "-f", f"envman-{stack(shop)}:base")
    assert_whole(shop)
    shop.write({"requirements.txt": "alpha==1.0\ngamma\n"})
    shop.up()
    assert "gamma" in shop.installed()
    shop.write({"requirements.txt": "alpha==1.0\n"})
    shop.up()


def test_what_the_spec_forgets_is_stopped(shop: Scratch) -> None:
    spec = (shop.root / "envman.toml").read_text(encoding="utf-8")
    shop.write({"envman.toml": spec.replace('[services.worker]\nrun = "exec sleep 100000"\n', "")})
    assert "container worker" in {one["input"] for one in shop.status()["drift"]}
    shop.up()
    assert len(of(identity(shop))["containers"]) == 2
    assert_whole(shop)
    shop.write({"envman.toml": spec})
    shop.up()


class TestNoEngine:
    """An engine that does not answer."""

    @pytest.mark.parametrize("words", [["up"], ["status"], ["down"], ["destroy", "--yes"], ["plan"], ["restart"]])
    def test_it_is_said_with_what_to_do(self, shop: Scratch, words: list[str]) -> None:
        said = shop.call(words, deaf())
        assert said.code == 3
        assert "no engine answers" in said.err
        assert "hint: start it" in said.err
        assert "Traceback" not in said.err
        assert shop.status()["state"] == "running"

    def test_run_answers_with_a_failure_of_its_own(self, shop: Scratch) -> None:
        assert shop.call(("run", "true"), deaf()).code == 125

    def test_one_that_goes_away_during_an_up(self, own: Scratch, tmp_path: Path) -> None:
        own.write({"envman.toml": f'{SMALL}[hooks]\nsetup = ["echo begun >> log; sleep 3"]\n'})
        with Proxy(tmp_path / "engine.sock", "/var/run/docker.sock") as proxy:
            call = own.start("up", DOCKER_HOST=proxy.address)
            until((own.root / "log").exists, 60)
            proxy.close()
            _, said = call.communicate(timeout=30)
        assert call.returncode in (1, 3), said
        assert "Traceback" not in said
        assert "defect" not in said
        own.write({"envman.toml": f'{SMALL}[hooks]\nsetup = ["echo again >> log"]\n'})
        own.up()
        assert_whole(own)


class TestWhatCannotStart:
    """One clear message each, and the way on."""

    def test_an_image_that_is_not_there(self, own: Scratch) -> None:
        own.write({"envman.toml": f'{SMALL}[services.it]\nimage = "no-such/image:v9"\n'})
        said = own.envman("up")
        assert said.code == 1
        assert "could not fetch no-such/image:v9" in said.err
        assert said.err.count("error:") == 1

    def test_a_server_that_never_answers(self, own: Scratch) -> None:
        health = 'health = {http = "/health", timeout = 2}'
        own.write(
            {"envman.toml": f'{SMALL}[services.it]\nimage = "valkey/valkey:9"\nport = {{inside = 6379}}\n{health}\n'}
        )
        said = own.envman("up")
        assert said.code == 1
        assert "it is not ready: after 2 s: /health" in said.err
        assert "Ready to accept connections" in said.err
        own.write({"envman.toml": f'{SMALL}[services.it]\nimage = "valkey/valkey:9"\nport = {{inside = 6379}}\n'})
        own.up()
        assert_whole(own)

    def test_a_process_that_crashes_again_and_again(self, own: Scratch) -> None:
        own.write({"envman.toml": f'{SMALL}[services.it]\nrun = "echo cannot; exit 3"\n'})
        said = own.envman("up")
        assert said.code == 1
        assert "it is not ready: it ended with 3" in said.err
        assert "cannot" in said.err
        assert own.status()["services"]["it"]["state"] == "degraded"
        assert not inspected(container(own, "it"))["State"]["Restarting"]
        own.write({"envman.toml": f'{SMALL}[services.it]\nrun = "exec sleep 1000"\n'})
        own.up()
        assert_whole(own)

    def test_a_part_of_the_docker_command_that_does_not_start(self, own: Scratch, tmp_path: Path) -> None:
        program = tmp_path / "config" / "cli-plugins" / "docker-buildx"
        program.parent.mkdir(parents=True)
        program.write_bytes(b"\x7fELF, and half of it")
        program.chmod(0o755)
        said = own.envman("up", DOCKER_CONFIG=str(tmp_path / "config"))
        assert said.code == 3
        assert f"{program} does not start: Exec format error" in said.err
        own.up()
        assert_whole(own)

    def test_a_port_that_is_taken_in_the_moment(self, own: Scratch) -> None:
        port = free_port()
        own.write({"envman.toml": f"{SMALL}[ports]\nweb = {port}\n"})
        own.up()
        own.envman("down")
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", port))
            thief.listen()
            own.write({"envman.toml": f"{SMALL}[ports]\nweb = {{port = {port}, strict = true}}\n"})
            refused = own.envman("up")
            assert refused.code == 5
            assert str(os.getpid()) in refused.err
        own.up()
        assert own.status()["ports"]["web"]["host"] == port


class TestOthers:
    """What has our names, and does not carry our label, is somebody's."""

    def test_containers_volumes_and_networks_of_others_stay(self, own: Scratch) -> None:
        own.write({"envman.toml": f'{SMALL}[services.cache]\nuse = "redis"\nport = {free_port()}\n'})
        own.up()
        name = stack(own)
        assert own.envman("destroy", "--yes").code == 0  # the data stays, and with it the id
        volumes = docker("volume", "ls", "-q", "-f", f"name={name}-cache").split()
        assert volumes == [f"{name}-cache"]
        docker("network", "create", f"{name}_default")
        docker("create", "--name", f"{name}-workspace-1", "valkey/valkey:9", "true")
        try:
            own.envman("up")
            own.envman("down")
            assert own.envman("destroy", "--yes", "--data").code == 0
            assert inspected(f"{name}-workspace-1")["Config"]["Image"] == "valkey/valkey:9"
            assert docker("network", "ls", "-q", "-f", f"name={name}_default")
        finally:
            docker("rm", "-f", f"{name}-workspace-1")
            docker("network", "rm", f"{name}_default")


class TestKilled:
    """Killed or interrupted at any moment: the next up completes the work."""

    @pytest.mark.parametrize(
        ("moment", "counts"), [("step", (1,) * 8), ("started", (1, 5, 9, 13)), ("write", (2, 7, 12))]
    )
    def test_again_and_again_each_goes_on_where_the_one_before_it_ended(
        self, own: Scratch, moment: str, counts: tuple[int, ...]
    ) -> None:
        own.write({"envman.toml": SPEC.format(port=free_port(), other=free_port())})
        ends = [own.killed(moment, count).code for count in counts]
        assert ends[0] == -signal.SIGKILL
        assert set(ends) <= {0, -signal.SIGKILL}
        own.up()
        assert_whole(own)

    def test_ctrl_c_says_one_thing_each_time_and_leaves_nothing(self, own: Scratch) -> None:
        for moment, count in (("started", 1), ("line", 3), ("step", 1), ("started", 2), ("step", 1), ("line", 1)):
            ended = own.killed(moment, count, interrupt=True)
            assert ended.code == 130, f"{moment} {count}: {ended.err}"
            assert ended.err.endswith("interrupted; the next envman up resumes\n")
            assert "Traceback" not in ended.err
        own.up()
        assert_whole(own)

    def test_ctrl_c_ends_the_build_in_the_engine(self, own: Scratch) -> None:
        mark = f"/tmp/{own.home.name}"
        own.write({"Dockerfile": f"FROM python:3.11-slim-bookworm\nRUN echo {time.time_ns()} {mark}; sleep 4242\n"})
        own.write({"envman.toml": f'{SMALL}[docker]\ndockerfile = "Dockerfile"\n'})
        call = own.start("up")
        until(lambda: _sleeps("4242"), 60)
        os.killpg(call.pid, signal.SIGINT)
        _, said = call.communicate(timeout=20)
        assert call.returncode == 130, said
        assert said.endswith("interrupted; the next envman up resumes\n")
        until(lambda: not _sleeps("4242"))

    def test_ctrl_c_ends_a_hook_that_will_not_hear_it(self, own: Scratch) -> None:
        own.write({"stubborn.sh": "trap '' INT TERM\ntouch began\nwhile :; do sleep 0.2; done\n"})
        own.write({"envman.toml": f'{SMALL}[hooks]\nsetup = ["sh stubborn.sh"]\n'})
        call = own.start("up")
        until((own.root / "began").exists, 60)
        os.killpg(call.pid, signal.SIGINT)
        _, said = call.communicate(timeout=30)
        assert call.returncode == 130, said
        until(lambda: processes(own) == [])


def _sleeps(seconds: str) -> bool:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes().rstrip(b"\0").endswith(f"sleep\0{seconds}".encode()):
                return True
        except OSError:
            continue
    return False


class TestNothingToDo:
    """An up of a whole project asks the engine one question, and nobody else."""

    def test_one_question(self, shop: Scratch, tmp_path: Path) -> None:
        with Proxy(tmp_path / "engine.sock", "/var/run/docker.sock") as proxy:
            here = {"DOCKER_HOST": proxy.address, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/"}
            assert shop.call(("up",), here).code == 0  # another address is another engine, for all that is known
            proxy.asked.clear()
            assert "nothing to do" in shop.call(("up",), here).err
            assert [line.split("?")[0] for line in proxy.asked] == ["GET /containers/json"]
            proxy.asked.clear()
            assert shop.call(("run", "true"), here).code == 0
            assert [line.split("?")[0].split("/")[1] for line in proxy.asked] == [
                "containers",
                "containers",
                "exec",
                "exec",
            ]
        shop.up()
