"""A command in a machine is as one of this machine: its streams, its terminal, its signals, its end."""

from __future__ import annotations

import hashlib
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.calls import ENVMAN, HOLDER, LISTENER, listening, run, sized, started
from tests.support.containers import until
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

    def test_empty_strange_and_foreign_ones(self, shop: Machine) -> None:
        words = ["", "a b", "-x", "--", "$HOME", "`id`", "'\"", "ä é 漢字 🐍", "two\nlines", "\\", "*"]
        said = run(shop, "python", "-c", "import sys; print(ascii(sys.argv[1:]))", *words)
        assert said.stdout.decode() == f"{words!a}\n"

    def test_many(self, shop: Machine) -> None:
        count = "import sys; print(len(sys.argv), sum(map(len, sys.argv)))"
        said = run(shop, "python", "-c", count, *["x" * 90] * 1000)
        assert said.stdout == b"1001 90002\n", said.stderr

    def test_more_than_one_variable_holds(self, shop: Machine) -> None:
        said = run(shop, "echo", *["x" * 90] * 9000)
        assert (said.returncode, len(said.stdout)) == (0, 9000 * 91), said.stderr

    @pytest.mark.parametrize("program", ["no-such", "cd", "", "./no-such", "deep/no-such"])
    def test_what_is_not_there(self, shop: Machine, program: str) -> None:
        said = run(shop, "--", program)
        assert said.returncode == 127
        assert f'"{program}" is neither a task nor a program here' in said.stderr.decode()

    def test_a_folder_is_no_program(self, shop: Machine) -> None:
        assert run(shop, "./deep").returncode == 126

    def test_nothing_of_ours_is_among_its_variables(self, shop: Machine) -> None:
        assert b"envman" not in run(shop, "env").stdout.lower().replace(b"/usr/local/lib/envman/bin", b"")

    def test_what_it_is_told_is_no_word_that_others_see(self, shop: Machine) -> None:
        shop.write({"envman.toml": 'env_files = ["secrets.env"]\n' + SPEC, "secrets.env": "KEY=canary-of-all\n"})
        seen = run(shop, "sh", "-c", "echo $KEY; cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c '^canary' || true")
        assert seen.stdout == b"canary-of-all\n0\n"
        shop.write({"envman.toml": SPEC})

    def test_it_is_the_process_itself(self, shop: Machine) -> None:
        assert run(shop, "sh", "-c", "cat /proc/$$/cmdline").stdout.startswith(b"sh\0-c\0")

    def test_the_folder_deep_inside_and_one_that_is_new(self, shop: Machine) -> None:
        assert run(shop, "cat", "file.txt", cwd=shop.root / "deep/er/still").stdout == b"found\n"
        (shop.root / "neü 1").mkdir(exist_ok=True)
        assert run(shop, "pwd", cwd=shop.root / "neü 1").stdout.decode() == "/project/neü 1\n"

    @pytest.mark.parametrize("code", [1, 126, 127, 128, 200, 254, 255])
    def test_every_exit_code_is_the_commands(self, shop: Machine, code: int) -> None:
        said = run(shop, "sh", "-c", f"exit {code}")
        assert (said.returncode, said.stdout, said.stderr) == (code, b"", b"")

    @pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "PIPE"])
    def test_one_that_a_signal_ends_ends_as_in_a_shell(self, shop: Machine, name: str) -> None:
        said = run(shop, "sh", "-c", f"kill -{name} $$")
        assert (said.returncode, said.stderr) == (128 + signal.Signals[f"SIG{name}"], b"")


class TestInput:
    """Standard input, of whatever kind."""

    def test_much_of_it(self, shop: Machine) -> None:
        data = os.urandom(20_000_000)
        assert run(shop, "sha256sum", data=data).stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()

    def test_both_ways_at_once(self, shop: Machine) -> None:
        data = os.urandom(8_000_000)
        assert run(shop, "cat", data=data).stdout == data

    def test_much_that_nobody_reads_hinders_nothing(self, shop: Machine) -> None:
        said = run(shop, "sh", "-c", "head -c 20000000 /dev/zero; exit 4", data=b"x" * 20_000_000)
        assert (said.returncode, len(said.stdout)) == (4, 20_000_000)

    def test_one_that_never_ends_does_not_keep_it(self, shop: Machine) -> None:
        with started(shop, "true", stdin=subprocess.PIPE) as call:
            assert call.wait(timeout=10) == 0

    def test_its_end_is_seen_at_once(self, shop: Machine) -> None:
        with started(shop, "sh", "-c", "cat; echo end; sleep 0.1", stdin=subprocess.PIPE) as call:
            assert call.communicate(b"word\n", timeout=10)[0] == b"word\nend\n"

    @pytest.mark.parametrize("closing", ["<&-", "</dev/null"])
    def test_none(self, shop: Machine, closing: str) -> None:
        line = f'exec "$@" {closing}'
        done = subprocess.run(
            ["sh", "-c", line, "sh", *ENVMAN, "sh", "-c", "wc -c; echo ok"],
            cwd=shop.root, env=shop.environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split() == ["0", "ok"]


class TestOutput:
    """Standard output and error, whoever reads them."""

    def test_both_are_apart_and_whole(self, shop: Machine) -> None:
        said = run(shop, "sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero | tr '\\0' e >&2")
        assert (said.stdout, said.stderr) == (bytes(3_000_000), b"e" * 3_000_000)

    def test_a_slow_reader_gets_all(self, shop: Machine) -> None:
        with started(shop, "sh", "-c", "head -c 3000000 /dev/zero; echo end >&2") as call:
            assert call.stdout is not None
            time.sleep(0.5)
            size = 0
            while data := os.read(call.stdout.fileno(), 300_000):
                size += len(data)
                time.sleep(0.02)
            assert size == 3_000_000
            assert call.wait(timeout=10) == 0

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

    def test_a_closed_one_is_no_defect(self, shop: Machine) -> None:
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", *ENVMAN, "sh", "-c", "echo lost; echo kept >&2; exit 6"],
            cwd=shop.root, env=shop.environ, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (6, "kept\n")

    def test_a_stream_that_does_not_wait(self, shop: Machine) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with started(shop, "head", "-c", "1000000", "/dev/zero", stdout=writing) as call:
            os.close(writing)
            time.sleep(0.5)
            with os.fdopen(reading, "rb") as stream:
                assert len(stream.read()) == 1_000_000
            assert call.wait(timeout=10) == 0

    def test_who_stays_in_the_background_does_not_keep_us(self, shop: Machine) -> None:
        began = time.monotonic()
        assert run(shop, "sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $! > pid; echo said").stdout == b"said\n"
        assert time.monotonic() - began < 5
        assert run(shop, "sh", "-c", "kill $(cat pid)").returncode == 0

    def test_who_closes_its_streams_is_waited_for(self, shop: Machine) -> None:
        began = time.monotonic()
        assert run(shop, "sh", "-c", "exec <&- >&- 2>&-; sleep 1; exit 9").returncode == 9
        assert time.monotonic() - began > 1

    def test_many_at_once_on_one_connection(self, shop: Machine) -> None:
        def call(number: int) -> tuple[int, bytes]:
            done = run(shop, "sh", "-c", "sleep 0.3; cat; exit $1", "sh", str(number), data=b"%d" % number)
            return done.returncode, done.stdout

        before = shop.holder
        with ThreadPoolExecutor(20) as pool:
            assert list(pool.map(call, range(20))) == [(number, b"%d" % number) for number in range(20)]
        assert shop.holder == before


class TestSignals:
    """What is sent to envman reaches the command, and nothing is left of it."""

    def test_twice_ctrl_c_is_heard_twice(self, shop: Machine) -> None:
        with started(shop, "python", "listen.py") as call:
            listening(call)
            assert call.stdout is not None
            for name in ("INT", "INT", "USR1", "HUP"):
                call.send_signal(signal.Signals[f"SIG{name}"])
                assert call.stdout.readline() == f"SIG{name}\n".encode()
            assert call.wait(timeout=10) == 3

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
    def test_all_that_it_started_hears_it(self, shop: Machine, number: signal.Signals) -> None:
        # What a shell puts into the background ignores an interrupt, here as on this machine.
        behind = "sleep 60 &" if number in (signal.SIGTERM, signal.SIGHUP) else ""
        with started(shop, "sh", "-c", f"{behind} echo ready; sleep 60; true") as call:
            listening(call)
            call.send_signal(number)
            assert call.wait(timeout=10) == 128 + number
            assert call.communicate()[1] == b""

    @pytest.mark.parametrize("milliseconds", [20, 50, 80, 120, 200])
    def test_an_early_one_is_not_lost(self, shop: Machine, milliseconds: int) -> None:
        with started(shop, "sleep", "60") as call:
            time.sleep(milliseconds / 1000)
            call.send_signal(signal.SIGINT)
            _, said = call.communicate(timeout=10)
            # While Python itself begins, nothing of ours can hear it.
            assert call.returncode in (130, -signal.SIGINT) or said.rstrip().endswith(b"KeyboardInterrupt"), said
            assert b"defect" not in said

    def test_it_is_heard_while_nobody_reads(self, shop: Machine) -> None:
        with started(shop, "sh", "-c", "yes; true") as call:
            time.sleep(1)
            call.terminate()
            until(lambda: shop.works() == [])
            assert call.stdout is not None
            while call.stdout.read(1 << 20):
                pass
            assert call.wait(timeout=10) == 143

    def test_under_nohup_it_stays(self, shop: Machine) -> None:
        deaf = subprocess.Popen(
            ["nohup", *ENVMAN, "sh", "-c", "echo ready; sleep 1; echo end"],
            cwd=shop.root, env=shop.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        listening(deaf)
        deaf.send_signal(signal.SIGHUP)
        said, _ = deaf.communicate(timeout=10)
        assert (said, deaf.returncode) == (b"end\n", 0)


class TestTerminal:
    """The same on a terminal."""

    def _typing(self, shop: Machine, *words: str) -> Terminal:
        return Terminal([*ENVMAN, *words], cwd=shop.root, env=shop.environ)

    def test_keys_typed_too_early_arrive(self, shop: Machine) -> None:
        terminal = self._typing(shop, "sh", "-c", "read one; read two; echo [$one] [$two]")
        terminal.type("first")
        terminal.type("second")
        assert "[first] [second]" in terminal.wait_for("]\r\n")
        assert terminal.close() == 0
        assert not re.search(r"^\d+\r?$", terminal.shown, re.MULTILINE)

    @pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x1c", 131)])
    def test_keys_that_interrupt(self, shop: Machine, key: str, code: int) -> None:
        terminal = self._typing(shop, "sh", "-c", "echo ready; sleep 60; true")
        terminal.wait_for("ready")
        terminal.type(key)
        assert terminal.close() == code

    def test_a_tilde_is_a_letter(self, shop: Machine) -> None:
        # ssh would take a line that begins with one for its own.
        terminal = self._typing(shop, "python", "-c", "print('ready'); input(); print(ascii(input()))")
        terminal.wait_for("ready")
        terminal.type("")
        terminal.type("~.~~x")
        terminal.wait_for("'~.~~x'")
        assert terminal.close() == 0

    def test_its_end_key(self, shop: Machine) -> None:
        terminal = self._typing(shop, "sh", "-c", "echo ready; cat; echo done")
        terminal.wait_for("ready")
        terminal.type("\x04")
        terminal.wait_for("done")
        assert terminal.close() == 0

    @pytest.mark.parametrize("code", [7, 255])
    def test_the_exit_code(self, shop: Machine, code: int) -> None:
        terminal = self._typing(shop, "sh", "-c", f"exit {code}")
        assert terminal.close() == code
        assert terminal.shown == ""

    def test_the_size_at_first_and_when_it_changes(self, shop: Machine) -> None:
        ours, theirs = pty.openpty()
        sized(ours, 33, 111)
        show = "stty size; trap 'stty size; exit' WINCH; while :; do sleep 0.1; done"
        line = [sys.executable, "-c", HOLDER, *ENVMAN, "sh", "-c", show]
        with subprocess.Popen(
            line, cwd=shop.root, env=shop.environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as call:
            os.close(theirs)
            assert os.read(ours, 100) == b"33 111\r\n"
            time.sleep(0.3)  # until the trap is set
            sized(ours, 44, 99)
            assert os.read(ours, 100) == b"44 99\r\n"
            assert call.wait(timeout=10) == 0
        os.close(ours)

    def test_the_terminal_is_as_before(self, shop: Machine) -> None:
        ours, theirs = pty.openpty()
        before = termios.tcgetattr(theirs)
        for words in (("true",), ("no-such",), ("sh", "-c", "kill -9 $$")):
            with started(shop, *words, stdin=theirs, stdout=theirs, stderr=theirs) as call:
                call.wait(timeout=10)
            assert termios.tcgetattr(theirs) == before
        os.close(ours)
        os.close(theirs)

    def test_what_is_not_there_is_told_there_too(self, shop: Machine) -> None:
        terminal = self._typing(shop, "no-such")
        assert terminal.close() == 127
        assert "no-such" in terminal.shown
        assert "program" in terminal.shown

    def test_a_terminal_that_goes_takes_it_along(self, shop: Machine) -> None:
        ours, theirs = pty.openpty()
        line = [sys.executable, "-c", HOLDER, *ENVMAN, "sh", "-c", "echo ready; sleep 60; true"]
        with subprocess.Popen(
            line, cwd=shop.root, env=shop.environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as call:
            os.close(theirs)
            seen = b""
            while b"ready" not in seen:
                seen += os.read(ours, 1000)
            os.close(ours)
            assert call.wait(timeout=10) == 129

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
