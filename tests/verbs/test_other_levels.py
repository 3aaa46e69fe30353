"""What the core promises to levels that are not folders: engines that stop, hold ports, and cannot be asked."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.support.scratch import Scratch
from tests.support.terminal import Terminal

ROOT = Path(__file__).parents[2]
SPEC = """\
backend = "box"
[env]
WHERE = "{project.root}"
LISTEN = "{ports.web.bind}:{ports.web.inside}"
HOST_PORT = "{ports.web.host}"
[ports]
web = PORT
[hooks]
setup = ["echo done >> setup.log"]
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project on a level with an engine of its own."""
    metadata = scratch.home / "packages" / "box-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[envman.backends]\nbox = tests.support.box_backend\n")
    engine = scratch.home / "engine"
    engine.mkdir()
    scratch.environ |= {"PYTHONPATH": os.pathsep.join([str(metadata.parent), str(ROOT)]), "BOX_ENGINE": str(engine)}
    scratch.write({"envman.toml": SPEC.replace("PORT\n", f"{_free_port()}\n")})
    return scratch


def _stop(shop: Scratch) -> None:
    (running,) = (shop.home / "engine").rglob("running")
    running.unlink()


def _setups(shop: Scratch) -> int:
    return len((shop.root / "setup.log").read_text(encoding="utf-8").splitlines())


def test_what_stopped_behind_our_back_is_seen_and_started_again(shop: Scratch) -> None:
    shop.up()
    assert "nothing to do" in shop.envman("up").err
    _stop(shop)
    assert shop.envman("status").out.splitlines()[0].startswith("shop · box · stopped")
    assert "begin" in shop.envman("up").err
    _stop(shop)
    assert shop.envman("run", "sh", "-c", "exit 7").code == 7
    assert shop.status()["state"] == "running"
    assert _setups(shop) == 1


def test_after_a_down_nothing_pretends_to_run(shop: Scratch) -> None:
    shop.up()
    assert shop.envman("down").code == 0
    refused = shop.envman("run", "--no-up", "true")
    assert (refused.code, "hint: envman up" in refused.err) == (125, True)
    assert [step["name"] for step in shop.up()["steps"]] == ["begin"]
    assert _setups(shop) == 1


def test_values_are_filled_for_the_one_inside(shop: Scratch) -> None:
    asked = shop.status()["ports"]["web"]["inside"]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", asked))
        holder.listen()
        host = shop.up()["ports"]["web"]["host"]
    assert host != asked
    for _ in range(2):  # before and after the ready file is there
        said = shop.envman("run", "sh", "-c", "echo $WHERE $LISTEN $HOST_PORT").out
        assert said == f"/project 0.0.0.0:{asked} {host}\n"
    assert shop.status()["ports"]["web"]["inside"] == asked


def test_a_port_that_was_taken_while_it_was_down_is_replaced(shop: Scratch) -> None:
    port = shop.up()["ports"]["web"]["host"]
    assert shop.up()["ports"]["web"]["host"] == port
    shop.envman("down")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        assert shop.up()["ports"]["web"]["host"] != port


def test_a_variable_that_leads_to_another_engine_is_looked_at(shop: Scratch) -> None:
    shop.up()
    assert shop.status(BOX_HOST="elsewhere")["state"] == "absent"
    assert shop.status()["state"] == "running"


def test_no_shell_of_this_machine_is_inside_but_one_opens_there(shop: Scratch) -> None:
    shop.up()
    refused = shop.envman("activate")
    assert (refused.code, "envman shell" in refused.err) == (2, True)
    terminal = Terminal(["python", "-m", "envman", "shell"], cwd=shop.root, env=shop.environ)
    terminal.type("echo $WHERE; exit 3")
    terminal.wait_for("/project\r\n")
    assert terminal.close() == 3


def test_an_engine_that_cannot_be_asked_ends_destroy_before_anything_is_removed(shop: Scratch) -> None:
    shop.up()
    assert shop.envman("list", "--json").result["environments"][0]["bytes"] > 1_000_000
    engine = shop.home / "engine"
    away = engine.rename(shop.home / "away")
    refused = shop.envman("destroy", "--yes")
    assert (refused.code, "hint: start it" in refused.err) == (3, True)
    assert (shop.root / ".envman").exists()
    assert shop.envman("list").code == 0
    away.rename(engine)
    assert shop.envman("list", "--json").result["environments"][0]["bytes"] > 1_000_000
    assert shop.envman("destroy", "--yes").code == 0
    assert not any(engine.rglob("running"))
