"""What a command in a machine does as only ssh lets it; the rest is in the contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.calls import ENVMAN, LISTENER, listening, run, started
from tests.support.containers import docker, until
from tests.support.machines import Machine
from tests.support.terminal import Terminal
from tests.vagrant.conftest import SPEC, Make

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Machine:
    """One project for all."""
    made = lasting()
    made.up()
    made.write({"listen.py": LISTENER, "deep/er/still/file.txt": "found\n"})
    return made


@pytest.fixture(autouse=True)
def _nothing_stays(shop: Machine) -> Iterator[None]:
    yield
    until(lambda: shop.works() == [], 5)


class TestWords:
    """Every argument arrives as it was typed."""

    def test_more_than_one_variable_holds(self, shop: Machine) -> None:
        said = run(shop, "echo", *["x" * 90] * 9000)
        assert (said.returncode, len(said.stdout)) == (0, 9000 * 91), said.stderr

    def test_what_it_is_told_is_no_word_that_others_see(self, shop: Machine) -> None:
        shop.write({"envman.toml": 'env_files = ["secrets.env"]\n' + SPEC, "secrets.env": "KEY=canary-of-all\n"})
        seen = run(shop, "sh", "-c", "echo $KEY; cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c '^canary' || true")
        assert seen.stdout == b"canary-of-all\n0\n"
        shop.write({"envman.toml": SPEC})


class TestOutput:
    """Standard output and error, whoever reads them."""

    @pytest.mark.parametrize("program", [["yes"], ["sh", "-c", "yes; yes"]])
    def test_a_reader_that_leaves_ends_it(self, shop: Machine, program: list[str]) -> None:
        with started(shop, *program) as call:
            assert call.stdout is not None
            call.stdout.readline()
            call.stdout.close()
            call.stdout = None
            assert call.wait(timeout=10) == 141

    def test_one_that_says_no_more_may_finish(self, shop: Machine) -> None:
        work = "import time; print('x', flush=True); time.sleep(1); open('finished', 'w'); raise SystemExit(5)"
        line = f'{sys.executable} -m envman run python -c "{work}" | head -n 1'
        subprocess.run(["sh", "-c", line], cwd=shop.root, env=shop.environ, check=True)
        until((shop.root / "finished").exists)

    def test_who_stays_in_the_background_does_not_keep_us(self, shop: Machine) -> None:
        began = time.monotonic()
        assert run(shop, "sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $! > pid; echo said").stdout == b"said\n"
        assert time.monotonic() - began < 5
        assert run(shop, "sh", "-c", "kill $(cat pid)").returncode == 0

    def test_many_at_once_on_one_connection(self, shop: Machine) -> None:
        def call(number: int) -> tuple[int, bytes]:
            done = run(shop, "sh", "-c", "sleep 0.3; cat; exit $1", "sh", str(number), data=b"%d" % number)
            return done.returncode, done.stdout

        before = shop.holder
        with ThreadPoolExecutor(20) as pool:
            assert list(pool.map(call, range(20))) == [(number, b"%d" % number) for number in range(20)]
        assert shop.holder == before


class TestTerminal:
    """The same on a terminal."""

    def test_a_tilde_is_a_letter(self, shop: Machine) -> None:
        # ssh would take a line that begins with one for its own.
        terminal = Terminal(
            [*ENVMAN, "python", "-c", "print('ready'); input(); print(ascii(input()))"], cwd=shop.root, env=shop.environ
        )
        terminal.wait_for("ready")
        terminal.type("")
        terminal.type("~.~~x")
        terminal.wait_for("'~.~~x'")
        assert terminal.close() == 0

    def test_in_the_background_it_runs_and_reads_nothing(self, shop: Machine) -> None:
        envman = " ".join(ENVMAN)
        terminal = Terminal(["bash", "--norc", "-i"], cwd=shop.root, env={**shop.environ, "PS1": "> "})
        terminal.type(f"{envman} sh -c 'sleep 0.3; echo one >> log; sleep 0.2' > /dev/null & wait; echo wai''ted $?")
        terminal.wait_for("waited 0")
        terminal.type("exit")
        terminal.close()
        assert (shop.root / "log").read_text(encoding="utf-8") == "one\n"


class TestConnection:
    """The connection goes away; a command is never begun twice, and the next one finds the machine again."""

    def _lost(self, shop: Machine, number: signal.Signals) -> None:
        os.kill(shop.holder, number)
        until(lambda: not Path(f"/proc/{shop.holder}").exists())

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_while_a_command_runs(self, shop: Machine, number: signal.Signals) -> None:
        (shop.root / "begun").unlink(missing_ok=True)
        with started(shop, "sh", "-c", "echo begun >> begun; echo ready; sleep 60; true") as call:
            listening(call)
            self._lost(shop, number)
            _, said = call.communicate(timeout=20)
        assert call.returncode == 125
        assert b"the connection to the machine was lost" in said
        assert said.count(b"\n") == 1
        assert (shop.root / "begun").read_text(encoding="utf-8") == "begun\n"
        again = run(shop, "echo", "again")
        assert (again.returncode, again.stdout) == (0, b"again\n"), again.stderr
        shop.ssh("pkill -f 'sleep 60'")  # what ran there goes on where nothing has told it

    def test_before_a_command_that_the_machine_may_have_got(self, shop: Machine) -> None:
        (shop.root / "begun").unlink(missing_ok=True)
        docker("exec", shop.name, "pkill", "-STOP", "-f", "@notty")  # as in a machine that somebody has paused
        with started(shop, "sh", "-c", "echo begun >> begun") as call:
            time.sleep(4)
            self._lost(shop, signal.SIGKILL)
            _, said = call.communicate(timeout=20)
        assert (call.returncode, b"the machine did not answer" in said) == (125, True), said
        docker("exec", shop.name, "pkill", "-CONT", "-f", "@notty")
        shop.up()
        time.sleep(1)
        times = (shop.root / "begun").read_text(encoding="utf-8") if (shop.root / "begun").exists() else ""
        assert times in ("", "begun\n")

    def test_between_two_commands(self, shop: Machine) -> None:
        self._lost(shop, signal.SIGKILL)
        assert shop.status()["state"] == "degraded"
        assert shop.status()["drift"] == [
            {"input": "machine", "why": "it runs, and is not connected", "fix": "envman up"}
        ]
        assert [step["name"] for step in shop.up()["steps"]] == ["machine"]
        assert shop.status()["state"] == "running"

    def test_many_commands_that_find_it_gone(self, shop: Machine) -> None:
        self._lost(shop, signal.SIGKILL)
        with ThreadPoolExecutor(5) as pool:
            said = list(pool.map(lambda number: run(shop, "echo", str(number)), range(5)))
        assert [one.stdout for one in said] == [b"%d\n" % number for number in range(5)], [one.stderr for one in said]

    def test_a_holder_that_does_not_answer_is_replaced(self, shop: Machine) -> None:
        stopped = shop.holder
        os.kill(stopped, signal.SIGSTOP)
        try:
            outcome = shop.envman("up")
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert outcome.code == 0, outcome.err
        assert run(shop, "echo", "again").stdout == b"again\n"
