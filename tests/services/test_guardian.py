"""The guardian by itself, with a line of shell as its service."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import envman
from envman.services import lease
from tests.services.support import Shop, until

GUARDIAN = Path(str(envman.__file__)).parent / "services" / "guardian.py"


class Guarded:
    """One service with its guardian."""

    def __init__(self, folder: Path, line: str, **config: Any) -> None:
        self.folder = folder
        self.log = folder / "log"
        told = {
            "lease": str(folder / "lease"),
            "log": str(self.log),
            "user": None,
            "tries": 2,
            "restart": "always",
            "argv": ["sh", "-c", line],
            "env": {"PATH": os.defpath, "SECRET": "canary-4711"},
            "cwd": str(folder),
            "umask": 0o027,
            "stop": "TERM",
            "patience": 1,
            "facts": {"port": "1", "title": "a service"},
            **config,
        }
        data = json.dumps(told).encode()
        # The service itself is what writes to the log; what the guardian complains of comes here.
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
        )
        assert self.process.stdin is not None
        self.process.stdin.write(len(data).to_bytes(4, "big") + data)
        self.process.stdin.flush()

    @property
    def lease(self) -> Mapping[str, str]:
        return lease.read(str(self.folder / "lease"))

    @property
    def server(self) -> int:
        found = lease.process(self.lease, "server")
        assert found is not None
        return found[0]

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def times(self) -> Path:
        return self.folder / "log.times"

    def noted(self) -> list[tuple[int, int]]:
        """Seconds and offsets in the log's index."""
        entries = [line.split() for line in self.times.read_text().splitlines()]
        return [(int(seconds), int(offset)) for seconds, offset in entries]

    def runs(self) -> None:
        until(lambda: self.lease.get("state") == "running")

    def keep(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"+")
        self.process.stdin.close()

    def leave(self) -> None:
        """Whoever started it is gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ends(self, state: str) -> None:
        assert self.process.wait(timeout=20) == 0
        assert self.lease["state"] == state


Guard = Callable[..., Guarded]


@pytest.fixture
def guard(scratch: Shop, tmp_path: Path) -> Iterator[Guard]:
    """Services, of which none outlives the test."""
    made: list[Guarded] = []

    def start(line: str, **config: Any) -> Guarded:
        made.append(Guarded(tmp_path, line, **config))
        return made[-1]

    yield start
    for one in made:
        facts = one.lease
        one.process.kill()
        one.process.wait()
        for stream in (one.process.stdin, one.process.stderr):
            assert stream is not None
            stream.close()
        server = lease.process(facts, "server")
        if server is not None and lease.is_alive(server):
            os.killpg(server[0], signal.SIGKILL)


def test_the_lease_names_both_processes_and_what_it_was_told(guard: Guard) -> None:
    one = guard("exec sleep 60")
    one.runs()
    assert lease.holds(one.lease)
    assert lease.process(one.lease, "guardian") == (one.process.pid, lease.started(one.process.pid))
    assert one.lease["title"] == "a service"
    assert int(one.lease["since"]) <= time.time()
    assert "canary-4711" not in (one.folder / "lease").read_text()
    assert "canary-4711" not in Path(f"/proc/{one.process.pid}/cmdline").read_text()


def test_both_have_a_session_of_their_own(guard: Guard) -> None:
    one = guard("exec sleep 60")
    one.runs()
    assert os.getsid(one.server) == one.server
    assert os.getsid(one.process.pid) == one.process.pid


def test_the_service_has_its_folder_its_variables_and_no_input(guard: Guard) -> None:
    one = guard("pwd; echo $SECRET; cat; echo end of input; exec sleep 60")
    until(lambda: one.said() == f"{one.folder}\ncanary-4711\nend of input\n")


def test_the_service_inherits_no_handler_and_no_descriptor(guard: Guard) -> None:
    one = guard("ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status; exec sleep 60")
    until(lambda: "SigIgn" in one.said())
    count, ignored = one.said().split("\n")[:2]
    assert int(count) <= 4  # ls has the folder open
    assert int(ignored.split()[1], 16) & 1 << (signal.SIGTERM - 1) == 0


def test_the_log_is_the_users_alone(guard: Guard) -> None:
    one = guard("echo here; exec sleep 60")
    until(lambda: one.said() == "here\n")
    assert stat.S_IMODE(one.log.stat().st_mode) == 0o600


def test_the_files_of_the_service_are_for_whom_it_was_told(guard: Guard) -> None:
    one = guard("touch made; exec sleep 60")
    until((one.folder / "made").exists)
    assert stat.S_IMODE((one.folder / "made").stat().st_mode) == 0o640


def test_a_second_one_for_the_same_service_starts_nothing(guard: Guard) -> None:
    one = guard("echo first; exec sleep 60")
    until(lambda: one.said() == "first\n")
    second = guard("echo second; exec sleep 60")
    assert second.process.wait(timeout=10) == 1
    assert one.said() == "first\n"
    assert lease.holds(one.lease)


def test_it_goes_when_whoever_started_it_goes_before_it_was_kept(guard: Guard) -> None:
    one = guard("exec sleep 60")
    one.runs()
    server = one.server
    one.leave()
    one.ends("stopped")
    assert lease.started(server) is None
    assert "whoever started it is gone" in one.said()


def test_it_stays_once_it_was_kept(guard: Guard) -> None:
    one = guard("exec sleep 60")
    one.runs()
    one.keep()
    time.sleep(0.3)
    assert one.process.poll() is None
    assert lease.holds(one.lease)


def test_a_service_that_ends_before_it_was_kept_is_not_started_again(guard: Guard) -> None:
    one = guard("echo once; exit 3")
    one.ends("failed")
    assert one.lease["exit"] == "3"
    assert one.said().count("once") == 1


def test_it_is_started_again_until_it_was_too_often(guard: Guard) -> None:
    one = guard("echo begun; sleep 0.2; exit 3")
    one.runs()
    one.keep()
    one.ends("failed")
    assert one.said().count("begun") == 3
    assert (one.lease["exit"], one.lease["ends"]) == ("3", "3")
    assert "starting it again (2 of 2)" in one.said()


@pytest.mark.parametrize(
    ("policy", "code", "times", "state"),
    [("never", 3, 1, "failed"), ("never", 0, 1, "done"), ("on-failure", 0, 1, "done"), ("on-failure", 3, 3, "failed")],
)
def test_the_policy_decides_whether_it_is_started_again(
    guard: Guard, policy: str, code: int, times: int, state: str
) -> None:
    one = guard(f"echo begun; sleep 0.2; exit {code}", restart=policy)
    one.runs()
    one.keep()
    one.ends(state)
    assert one.said().count("begun") == times


def test_a_killed_service_is_started_again_under_the_same_guardian(guard: Guard) -> None:
    one = guard("exec sleep 60")
    one.runs()
    one.keep()
    before = one.server
    time.sleep(0.1)  # the byte has to arrive
    os.kill(before, signal.SIGKILL)
    until(lambda: one.server != before)
    assert lease.holds(one.lease)
    assert "ended with -9" in one.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_ends_the_service_first(guard: Guard, number: int) -> None:
    one = guard("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: one.said() == "ready\n")
    one.keep()
    os.kill(one.process.pid, number)
    one.ends("stopped")
    assert "saved" in one.said()


def test_the_service_is_told_with_the_signal_of_its_recipe(guard: Guard) -> None:
    one = guard("trap 'echo fast; exit 0' INT; echo ready; while :; do sleep 0.05; done", stop="INT")
    until(lambda: one.said() == "ready\n")
    one.process.terminate()
    one.ends("stopped")
    assert "fast" in one.said()


def test_one_that_does_not_listen_is_ended_by_harder_signals(guard: Guard) -> None:
    one = guard("trap '' TERM QUIT; echo ready; while :; do sleep 0.05; done")
    until(lambda: one.said() == "ready\n")
    server = one.server
    began = time.monotonic()
    one.process.terminate()
    one.ends("stopped")
    assert 2 <= time.monotonic() - began < 8
    assert lease.started(server) is None


def test_what_the_service_has_started_goes_with_it(guard: Guard) -> None:
    one = guard("sleep 61 & echo $!; wait")
    until(lambda: one.said().strip().isdigit())
    child = int(one.said())
    one.process.terminate()
    one.ends("stopped")
    until(lambda: lease.started(child) is None)


def test_told_to_stop_while_it_waits_to_start_again_it_stops(guard: Guard) -> None:
    one = guard("echo begun; sleep 0.1; exit 3", tries=5)
    one.runs()
    one.keep()
    until(lambda: "starting it again (3 of 5)" in one.said())
    one.process.terminate()
    one.ends("stopped")
    assert one.said().count("begun") <= 4


def test_a_program_that_is_not_there_is_said_in_the_log(guard: Guard) -> None:
    one = guard("", argv=["no-such-program"])
    one.ends("failed")
    assert one.lease["exit"] == "127"
    assert "no-such-program cannot be started: No such file or directory" in one.said()


def test_the_last_words_are_in_the_log_before_the_lease_says_that_it_ended(guard: Guard) -> None:
    one = guard("yes word | head -c 300000; echo last words; exit 3")
    one.ends("failed")
    assert "last words\n" in one.said()
    assert len(one.said()) > 300000


def test_a_log_that_grows_long_is_moved_aside(guard: Guard) -> None:
    one = guard("yes a line of some length | head -c 6000000; echo last words; exec sleep 60")
    until(lambda: "last words" in one.said())
    aside = one.log.with_name("log.1")
    assert aside.stat().st_size > 5_000_000
    assert one.log.stat().st_size < 2_000_000
    assert stat.S_IMODE(aside.stat().st_mode) == stat.S_IMODE(one.log.stat().st_mode) == 0o600


def test_beside_the_log_stands_when_its_parts_came(guard: Guard) -> None:
    before = int(time.time())
    one = guard("echo one; sleep 1.2; echo two; exec sleep 60")
    until(lambda: one.said() == "one\ntwo\n")
    (first, start), (second, later) = one.noted()
    assert before <= first < second <= time.time()
    assert (start, later) == (0, 4)
    assert stat.S_IMODE(one.times.stat().st_mode) == 0o600
    assert one.said() == "one\ntwo\n"


def test_that_is_noted_once_a_second_at_most_and_only_when_something_came(guard: Guard) -> None:
    one = guard("for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.01; done; sleep 1.5; echo end; exec sleep 60")
    until(lambda: "end" in one.said())
    seconds = [when for when, _ in one.noted()]
    assert len(seconds) <= 3
    assert len(set(seconds)) == len(seconds)


def test_the_index_is_moved_aside_with_its_log(guard: Guard) -> None:
    one = guard("yes a line of some length | head -c 6000000; echo last words; exec sleep 60")
    until(lambda: "last words" in one.said())
    assert one.noted()[0][1] == 0
    aside = one.log.with_name("log.1.times")
    assert aside.read_text().endswith(" 0\n") or aside.read_text().count("\n") > 1
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert sorted(file.name for file in one.folder.glob("log*")) == ["log", "log.1", "log.1.times", "log.times"]


def test_what_was_said_by_an_earlier_guardian_is_not_dated_anew(guard: Guard) -> None:
    first = guard("echo first", restart="never")
    first.ends("done")
    known, size = first.noted(), first.log.stat().st_size
    time.sleep(1.1)
    second = guard("echo second", restart="never")
    second.ends("done")
    assert second.noted()[: len(known)] == known
    assert second.noted()[len(known)][1] == size


@pytest.mark.parametrize("instead", ["a folder", "/dev/full"])
def test_an_index_that_cannot_be_written_costs_nothing_but_the_times(
    guard: Guard, tmp_path: Path, instead: str
) -> None:
    times = tmp_path / "log.times"
    if instead == "a folder":
        times.mkdir()
    else:
        times.symlink_to(instead)
    one = guard("echo one; while ! [ -e go ]; do sleep 0.05; done; echo two; exec sleep 60")
    until(lambda: one.said() == "one\n")
    if instead == "a folder":
        times.rmdir()
    else:
        times.unlink()
    (tmp_path / "go").touch()
    until(lambda: one.said() == "one\ntwo\n")
    assert [offset for _, offset in one.noted()] == [4]
    assert len(list(Path(f"/proc/{one.process.pid}/fd").iterdir())) < 12


def test_a_log_that_was_removed_harms_nobody(guard: Guard, tmp_path: Path) -> None:
    one = guard("echo one; while ! [ -e go ]; do sleep 0.05; done; yes word | head -c 6000000; echo end; exec sleep 60")
    until(lambda: one.said() == "one\n")
    one.log.unlink()
    (tmp_path / "go").touch()
    until(lambda: "end" in one.said())
    assert lease.holds(one.lease)
    assert one.noted()[-1][1] < 6_000_000


def test_a_log_that_was_emptied_is_dated_anew(guard: Guard, tmp_path: Path) -> None:
    one = guard("echo one; echo more; while ! [ -e go ]; do sleep 0.05; done; echo two; exec sleep 60")
    until(lambda: "more" in one.said())
    os.truncate(one.log, 0)
    (tmp_path / "go").touch()
    until(lambda: one.said() == "two\n")
    assert one.noted()[-1][1] == 0


def test_a_service_that_closes_its_output_still_runs(guard: Guard) -> None:
    one = guard("echo closing; exec sleep 60 >&- 2>&-")
    until(lambda: one.said() == "closing\n")
    time.sleep(0.2)
    assert lease.holds(one.lease)
    spent = sum(map(int, Path(f"/proc/{one.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    assert spent < 30  # hundredths of a second: it does not turn in circles


def test_a_message_that_breaks_off_starts_nothing(scratch: Shop, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-I", "-S", str(GUARDIAN)], input=b"\0\0\1\0{", check=False)
    assert done.returncode == 1
    assert not list(tmp_path.glob("lease*"))


def test_it_needs_nothing_of_envman(scratch: Shop) -> None:
    line = f"import runpy, sys; runpy.run_path({str(GUARDIAN)!r}); print('envman' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_stop_between_two_starts_is_heard_at_once(guard: Guard) -> None:
    one = guard("exit 3", restart="always", tries=50)
    one.keep()
    until(lambda: "(4 of 50)" in one.said())  # the pause before the next start is longer than a second
    began = time.monotonic()
    one.process.terminate()
    one.ends("stopped")
    assert time.monotonic() - began < 1
