"""A command elsewhere is as one of this machine: its streams, its terminal, its signals, its end."""

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

import pytest

from tests.docker import conftest as containers
from tests.support.calls import ENVMAN, HOLDER, LISTENER, WAITER, listening, run, sized, started
from tests.support.containers import processes, until
from tests.support.index import Index
from tests.support.machines import Machine
from tests.support.scratch import Scratch
from tests.support.terminal import Terminal
from tests.vagrant import conftest as machines

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", params=["docker", "vagrant"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, index: Index) -> Iterator[Scratch]:
    """One project for all, on each level that is not this machine."""
    level = containers if request.param == "docker" else machines
    with level.made(tmp_path_factory.mktemp("session"), index) as made:
        made.up()
        made.write({"listen.py": LISTENER, "wait.py": WAITER, "deep/er/still/file.txt": "found\n"})
        yield made


@pytest.fixture(autouse=True)
def _nothing_stays(shop: Scratch) -> Iterator[None]:
    yield
    until(lambda: working(shop) == [], 5)


def working(shop: Scratch) -> list[str]:
    """What of the project's commands runs there."""
    return shop.works() if isinstance(shop, Machine) else processes(shop)


class TestWords:
    """Every argument arrives as it was typed."""

    def test_empty_strange_and_foreign_ones(self, shop: Scratch) -> None:
        words = ["", "a b", "-x", "--", "$HOME", "`id`", "'\"", "ä é 漢字 🐍", "two\nlines", "\\", "*"]
        said = run(shop, "python", "-c", "import sys; print(ascii(sys.argv[1:]))", *words)
        assert said.stdout.decode() == f"{words!a}\n"

    @pytest.mark.parametrize("program", ["no-such", "cd", "", "./no-such", "deep/no-such"])
    def test_what_is_not_there(self, shop: Scratch, program: str) -> None:
        said = run(shop, "--", program)
        assert said.returncode == 127
        assert f'"{program}" is neither a task nor a program here' in said.stderr.decode()

    def test_a_folder_is_no_program(self, shop: Scratch) -> None:
        assert run(shop, "./deep").returncode == 126

    def test_nothing_of_ours_is_among_its_variables(self, shop: Scratch) -> None:
        assert b"envman" not in run(shop, "env").stdout.lower().replace(b"/usr/local/lib/envman/bin", b"")

    def test_it_is_the_process_itself(self, shop: Scratch) -> None:
        assert run(shop, "sh", "-c", "cat /proc/$$/cmdline").stdout.startswith(b"sh\0-c\0")

    def test_the_folder_deep_inside_and_one_that_is_new(self, shop: Scratch) -> None:
        assert run(shop, "cat", "file.txt", cwd=shop.root / "deep/er/still").stdout == b"found\n"
        (shop.root / "neü 1").mkdir(exist_ok=True)
        assert run(shop, "pwd", cwd=shop.root / "neü 1").stdout.decode() == "/project/neü 1\n"

    @pytest.mark.parametrize("code", [1, 126, 127, 128, 200, 254, 255])
    def test_every_exit_code_is_the_commands(self, shop: Scratch, code: int) -> None:
        said = run(shop, "sh", "-c", f"exit {code}")
        assert (said.returncode, said.stdout, said.stderr) == (code, b"", b"")

    @pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "PIPE"])
    def test_one_that_a_signal_ends_ends_as_in_a_shell(self, shop: Scratch, name: str) -> None:
        said = run(shop, "sh", "-c", f"kill -{name} $$")
        assert (said.returncode, said.stderr) == (128 + signal.Signals[f"SIG{name}"], b"")

    def test_very_many(self, shop: Scratch) -> None:
        count = "import sys; print(len(sys.argv), sum(map(len, sys.argv)))"
        said = run(shop, "python", "-c", count, *["x" * 90] * 9000)
        assert said.stdout == b"9001 810002\n"


class TestInput:
    """Standard input, of whatever kind."""

    def test_much_of_it(self, shop: Scratch) -> None:
        data = os.urandom(20_000_000)
        assert run(shop, "sha256sum", data=data).stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()

    def test_both_ways_at_once(self, shop: Scratch) -> None:
        data = os.urandom(8_000_000)
        assert run(shop, "cat", data=data).stdout == data

    def test_much_that_nobody_reads_hinders_nothing(self, shop: Scratch) -> None:
        said = run(shop, "sh", "-c", "head -c 20000000 /dev/zero; exit 4", data=b"x" * 20_000_000)
        assert (said.returncode, len(said.stdout)) == (4, 20_000_000)

    def test_one_that_never_ends_does_not_keep_it(self, shop: Scratch) -> None:
        with started(shop, "true", stdin=subprocess.PIPE) as call:
            assert call.wait(timeout=10) == 0

    def test_its_end_is_seen_at_once(self, shop: Scratch) -> None:
        with started(shop, "sh", "-c", "cat; echo end; sleep 0.1", stdin=subprocess.PIPE) as call:
            assert call.communicate(b"word\n", timeout=10)[0] == b"word\nend\n"

    @pytest.mark.parametrize("closing", ["<&-", "</dev/null"])
    def test_none(self, shop: Scratch, closing: str) -> None:
        line = f'exec "$@" {closing}'
        done = subprocess.run(
            ["sh", "-c", line, "sh", *ENVMAN, "sh", "-c", "wc -c; echo ok"],
            cwd=shop.root, env=shop.environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split() == ["0", "ok"]


class TestOutput:
    """Standard output and error, whoever reads them."""

    def test_both_are_apart_and_whole(self, shop: Scratch) -> None:
        said = run(shop, "sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero | tr '\\0' e >&2")
        assert (said.stdout, said.stderr) == (bytes(3_000_000), b"e" * 3_000_000)

    def test_a_slow_reader_gets_all(self, shop: Scratch) -> None:
        with started(shop, "sh", "-c", "head -c 3000000 /dev/zero; echo end >&2") as call:
            assert call.stdout is not None
            time.sleep(0.5)
            size = 0
            while data := os.read(call.stdout.fileno(), 300_000):
                size += len(data)
                time.sleep(0.02)
            assert size == 3_000_000
            assert call.wait(timeout=10) == 0

    def test_a_closed_one_is_no_defect(self, shop: Scratch) -> None:
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", *ENVMAN, "sh", "-c", "echo lost; echo kept >&2; exit 6"],
            cwd=shop.root, env=shop.environ, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (6, "kept\n")

    def test_a_stream_that_does_not_wait(self, shop: Scratch) -> None:
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with started(shop, "head", "-c", "1000000", "/dev/zero", stdout=writing) as call:
            os.close(writing)
            time.sleep(0.5)
            with os.fdopen(reading, "rb") as stream:
                assert len(stream.read()) == 1_000_000
            assert call.wait(timeout=10) == 0

    def test_who_closes_its_streams_is_waited_for(self, shop: Scratch) -> None:
        began = time.monotonic()
        assert run(shop, "sh", "-c", "exec <&- >&- 2>&-; sleep 1; exit 9").returncode == 9
        assert time.monotonic() - began > 1


class TestSignals:
    """What is sent to envman reaches the command, and nothing is left of it."""

    def test_twice_ctrl_c_is_heard_twice(self, shop: Scratch) -> None:
        with started(shop, "python", "listen.py") as call:
            listening(call)
            assert call.stdout is not None
            for name in ("INT", "INT", "USR1", "HUP"):
                call.send_signal(signal.Signals[f"SIG{name}"])
                assert call.stdout.readline() == f"SIG{name}\n".encode()
            assert call.wait(timeout=10) == 3

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
    def test_all_that_it_started_hears_it(self, shop: Scratch, number: signal.Signals) -> None:
        # What a shell puts into the background ignores an interrupt, here as on this machine.
        behind = "sleep 60 &" if number in (signal.SIGTERM, signal.SIGHUP) else ""
        with started(shop, "sh", "-c", f"{behind} python wait.py; true") as call:
            listening(call)
            call.send_signal(number)
            assert call.wait(timeout=10) == 128 + number
            assert call.communicate()[1] == b""

    @pytest.mark.parametrize("milliseconds", [20, 50, 80, 120, 200])
    def test_an_early_one_is_not_lost(self, shop: Scratch, milliseconds: int) -> None:
        with started(shop, "sleep", "60") as call:
            time.sleep(milliseconds / 1000)
            call.send_signal(signal.SIGINT)
            _, said = call.communicate(timeout=10)
            # While Python itself begins, nothing of ours can hear it.
            assert call.returncode in (130, -signal.SIGINT) or said.rstrip().endswith(b"KeyboardInterrupt"), said
            assert b"defect" not in said

    def test_it_is_heard_while_nobody_reads(self, shop: Scratch) -> None:
        with started(shop, "sh", "-c", "yes; true") as call:
            time.sleep(1)
            call.terminate()
            until(lambda: working(shop) == [])
            assert call.stdout is not None
            while call.stdout.read(1 << 20):
                pass
            assert call.wait(timeout=10) == 143

    def test_under_nohup_it_stays(self, shop: Scratch) -> None:
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

    def _typing(self, shop: Scratch, *words: str) -> Terminal:
        return Terminal([*ENVMAN, *words], cwd=shop.root, env=shop.environ)

    def test_keys_typed_too_early_arrive(self, shop: Scratch) -> None:
        terminal = self._typing(shop, "sh", "-c", "read one; read two; echo [$one] [$two]")
        terminal.type("first")
        terminal.type("second")
        assert "[first] [second]" in terminal.wait_for("]\r\n")
        assert terminal.close() == 0
        assert not re.search(r"^\d+\r?$", terminal.shown, re.MULTILINE)

    @pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x1c", 131)])
    def test_keys_that_interrupt(self, shop: Scratch, key: str, code: int) -> None:
        terminal = self._typing(shop, "sh", "-c", "python wait.py; true")
        terminal.wait_for("ready")
        terminal.type(key)
        assert terminal.close() == code

    def test_its_end_key(self, shop: Scratch) -> None:
        terminal = self._typing(shop, "sh", "-c", "echo ready; cat; echo done")
        terminal.wait_for("ready")
        terminal.type("\x04")
        terminal.wait_for("done")
        assert terminal.close() == 0

    @pytest.mark.parametrize("code", [7, 255])
    def test_the_exit_code(self, shop: Scratch, code: int) -> None:
        terminal = self._typing(shop, "sh", "-c", f"exit {code}")
        assert terminal.close() == code
        assert terminal.shown == ""

    def test_the_size_at_first_and_when_it_changes(self, shop: Scratch) -> None:
        ours, theirs = pty.openpty()
        sized(ours, 33, 111)
        show = "stty size; trap 'stty size; exit' WINCH; echo set; while :; do sleep 0.1; done"
        line = [sys.executable, "-c", HOLDER, *ENVMAN, "sh", "-c", show]
        with subprocess.Popen(
            line, cwd=shop.root, env=shop.environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as call:
            os.close(theirs)
            shown = b""
            while b"set" not in shown:
                shown += os.read(ours, 100)
            assert shown == b"33 111\r\nset\r\n"
            sized(ours, 44, 99)
            assert os.read(ours, 100) == b"44 99\r\n"
            assert call.wait(timeout=10) == 0
        os.close(ours)

    def test_the_terminal_is_as_before(self, shop: Scratch) -> None:
        ours, theirs = pty.openpty()
        before = termios.tcgetattr(theirs)
        for words in (("true",), ("no-such",), ("sh", "-c", "kill -9 $$")):
            with started(shop, *words, stdin=theirs, stdout=theirs, stderr=theirs) as call:
                call.wait(timeout=10)
            assert termios.tcgetattr(theirs) == before
        os.close(ours)
        os.close(theirs)

    def test_what_is_not_there_is_told_there_too(self, shop: Scratch) -> None:
        terminal = self._typing(shop, "no-such")
        assert terminal.close() == 127
        assert "no-such" in terminal.shown
        assert "program" in terminal.shown

    def test_a_terminal_that_goes_takes_it_along(self, shop: Scratch) -> None:
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
