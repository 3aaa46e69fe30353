"""What every backend promises (docs/architecture.md, "The contract"), proved through the command line alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tests.support.scratch import Scratch
from tests.support.terminal import Terminal
from tests.support.wheels import make_wheel

SERVER = """\
import http.server, os
address = (os.environ["ADDRESS"], int(os.environ["PORT"]))
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _answers(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _lines(scratch: Scratch, name: str) -> int:
    file = scratch.root / name
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


class TestPackages:
    """The same Python and the same entries of the lock, after its markers."""

    def test_what_the_lock_names_is_installed_and_nothing_else(self, shop: Scratch) -> None:
        shop.up()
        found = shop.installed()
        assert found["alpha"] == "1.0"
        assert {"gamma", "platformed"} <= set(found)
        assert ("onwindows" in found) == (sys.platform == "win32")

    def test_a_package_that_is_no_longer_asked_for_goes(self, shop: Scratch) -> None:
        shop.up()
        shop.write({"requirements.txt": "alpha==2.0\n"})
        shop.up()
        found = shop.installed()
        assert found["alpha"] == "2.0"
        assert "gamma" not in found

    def test_a_wheel_of_a_folder_of_this_machine(self, shop: Scratch) -> None:
        folder = shop.home / "wheels of ours"
        folder.mkdir()
        wheel = make_wheel(folder, "ours", "1.0")
        entry = f'{{url = "{wheel.as_uri()}", hashes = {{sha256 = "{sha256(wheel.read_bytes()).hexdigest()}"}}}}'
        package = f'[[packages]]\nname = "ours"\nversion = "1.0"\nwheels = [{entry}]\n'
        shop.write({"pylock.toml": f'lock-version = "1.0"\ncreated-by = "test"\n{package}'})
        shop.up()
        assert shop.installed()["ours"] == "1.0"

    def test_the_asked_python_is_the_one_inside(self, shop: Scratch) -> None:
        wanted = f"{sys.version_info[0]}.{sys.version_info[1]}"
        shop.write({".python-version": f"{wanted}\n"})
        assert shop.up()["python"]["version"].startswith(wanted)
        said = shop.envman("run", "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        assert said.out.strip() == wanted


class TestVariables:
    """The same variables with the same precedence."""

    def _variables(self, shop: Scratch, **host: str) -> dict[str, str]:
        said = shop.call(("run", "python", "-c", "import json, os; print(json.dumps(dict(os.environ)))"), host)
        assert said.code == 0, said.err
        found: dict[str, str] = json.loads(said.out)
        return found

    def test_the_spec_wins_over_files_and_files_over_the_host(self, shop: Scratch) -> None:
        found = self._variables(shop, GREETING="from the host", ONLY_IN_FILE="from the host")
        assert found["GREETING"] == "from the spec"
        assert found["ONLY_IN_FILE"] == "here"

    def test_host_variables_are_filled_when_a_command_starts(self, shop: Scratch) -> None:
        assert self._variables(shop)["FROM_HOST"] == "nothing"
        assert self._variables(shop, HOST_WORD="a 'word' with $signs\nand lines")["FROM_HOST"].endswith("\nand lines")

    def test_references_and_the_output_settings_are_there(self, shop: Scratch) -> None:
        found = self._variables(shop)
        assert found["WHERE"] == "shop"
        assert shop.envman("run", "sh", "-c", 'cat "$ROOT/data/one.txt"').out == "1\n"
        assert found["PYTHONUNBUFFERED"] == found["PYTHONFAULTHANDLER"] == "1"


class TestFiles:
    """The same project folder, the same current folder, the user's own files."""

    def test_the_current_folder_is_mapped(self, shop: Scratch) -> None:
        shop.up()
        said = shop.envman("run", "python", "-c", "import os; print(os.listdir('.'))", cwd=shop.root / "data")
        assert said.out.strip() == "['one.txt']"

    def test_files_made_inside_belong_to_the_user(self, shop: Scratch) -> None:
        assert shop.envman("run", "python", "-c", "open('made', 'w').write('x')").code == 0
        assert (shop.root / "made").stat().st_uid == os.getuid()


class TestRun:
    """The child's streams and exit code, unchanged."""

    def test_every_byte_comes_through_both_ways(self, shop: Scratch) -> None:
        shop.up()
        echo = (
            "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.stderr.buffer.write(bytes(range(256)))"
        )
        done = subprocess.run(
            [sys.executable, "-m", "envman", "run", "python", "-c", echo],
            cwd=shop.root,
            env=shop.environ,
            input=bytes(range(256)) * 100,
            capture_output=True,
            check=True,
        )
        assert done.stdout == bytes(range(256)) * 100
        assert done.stderr == bytes(range(256))

    def test_the_exit_code_is_the_childs(self, shop: Scratch) -> None:
        assert shop.envman("run", "python", "-c", "raise SystemExit(7)").code == 7

    def test_a_killed_child_answers_as_in_a_shell(self, shop: Scratch) -> None:
        shop.up()
        said = shop.envman("run", "python", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
        assert said.code in (-signal.SIGTERM, 128 + signal.SIGTERM)

    def test_its_own_failures_look_like_nobody_elses(self, shop: Scratch) -> None:
        shop.up()
        assert shop.envman("run", "no-such-program").code == 127
        (shop.root / "plain.txt").write_text("x", encoding="utf-8")
        assert shop.envman("run", "./plain.txt").code == 126
        shop.write({"envman.toml": "nmae = 'shop'\n"})
        assert shop.envman("run", "true").code == 125

    def test_tasks_take_further_arguments(self, shop: Scratch) -> None:
        assert shop.envman("run", "speak").out == "gamma speaks\n"
        assert shop.envman("run", "list", "a b", "-x").out == "['a b', '-x']\n"

    def test_two_dashes_mean_the_program(self, shop: Scratch) -> None:
        text = (shop.root / "envman.toml").read_text(encoding="utf-8").replace('speak = "gamma"', 'gamma = "echo task"')
        shop.write({"envman.toml": text})
        assert shop.envman("run", "gamma").out == "task\n"
        assert shop.envman("run", "--", "gamma").out == "gamma speaks\n"

    def test_a_signal_reaches_the_program_and_nothing_stays(self, shop: Scratch) -> None:
        shop.up()
        wait = "import os, time; open('pid', 'w').write(f'{os.getpid()}\\n'); time.sleep(60)"
        with shop.start("run", "python", "-c", wait) as call:
            _until(lambda: _lines(shop, "pid") == 1)
            call.terminate()
        assert call.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
        assert shop.envman("run", "sh", "-c", 'kill -0 "$(cat pid)"').code == 1

    def test_a_server_inside_is_reached_from_this_machine(self, shop: Scratch) -> None:
        shop.up()
        site = f"http://localhost:{shop.status()['ports']['web']['host']}/data/one.txt"
        with shop.start("run", "python", "-c", SERVER) as call:
            try:
                _until(lambda: _answers(site) == b"1\n")
            finally:
                call.terminate()


class TestTerminal:
    """The same on a terminal, and no terminal where there is none."""

    def test_a_terminal_is_one_inside_as_well(self, shop: Scratch) -> None:
        shop.up()
        show = (
            "import os, sys; print('tty' if os.isatty(0) and os.isatty(1) else 'no tty', sys.stdin.readline().strip())"
        )
        argv = [sys.executable, "-m", "envman", "run", "python", "-c", show]
        terminal = Terminal(argv, cwd=shop.root, env=shop.environ)
        terminal.type("typed")
        terminal.wait_for("tty typed")
        assert terminal.close() == 0

    def test_hooks_have_none_and_come_up_on_one(self, shop: Scratch) -> None:
        text = (shop.root / "envman.toml").read_text(encoding="utf-8")
        shop.write({"envman.toml": text.replace("echo done >> setup.log", "test ! -t 0 && echo done >> setup.log")})
        terminal = Terminal([sys.executable, "-m", "envman", "up"], cwd=shop.root, env=shop.environ)
        terminal.wait_for("Ready in", patience=120)  # an image or a machine may have to be made first
        assert terminal.close() == 0
        assert _lines(shop, "setup.log") == 1


class TestLeastWork:
    """A second up does nothing; a change redoes what depends on it, judged by content."""

    def test_a_second_up_does_nothing_and_needs_no_network(self, shop: Scratch) -> None:
        shop.up()
        again = shop.envman("up", UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/")
        assert again.code == 0
        assert "nothing to do" in again.err
        assert shop.up(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/")["steps"] == []
        assert _lines(shop, "setup.log") == 1

    def test_a_touched_file_is_no_change(self, shop: Scratch) -> None:
        shop.up()
        os.utime(shop.root / "requirements.txt", (1, 1))
        assert shop.up()["steps"] == []

    def test_a_hooks_input_runs_only_the_hook(self, shop: Scratch) -> None:
        shop.up()
        shop.write({"data/one.txt": "2\n"})
        assert [step["name"] for step in shop.up()["steps"]] == ["setup"]
        shop.write({"data/two.txt": "new\n"})
        assert [step["name"] for step in shop.up()["steps"]] == ["setup"]
        assert _lines(shop, "setup.log") == 3

    def test_a_branch_round_trip_redoes_nothing(self, shop: Scratch) -> None:
        shop.up()
        before = (shop.root / "requirements.txt").read_text(encoding="utf-8")
        shop.write({"requirements.txt": "beta\n"})
        shop.write({"requirements.txt": before})
        assert shop.up()["steps"] == []

    def test_a_changed_variable_touches_nothing_and_is_seen(self, shop: Scratch) -> None:
        shop.up()
        text = (shop.root / "envman.toml").read_text(encoding="utf-8")
        shop.write({"envman.toml": text.replace("from the spec", "changed")})
        assert shop.up()["steps"] == []
        assert shop.envman("run", "sh", "-c", "echo $GREETING").out == "changed\n"

    def test_the_plan_says_what_up_then_does(self, shop: Scratch) -> None:
        planned = shop.envman("plan", "--json", "--exit-code")
        assert planned.code == 1
        names = [step["name"] for step in planned.result["steps"]]
        assert names == [step["name"] for step in shop.up()["steps"]]
        assert shop.envman("plan", "--exit-code").code == 0


class TestHooks:
    """A hook is done only when it succeeded."""

    def test_a_failed_hook_is_told_and_tried_again(self, shop: Scratch) -> None:
        text = (shop.root / "envman.toml").read_text(encoding="utf-8")
        shop.write({"envman.toml": text.replace("echo done >> setup.log", "echo trying; test -e allowed")})
        failed = shop.envman("up")
        assert failed.code == 1
        assert "trying" in failed.err
        assert "up.log" in failed.err
        assert "Traceback" not in failed.err
        assert shop.status()["state"] != "absent"
        shop.write({"allowed": ""})
        assert [step["name"] for step in shop.up()["steps"]] == ["setup"]


class TestOwnership:
    """Two projects never meet; destroy leaves nothing."""

    def test_destroy_leaves_the_folder_as_it_was(self, fresh: Scratch) -> None:
        def tree() -> set[Path]:
            return {path for path in fresh.root.rglob("*") if path.name != "setup.log"}

        before = tree()
        fresh.up()
        assert fresh.envman("destroy", "--yes").code == 0
        assert tree() == before
        assert not any((fresh.data / "projects").iterdir())
        assert fresh.status()["state"] == "absent"

    def test_down_keeps_everything(self, shop: Scratch) -> None:
        shop.up()
        assert shop.envman("down").code == 0
        # A machine has to start again; nothing of it is made anew, and no hook runs twice.
        assert not {"lock", "python", "packages", "setup"} & {step["name"] for step in shop.up()["steps"]}
        assert _lines(shop, "setup.log") == 1
        assert shop.envman("run", "speak").out == "gamma speaks\n"

    def test_two_folders_of_one_name_do_not_meet(self, fresh: Scratch, tmp_path: Path) -> None:
        twin = Scratch(tmp_path, fresh.environ["UV_DEFAULT_INDEX"], name="elsewhere/shop")
        twin.write(
            {
                "envman.toml": (fresh.root / "envman.toml").read_text(),
                "settings.env": "",
                "requirements.txt": "alpha==2.0\n",
            }
        )
        try:
            assert fresh.up()["project"]["id"] != twin.up()["project"]["id"]
            assert fresh.installed()["alpha"] == "1.0"
            assert twin.installed()["alpha"] == "2.0"
        finally:
            assert twin.envman("destroy", "--yes", "--data").code == 0


class TestStatus:
    """One shape on every backend."""

    def test_the_document_has_the_promised_shape(self, fresh: Scratch) -> None:
        absent = fresh.status()
        assert absent["state"] == "absent"
        fresh.up()
        found = fresh.status()
        assert {"project", "backend", "state", "python", "packages", "services", "ports", "drift"} <= set(found)
        assert set(found["project"]) == {"name", "id", "root"}
        assert found["state"] == "running"
        assert found["packages"] == len(fresh.installed())
        assert found["drift"] == []

    def test_drift_names_the_input_and_the_command(self, shop: Scratch) -> None:
        shop.up()
        shop.write({"requirements.txt": "alpha==2.0\n"})
        assert [(one["input"], one["fix"]) for one in shop.status()["drift"]] == [("requirements.txt", "envman up")]
