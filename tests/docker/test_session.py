"""What a command in a container does as only the engine lets it; the rest is in the contract."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.conftest import Make
from tests.support.calls import ENVMAN, LISTENER, run, started
from tests.support.containers import container, docker, processes, until
from tests.support.proxy import Proxy
from tests.support.scratch import Scratch
from tests.support.terminal import Terminal

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Scratch:
    """One project for all that only look."""
    made = lasting()
    made.up()
    made.write({"listen.py": LISTENER, "deep/er/still/file.txt": "found\n"})
    return made


@pytest.fixture(autouse=True)
def _nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "shop" in request.fixturenames:
        until(lambda: processes(request.getfixturevalue("shop")) == [], 5)


class TestWords:
    """Every argument arrives as it was typed."""

    def test_more_than_a_kernel_takes_is_told_once(self, shop: Scratch) -> None:
        shop.write({"envman.toml": f'backend = "docker"\n[tasks]\nlong = ["echo", "{"x" * 200_000}"]\n'})
        said = run(shop, "long")
        shop.write({"envman.toml": 'backend = "docker"\n'})
        assert said.returncode == 126
        assert said.stderr.count(b"error:") == 1
        assert b"argument list too long" in said.stderr


class TestOutput:
    """Standard output and error, whoever reads them."""

    @pytest.mark.parametrize(
        ("program", "codes"),
        [
            (["yes"], {141}),
            (["sh", "-c", "yes; yes"], {141}),
            (["python", "-c", "while True: print('y' * 1000)"], {1, 120, 141, 143}),
        ],
    )
    def test_a_reader_that_leaves_ends_it(self, shop: Scratch, program: list[str], codes: set[int]) -> None:
        with started(shop, *program) as call:
            assert call.stdout is not None
            call.stdout.readline()
            call.stdout.close()
            call.stdout = None
            assert call.wait(timeout=10) in codes

    def test_one_that_says_no_more_may_finish(self, shop: Scratch) -> None:
        work = "import time; print('x', flush=True); time.sleep(1); open('finished', 'w'); raise SystemExit(5)"
        line = f'{sys.executable} -m envman run python -c "{work}" | true'
        subprocess.run(["sh", "-c", line], cwd=shop.root, env=shop.environ, check=True)
        until((shop.root / "finished").exists)

    def test_a_full_disk_is_told_once(self, shop: Scratch) -> None:
        with Path("/dev/full").open("wb") as full, started(shop, "yes", stdout=full) as call:
            _, said = call.communicate(timeout=10)
        assert said.decode() == "error: what the command says cannot be written: No space left on device\n"
        assert call.returncode == 141

    def test_who_stays_in_the_background_does_not_keep_us(self, shop: Scratch) -> None:
        began = time.monotonic()
        assert run(shop, "sh", "-c", "sleep 30 & echo $! > pid; echo said").stdout == b"said\n"
        assert time.monotonic() - began < 5
        assert run(shop, "sh", "-c", "kill $(cat pid)").returncode == 0


class TestTerminal:
    """The same on a terminal."""

    def test_keys_that_the_docker_command_keeps_for_itself(self, shop: Scratch) -> None:
        terminal = Terminal(
            [*ENVMAN, "python", "-c", "print('ready'); print(ascii(input()))"], cwd=shop.root, env=shop.environ
        )
        terminal.wait_for("ready")
        terminal.type("\x10\x11x")
        terminal.wait_for("x")
        assert terminal.close() == 0

    def test_in_the_background_it_runs_and_reads_nothing(self, shop: Scratch) -> None:
        envman = " ".join(ENVMAN)
        terminal = Terminal(["bash", "--norc", "-i"], cwd=shop.root, env={**shop.environ, "PS1": "> "})
        terminal.type(f"{envman} sh -c 'sleep 0.3; echo one >> log; sleep 0.2' > /dev/null & wait; echo wai''ted $?")
        terminal.wait_for("waited 0")
        terminal.type(f"{envman} sh -c 'sleep 0.3; echo two >> log' & wait; echo wai''ted again $?")
        terminal.wait_for("waited again 0")
        terminal.type(f"{envman} sh -c 'read x; echo [$x]' & sleep 1; fg; echo ov''er")
        terminal.wait_for("fg")
        time.sleep(1.5)
        terminal.type("typed")
        terminal.wait_for("[typed]")
        terminal.wait_for("over")
        terminal.type("exit")
        terminal.close()
        assert (shop.root / "log").read_text(encoding="utf-8") == "one\ntwo\n"


class TestLoss:
    """The container or the engine goes away while a command runs; it is never begun twice."""

    @pytest.fixture
    def own(self, passing: Make) -> Scratch:
        made = passing()
        made.up()
        return made

    @pytest.mark.parametrize("way", [("kill",), ("rm", "-f"), ("stop", "-t", "1")])
    def test_the_container(self, own: Scratch, way: tuple[str, ...]) -> None:
        with started(own, "sh", "-c", "echo begun >> log; echo ready; sleep 60; true") as call:
            assert call.stdout is not None
            assert call.stdout.readline() == b"ready\n"
            docker(*way, container(own))
            _, said = call.communicate(timeout=20)
        assert call.returncode == 137
        assert said.decode() == "error: the container stopped while the command ran\n  hint: envman up\n"
        assert (own.root / "log").read_text(encoding="utf-8") == "begun\n"
        assert own.envman("run", "true").code == 0

    def test_the_engine(self, shop: Scratch, tmp_path: Path) -> None:
        with Proxy(tmp_path / "engine.sock", "/var/run/docker.sock") as proxy:
            shop.environ["DOCKER_HOST"] = proxy.address
            try:
                with started(shop, "sh", "-c", "echo begun >> lost; echo ready; sleep 2; true") as call:
                    assert call.stdout is not None
                    assert call.stdout.readline() == b"ready\n"
                    proxy.close()
                    _, said = call.communicate(timeout=20)
            finally:
                del shop.environ["DOCKER_HOST"]
        assert call.returncode == 125
        assert said.startswith(b"error: the engine stopped answering while the command ran")
        assert said.count(b"\n") == 1
        assert (shop.root / "lost").read_text(encoding="utf-8") == "begun\n"
