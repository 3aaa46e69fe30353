"""`envman run` is nothing between the terminal and the program: signals, streams and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

EVERY_BYTE = bytes(range(256))
COMMAND = (sys.executable, "-m", "envman")


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project that is up."""
    scratch.write({"requirements.txt": "gamma\n", "envman.toml": '[tasks]\nwait = "touch ready; sleep 30"\n'})
    scratch.up()
    return scratch


def wait_for(file: Path, call: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 15
    while not file.exists() and time.monotonic() < end and call.poll() is None:
        time.sleep(0.02)
    assert file.exists()


def test_a_signal_reaches_the_program_itself(shop: Scratch) -> None:
    for options, number in (
        ((), signal.SIGTERM),
        (("--no-up",), signal.SIGTERM),
        ((), signal.SIGINT),
        ((), signal.SIGHUP),
    ):
        ready = shop.root / "ready"
        ready.unlink(missing_ok=True)
        catch = (
            "import pathlib, signal, sys, time\n"
            f"signal.signal({int(number)}, lambda *_: sys.exit(43))\n"
            "pathlib.Path('ready').touch()\n"
            "time.sleep(30)\n"
        )
        call = shop.start("run", *options, "python", "-c", catch)
        wait_for(ready, call)
        os.kill(call.pid, number)
        call.communicate(timeout=15)
        assert call.returncode == 43


def test_a_program_that_a_signal_ended_is_told_as_a_shell_tells_it(shop: Scratch) -> None:
    number = signal.SIGTERM
    call = shop.start("run", "sleep", "30")
    end = time.monotonic() + 15
    while b"sleep" not in Path(f"/proc/{call.pid}/cmdline").read_bytes()[:6] and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(call.pid, number)
    call.communicate(timeout=15)
    # envman has become the program: whoever waits sees the signal itself, and a shell says 128 + n.
    assert call.returncode == -number
    line = f'"{sys.executable}" -m envman run sh -c "kill -{int(number)} \\$\\$"; echo $?'
    said = subprocess.run(
        ["bash", "-c", line], cwd=shop.root, env=shop.environ, capture_output=True, text=True, check=True
    )
    assert said.stdout == f"{128 + number}\n"


def test_every_byte_passes_in_and_out(shop: Scratch) -> None:
    copy = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d); sys.stderr.buffer.write(d[::-1])"
    for options in ((), ("--no-up",)):
        done = subprocess.run(
            [*COMMAND, "run", *options, "python", "-c", copy],
            cwd=shop.root,
            env=shop.environ,
            input=EVERY_BYTE * 300,
            capture_output=True,
            check=True,
        )
        assert done.stdout == EVERY_BYTE * 300
        assert done.stderr == (EVERY_BYTE * 300)[::-1]


def test_arguments_pass_as_they_are(shop: Scratch) -> None:
    odd = ["", " ", "a b", "*", "$HOME", "`id`", "'", '"', "\\", "\n", "--", "-v", "--json", "ü", "{project.name}"]
    raw = [word.encode() for word in odd] + [b"\xff\xfe"]
    show = "import os, sys; sys.stdout.buffer.write(b'|'.join(map(os.fsencode, sys.argv[1:])))"
    for options in ((), (b"--no-up",)):
        done = subprocess.run(
            [*map(os.fsencode, COMMAND), b"run", *options, b"python", b"-c", show.encode(), *raw],
            cwd=shop.root,
            env=shop.environ,
            capture_output=True,
            check=True,
        )
        assert done.stdout == b"|".join(raw)


def test_the_exit_code_is_the_programs_own(shop: Scratch) -> None:
    for code in (0, 1, 2, 4, 70, 125, 126, 127, 130, 255):
        assert shop.envman("run", "sh", "-c", f"exit {code}").code == code


def test_what_envman_could_not_do_has_codes_of_its_own(shop: Scratch) -> None:
    shop.write({"plain": "no program", "script": "#!/no/such/interpreter\n"})
    (shop.root / "script").chmod(0o755)
    assert shop.envman("run", "./plain").code == 126
    assert shop.envman("run", "./.venv").code == 126
    missing = shop.envman("run", "./script")
    assert missing.code == 127
    assert "the interpreter that its first line names" in missing.err
    assert shop.envman("run", "nosuchprogram").code == 127
    assert shop.envman("run").code == 125
    shop.write({"requirements.txt": "nosuchpackage\n"})
    assert shop.envman("run", "true").code == 125
    assert shop.envman("run", "--no-up", "true").code == 0


def test_no_descriptor_of_envmans_reaches_the_program(shop: Scratch) -> None:
    show = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
    plain = subprocess.run(
        [shop.root / ".venv" / "bin" / "python", "-c", show],
        env=shop.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shop.envman("run", "python", "-c", show).out == plain
    # The turn that an up holds must not live on in the program, or nobody could come up until it ends.
    shop.write({"requirements.txt": "gamma\nalpha\n"})
    assert shop.envman("run", "python", "-c", show).out == plain


def test_a_running_program_keeps_nobody_waiting(shop: Scratch) -> None:
    call = shop.start("run", "wait")
    wait_for(shop.root / "ready", call)
    try:
        shop.write({"requirements.txt": "gamma\nbeta\n"})
        assert shop.envman("up", ENVMAN_LOCK_TIMEOUT="0.2").code == 0
    finally:
        os.killpg(call.pid, signal.SIGTERM)
        call.communicate(timeout=15)


def test_a_closed_stdout_is_no_defect(shop: Scratch) -> None:
    line = f'"{sys.executable}" -m envman list | true; "{sys.executable}" -m envman plan --json | head -c 1 >/dev/null'
    said = subprocess.run(
        ["bash", "-c", line], cwd=shop.root, env=shop.environ, capture_output=True, text=True, check=True
    )
    assert said.stderr == ""
