"""Processes of the project itself: started in order, asked whether they are ready, restarted, and ended."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.services.support import DATABASE, Shop, free_port, is_one_message, listens, processes, until

pytestmark = pytest.mark.engine

# Answers every request with the status that a file holds; notes when it began and when it listened.
SERVER = """\
import http.server, os, pathlib, sys, time

name, port, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

def note(what):
    with open("notes", "a") as notes:
        notes.write(f"{name} {what}\\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = pathlib.Path("answer")
        self.send_response(int(said.read_text()) if said.exists() else 200)
        self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "").encode())

note("begins")
time.sleep(delay)
server = http.server.HTTPServer(("127.0.0.1", port), Handler)
note("listens")
server.serve_forever()
"""


def _service(name: str, delay: float = 0, more: str = "") -> str:
    # A command of the spec is not filled: the port comes as a variable, like everything else.
    run = f'exec python server.py {name} "$PORT_{name.upper()}" {delay}'
    return f"[services.{name}]\nrun = '{run}'\nport = {{{name}}}\n{more}\n"


def _variables(*names: str) -> str:
    return "[env]\n" + "".join(f'PORT_{name.upper()} = "{{services.{name}.port}}"\n' for name in names)


@pytest.fixture
def site(scratch: Shop) -> Shop:
    """A project without packages, whose services are its own processes."""
    scratch.write({"server.py": SERVER})
    scratch.ports = {name: free_port() for name in ("web", "one", "two", "three", "db", "cache")}
    return scratch


def _notes(site: Shop) -> list[str]:
    file = site.root / "notes"
    return file.read_text().splitlines() if file.exists() else []


class TestStart:
    """In order, side by side, and ready."""

    def test_a_web_server_answers_before_up_returns(self, site: Shop) -> None:
        site.describe(_service("web", 0.5) + _variables("web") + 'GREETING = "hello"\n')
        site.up()
        url = site.status()["services"]["web"]["host"]["url"]
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.read() == b"hello"
        found = site.status()["services"]["web"]
        assert (found["state"], found["source"]) == ("running", "process")

    def test_one_begins_when_those_that_it_needs_are_ready(self, site: Shop) -> None:
        spec = _service("three", more='needs = ["two"]') + _service("two", 0.3, 'needs = ["one"]')
        site.describe(spec + _service("one", 0.3) + _variables("one", "two", "three"))
        site.up()
        assert _notes(site) == [f"{name} {what}" for name in ("one", "two", "three") for what in ("begins", "listens")]

    def test_those_that_need_nothing_of_each_other_start_side_by_side(self, site: Shop) -> None:
        names = ("one", "two", "three")
        site.describe("".join(_service(name, 1) for name in names) + _variables(*names))
        site.up()
        assert sorted(_notes(site)[:3]) == sorted(f"{name} begins" for name in names)

    def test_they_end_before_those_that_they_need(self, site: Shop) -> None:
        trap = "[services.{}]\nrun = '''trap 'echo {} ends >> notes; exit 0' TERM; while :; do sleep 0.05; done'''\n"
        site.describe(trap.format("one", "one") + trap.format("two", "two") + 'needs = ["one"]\n')
        site.up()
        site.down()
        assert _notes(site) == ["two ends", "one ends"]

    def test_it_sees_the_projects_variables_folder_and_programs(self, site: Shop) -> None:
        run = "echo $GREETING >> notes; pwd >> notes; command -v python >> notes; exec sleep 300"
        site.describe(f"[services.worker]\nrun = '{run}'\n[env]\nGREETING = \"from the spec\"\n")
        site.up()
        assert _notes(site) == ["from the spec", str(site.root), str(site.root / ".venv" / "bin" / "python")]

    def test_the_setup_runs_after_the_database_and_before_the_process(self, shop: Shop) -> None:
        client = "python client.py sql '' "
        spec = f'[services.worker]\nrun = """{client} "insert into orders values (1)"; exec sleep 300"""\n'
        spec += f'[hooks]\nsetup = ["""{client} \'create table orders (n int)\'"""]\n'
        shop.describe(DATABASE + spec + '[env]\nDATABASE_URL = "{services.db.url}"\n')
        shop.up()
        until(lambda: shop.sql("select count(*) from orders") == "1")

    def test_a_second_up_leaves_it_alone_and_a_change_of_its_command_restarts_it(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "exec sleep 300"\n')
        site.up()
        before = site.pid("worker")
        assert site.up()["steps"] == []
        assert site.pid("worker") == before
        site.describe('[services.worker]\nrun = "exec sleep 301"\n')
        site.up()
        assert Path(f"/proc/{site.pid('worker')}/cmdline").read_text() == "sleep\000301\0"
        assert len([said for said in processes(site.home, patience=0).values() if said.startswith("sleep")]) == 1

    def test_another_variable_reaches_it_with_the_next_up(self, site: Shop) -> None:
        spec = '[services.worker]\nrun = "echo $GREETING >> notes; exec sleep 300"\n[env]\nGREETING = "{}"\n'
        site.describe(spec.format("one"))
        site.up()
        site.describe(spec.format("two"))
        site.up()
        assert _notes(site) == ["one", "two"]

    def test_it_has_a_session_of_its_own_and_nothing_of_the_terminal(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "exec sleep 300"\n')
        call = site.start("up")
        _, said = call.communicate(timeout=60)
        assert call.returncode == 0, said
        sessions = {os.getsid(site.pid("worker", who)) for who in ("server", "guardian")}
        assert len(sessions) == 2
        assert call.pid not in sessions
        assert os.readlink(f"/proc/{site.pid('worker')}/fd/0") == os.devnull

    def test_up_in_a_pipe_returns_though_the_service_goes_on(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "while :; do echo working; sleep 0.1; done"\n')
        call = site.start("up")
        began = time.monotonic()
        call.communicate(timeout=60)
        assert time.monotonic() - began < 30
        until(lambda: site.log("worker").count("working") > 3)

    def test_what_it_says_is_in_its_log(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "echo out; echo err >&2; exec sleep 300"\n')
        site.up()
        until(lambda: "out\nerr\n" in site.log("worker"))


class TestReady:
    """What never gets ready says why, and is not left running."""

    def _fails(self, site: Shop) -> str:
        failed = site.envman("up")
        is_one_message(failed)
        assert failed.code == 1
        assert processes(site.home) == {}
        return failed.err

    def test_one_that_ends_at_once_is_told_with_its_last_lines(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "echo no such table; exit 3"\n')
        said = self._fails(site)
        assert "worker is not ready: it ended with 3" in said
        assert "no such table" in said
        assert "service.worker.log" in said

    def test_a_program_that_is_not_there_is_told(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = ["no-such-program", "x"]\n')
        assert "no-such-program" in self._fails(site)

    def test_a_status_that_is_never_right_is_told(self, site: Shop) -> None:
        site.write({"answer": "503"})
        site.describe(_service("web", more='health = {http = "/health", timeout = 2}') + _variables("web"))
        said = self._fails(site)
        assert "web is not ready: after 2 s" in said
        assert "503" in said
        assert not listens(site.ports["web"])

    def test_a_port_that_never_opens_is_told(self, site: Shop) -> None:
        site.describe(
            '[services.web]\nrun = "echo thinking; exec sleep 300"\nport = {web}\nhealth = {tcp = true, timeout = 2}\n'
        )
        said = self._fails(site)
        assert "nothing listens there yet" in said
        assert "thinking" in said

    def test_a_command_that_never_succeeds_is_told_with_its_answer(self, site: Shop) -> None:
        health = 'health = {exec = "echo not migrated yet; exit 1", timeout = 2}'
        site.describe(f'[services.worker]\nrun = "exec sleep 300"\n{health}\n')
        assert "not migrated yet" in self._fails(site)

    def test_a_command_that_succeeds_later_is_waited_for(self, site: Shop) -> None:
        spec = '[services.worker]\nrun = "sleep 0.7; touch done; exec sleep 300"\n'
        site.describe(spec + 'health = {exec = "test -e done"}\n')
        site.up()
        assert (site.root / "done").exists()

    def test_the_next_up_completes_once_it_is_mended(self, site: Shop) -> None:
        site.write({"answer": "503"})
        spec = _service("one") + _service("web", more='health = {http = "/", timeout = 2}\nneeds = ["one"]')
        site.describe(spec + _variables("web", "one"))
        assert site.envman("up").code == 1
        one = site.pid("one")
        assert listens(site.ports["one"])
        site.write({"answer": "200"})
        site.up()
        assert listens(site.ports["web"])
        assert site.pid("one") == one

    def test_one_of_a_wave_that_fails_ends_the_others_that_had_begun(self, site: Shop) -> None:
        site.describe('[services.bad]\nrun = "exit 4"\n' + _service("one", 30) + _variables("one"))
        assert "bad is not ready" in self._fails(site)

    def test_a_secret_that_it_says_is_masked_in_the_message(self, site: Shop) -> None:
        site.write({"settings.env": "TOKEN=canary-4711\n"})
        site.describe('env_files = ["settings.env"]\n[services.worker]\nrun = "echo $TOKEN; exit 3"\n')
        assert "canary-4711" not in self._fails(site)


class TestEnds:
    """A crash is mended, a loop of crashes is told."""

    def test_a_killed_one_comes_back(self, site: Shop) -> None:
        site.describe(_service("web") + _variables("web"))
        site.up()
        before = site.pid("web")
        os.kill(before, signal.SIGKILL)
        until(lambda: site.pid("web") != before and listens(site.ports["web"]))
        assert site.up()["steps"] == []

    def test_a_crash_loop_ends_with_the_reason(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "test ! -e broken || { echo out of ideas; exit 3; }; exec sleep 300"\n')
        site.up()
        site.write({"broken": ""})
        os.kill(site.pid("worker"), signal.SIGKILL)
        until(lambda: site.lease("worker")["state"] == "failed", patience=30)
        assert processes(site.home) == {}
        found = site.status()
        assert found["state"] == "degraded"
        assert found["services"]["worker"]["state"] in ("failed", "degraded")
        said = site.envman("status").out
        assert "ended with 3" in said
        assert "6 times" in said
        assert "out of ideas" in said
        again = site.envman("up")
        is_one_message(again)
        assert "out of ideas" in again.err
        (site.root / "broken").unlink()
        site.up()
        assert site.status()["state"] == "running"

    def test_down_ends_all_that_it_has_started(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "sleep 300 & sleep 300 & wait"\n')
        site.up()
        site.down()
        assert processes(site.home) == {}

    def test_one_that_ignores_the_first_signal_is_ended_by_a_harder_one(self, site: Shop) -> None:
        site.describe("[services.worker]\nrun = '''trap '' TERM; while :; do sleep 1; done'''\n")
        site.up()
        began = time.monotonic()
        site.down()
        assert time.monotonic() - began < 25
        assert processes(site.home) == {}

    def test_a_stop_runs_its_own_end_to_the_end(self, site: Shop) -> None:
        trap = "trap 'echo saving; sleep 1; echo saved; exit 0' TERM"
        site.describe(f"[services.worker]\nrun = '''{trap}; while :; do sleep 0.1; done'''\n")
        site.up()
        site.down()
        assert "saving\nsaved\n" in site.log("worker")

    def test_destroy_ends_it_too(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "exec sleep 300"\n')
        site.up()
        assert site.envman("destroy", "--yes").code == 0
        assert processes(site.home) == {}

    def test_a_long_log_is_moved_aside(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "yes a line of some length | head -c 11000000; exec sleep 300"\n')
        site.up()
        log = site.folder / "logs" / "service.worker.log"
        until(lambda: log.with_name(f"{log.name}.1").exists())
        until(lambda: log.stat().st_size < 6_000_000)
        assert sum(file.stat().st_size for file in log.parent.glob("service.worker.log*")) < 11_000_000

    def test_a_service_survives_the_terminal_in_which_it_was_started(self, site: Shop) -> None:
        site.describe('[services.worker]\nrun = "exec sleep 300"\n')
        call = site.start("up")
        call.communicate(timeout=60)
        before = site.pid("worker")
        for number in (signal.SIGHUP, signal.SIGINT):
            try:
                os.killpg(call.pid, number)
            except ProcessLookupError:
                pass
        time.sleep(0.2)
        assert site.pid("worker") == before
        assert site.status()["state"] == "running"
