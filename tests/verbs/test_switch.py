"""`envman switch`: the data arrives, or everything stays where it is."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.boxes import Boxes, free_port
from tests.support.processes import alive
from tests.support.scratch import Outcome, Scratch
from tests.support.terminal import Terminal

SPEC = """\
name = "shop"
backend = "box"
[env]
WORD = "${CANARY}"
[services.db]
use = "redis"
port = PORT
[ports]
web = WEB
[hooks]
setup = ["echo $BOX >> setup.log"]
"""
DATA = "one two three"
CANARY = "canary-4711"
MOST = 40


@pytest.fixture
def at(scratch: Scratch) -> Boxes:
    """A project that runs in the box, with data."""
    made = Boxes(scratch)
    scratch.environ["CANARY"] = CANARY
    spec = SPEC.replace("PORT", str(free_port())).replace("WEB", str(free_port()))
    scratch.write({"envman.toml": spec})
    scratch.up()
    made.held("box").write_text(DATA, encoding="utf-8")
    return made


def switch(at: Boxes, *words: str, **variables: str) -> Outcome:
    return at.shop.call(("switch", *words), variables)


def done(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def is_at(at: Boxes, level: str) -> None:
    """It runs there and nowhere else, with its data, and nothing is left to do."""
    assert at.runs() == [level]
    assert at.held(level).read_text(encoding="utf-8").split() == DATA.split()
    assert at.shop.status()["backend"] == level
    assert at.shop.envman("plan", "--json").result["steps"] == []
    assert not at.memory.get("moving")
    assert list(at.folder.glob("data/.moving/*")) == []


def setups(at: Boxes) -> list[str]:
    return (at.shop.root / "setup.log").read_text(encoding="utf-8").split()


class TestDone:
    """A move that comes to its end."""

    def test_the_data_goes_along_and_the_old_one_ends(self, at: Boxes) -> None:
        ports = at.shop.status()["ports"]
        (at.shop.root / "envman.local.toml").write_text('backend = "box"\n', encoding="utf-8")
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        said = done(switch(at, "crate"))
        assert "box → crate: data of db goes along" in said.err
        assert "shop is at crate now" in said.err
        is_at(at, "crate")
        status = at.shop.status()
        assert (status["chosen_by"], status["ports"]) == ("envman switch", ports)
        assert (at.shop.root / "envman.toml").read_text(encoding="utf-8") == spec
        assert setups(at) == ["box", "crate"]
        assert at.shop.envman("run", "sh", "-c", "echo $BOX $WORD").out == f"crate {CANARY}\n"
        assert all(CANARY not in log.read_text(encoding="utf-8") for log in at.folder.rglob("*.log"))
        assert CANARY not in said.err + at.shop.envman("switch", "box", "--verbose").err
        is_at(at, "box")

    def test_there_and_back_needs_no_question(self, at: Boxes) -> None:
        for level in ("crate", "box", "crate", "box"):
            done(switch(at, level))
            is_at(at, level)

    def test_as_a_document(self, at: Boxes) -> None:
        said = done(switch(at, "crate", "--json"))
        assert (said.json["command"], said.json["ok"]) == ("switch", True)
        result = said.result
        assert (result["from"], result["to"], list(result["data"])) == ("box", "crate", ["db"])
        assert all(set(step) == {"name", "title", "reason", "changes"} for step in result["steps"])
        again = done(switch(at, "crate", "--json"))
        assert again.result == {"from": "crate", "to": "crate", "data": {}, "steps": []}

    def test_without_data_each_keeps_its_own(self, at: Boxes) -> None:
        said = done(switch(at, "crate", "--no-data"))
        assert "the data of db stays at box" in said.err
        assert (at.runs(), at.held("crate").exists()) == (["crate"], False)
        done(switch(at, "box", "--no-data"))
        is_at(at, "box")

    def test_from_a_level_that_does_not_run(self, at: Boxes) -> None:
        at.shop.envman("down")
        done(switch(at, "crate"))
        is_at(at, "crate")

    def test_from_a_level_whose_destroy_has_left_the_data(self, at: Boxes) -> None:
        (at.folder / "data").mkdir(exist_ok=True)
        done(at.shop.envman("destroy", "--yes"))
        assert at.made() == []
        done(switch(at, "crate"))
        is_at(at, "crate")

    def test_of_a_project_that_was_never_up(self, scratch: Scratch) -> None:
        at = Boxes(scratch)
        scratch.write({"envman.toml": SPEC.replace("PORT", str(free_port())).replace("WEB", str(free_port()))})
        scratch.environ["CANARY"] = CANARY
        failed = switch(at, "crate", BOX_FAILS="crate:touch")
        assert (failed.code, at.runs(), "box" in at.made()) == (1, [], False)
        assert "the project stays at box, which did not run" in failed.err
        said = done(switch(at, "crate"))
        assert "no data goes along" in said.err
        assert (at.runs(), at.made()) == (["crate"], ["crate"])

    def test_of_a_profile(self, at: Boxes) -> None:
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        at.shop.write({"envman.toml": f'{spec}[profile.ci.env]\nWHO = "ci"\n'})
        done(switch(at, "crate", "--profile", "ci"))
        assert at.shop.envman("run", "sh", "-c", "echo $BOX${WHO-}").out == "crate\n"
        assert at.shop.envman("run", "--profile", "ci", "sh", "-c", "echo $BOX$WHO").out == "crateci\n"

    def test_a_service_that_the_spec_has_no_more_stays_where_it_was(self, at: Boxes) -> None:
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        start, end = spec.index("[services.db]"), spec.index("[ports]")
        at.shop.write({"envman.toml": spec[:start] + spec[end:]})
        said = done(switch(at, "crate"))
        assert "no data goes along" in said.err
        assert (at.runs(), at.held("crate").exists()) == (["crate"], False)
        at.shop.write({"envman.toml": spec})
        done(switch(at, "box", "--no-data"))
        is_at(at, "box")


class TestRefused:
    """What is said before anything is touched."""

    @pytest.fixture(autouse=True)
    def _untouched(self, at: Boxes) -> None:
        at.shop.envman("status")

    def test_a_target_that_this_machine_cannot_run(self, at: Boxes) -> None:
        said = switch(at, "crate", BOX_MISSING="crate")
        assert (said.code, "no crate engine" in said.err, "start it" in said.err) == (3, True, True)
        document = switch(at, "crate", "--json", BOX_MISSING="crate")
        assert (document.json["ok"], document.json["problems"][0]["hint"]) == (False, "start it")
        assert at.made() == ["box"]
        is_at(at, "box")

    def test_a_level_that_is_none(self, at: Boxes) -> None:
        said = switch(at, "crat")
        assert (said.code, "crate" in said.err) == (2, True)
        is_at(at, "box")

    @pytest.mark.parametrize("how", ["flag", "variable"])
    def test_a_backend_that_is_named_twice(self, at: Boxes, how: str) -> None:
        said = switch(at, "crate", "--backend", "box") if how == "flag" else switch(at, "crate", ENVMAN_BACKEND="box")
        assert (said.code, "envman switch crate, without them" in said.err) == (2, True)
        is_at(at, "box")

    def test_where_it_is(self, at: Boxes) -> None:
        assert "shop is at box already" in done(switch(at, "box")).err
        assert at.memory["backend"] == "box"
        is_at(at, "box")

    def test_what_the_target_has_of_its_own_is_not_lost_unasked(self, at: Boxes) -> None:
        done(switch(at, "crate", "--no-data"))
        at.held("crate").write_text("other", encoding="utf-8")
        said = switch(at, "box")
        assert (said.code, "what box has of db from before is replaced" in said.err) == (2, True)
        assert "--no-data keeps it" in said.err
        assert (at.runs(), at.held("box").read_text(encoding="utf-8")) == (["crate"], DATA)
        terminal = Terminal(["python", "-m", "envman", "switch", "box"], cwd=at.shop.root, env=at.shop.environ)
        terminal.wait_for("Go on?")
        terminal.type("n")
        assert terminal.close() == 2
        assert (at.runs(), at.held("box").read_text(encoding="utf-8")) == (["crate"], DATA)
        done(switch(at, "box", "--yes"))
        assert at.held("box").read_text(encoding="utf-8") == "other"

    def test_a_copy_that_is_worked_on_again_is_no_copy(self, at: Boxes) -> None:
        done(switch(at, "crate"))
        at.shop.up("--backend", "box")
        at.held("box").write_text("newer", encoding="utf-8")
        assert switch(at, "box").code == 2
        done(switch(at, "box", "--no-data"))
        done(switch(at, "crate", "--no-data"))
        assert switch(at, "box").code == 2
        assert at.held("box").read_text(encoding="utf-8") == "newer"


FAILURES = [
    "crate:mkdir", "crate:touch", "box:look", "box:save", "crate:restore", "crate:lose", "crate:look", "box:unlink",
]  # fmt: skip


class TestFailed:
    """A move that fails, or is ended: the old level is up again with all that it had."""

    @pytest.mark.parametrize("where", FAILURES)
    def test_whatever_fails_it_stays_where_it_is(self, at: Boxes, where: str) -> None:
        # What the old one cannot do, it cannot do when it comes back either.
        said = switch(at, "crate", BOX_FAILS=where)
        assert said.code == 1
        assert "the move to crate failed; box is brought up again" in said.err
        assert ("carried and compared" in said.err) == (where == "box:unlink")
        is_at(at, "box")
        assert setups(at) == ["box"]
        done(switch(at, "crate"))
        is_at(at, "crate")

    def test_what_arrives_is_compared(self, at: Boxes) -> None:
        said = switch(at, "crate", "--json", BOX_FAILS="crate:lose")
        assert "what was read is not what was there\n- it: one" in said.json["problems"][0]["message"]

    def test_a_setup_that_fails_over_there(self, at: Boxes) -> None:
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        at.shop.write({"envman.toml": spec.replace("setup = [", 'setup = ["test $BOX = box", ')})
        at.shop.up()
        said = switch(at, "crate")
        assert (said.code, "hook setup: test $BOX = box ended with 1" in said.err) == (1, True)
        is_at(at, "box")
        at.shop.write({"envman.toml": spec})
        done(switch(at, "crate"))
        is_at(at, "crate")

    def test_one_that_did_not_run_does_not_run_afterwards(self, at: Boxes) -> None:
        at.shop.envman("down")
        said = switch(at, "crate", BOX_FAILS="crate:restore")
        assert (said.code, at.runs()) == (1, [])
        assert at.held("box").read_text(encoding="utf-8") == DATA

    def test_a_target_that_cannot_even_be_stopped(self, at: Boxes) -> None:
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        at.shop.write({"envman.toml": spec.replace("setup = [", 'setup = ["test $BOX = box", ')})
        at.shop.up()
        said = switch(at, "crate", BOX_FAILS="crate:unlink")
        assert "what was made of crate may still run: unlink fails in the crate" in said.err
        assert sorted(at.runs()) == ["box", "crate"]
        again = at.shop.call(("up",), {"BOX_FAILS": "crate:unlink"})
        assert (again.code, "it may still run" in again.err) == (0, True)
        at.shop.up()
        is_at(at, "box")

    @pytest.mark.engine
    @pytest.mark.parametrize(("moment", "stride"), [("step", 1), ("write", 1), ("staged", 2), ("unlink", 1)])
    def test_killed_at_any_moment(self, at: Boxes, moment: str, stride: int) -> None:
        for count in range(1, MOST, stride):
            ended = at.killed(moment, count, "switch", "crate", "--yes")
            assert ended.code in (0, -signal.SIGKILL), ended.err
            at.shop.up()
            level = at.shop.status()["backend"]
            is_at(at, level)
            if level == "crate":  # the choice was made before the kill
                done(switch(at, "box"))
            if ended.code == 0:
                assert count > 1
                return
        pytest.fail("the switch never came to its end")

    @pytest.mark.engine
    def test_ctrl_c_at_any_step(self, at: Boxes) -> None:
        for count in range(1, MOST):
            ended = at.killed("step", count, "switch", "crate", "--yes", interrupt=True)
            if ended.code == 0:
                assert count > 4
                is_at(at, "crate")
                return
            assert ended.code == 130, ended.err
            assert "Traceback" not in ended.err
            is_at(at, "box")
        pytest.fail("the switch never came to its end")

    @pytest.mark.parametrize("then", ["status", "down", "switch box", "switch crate", "diff", "destroy"])
    def test_after_a_kill(self, at: Boxes, then: str) -> None:
        assert at.killed("step", 3, "switch", "crate").code == -signal.SIGKILL
        assert at.memory["moving"] == "crate"
        if then == "status":
            (drift,) = [one for one in at.shop.status()["drift"] if one["input"] == "switch"]
            assert drift["why"] == "a move to crate was not finished"
            assert "crate" in at.runs()
        elif then == "down":
            done(at.shop.envman("down"))
            assert at.runs() == []
            at.shop.up()
            is_at(at, "box")
        elif then == "switch box":
            done(switch(at, "box"))
            at.shop.up()
            is_at(at, "box")
        elif then == "switch crate":
            done(switch(at, "crate"))
            is_at(at, "crate")
        elif then == "diff":
            at.shop.envman("diff", "box", "crate")
            is_at(at, "box")
        else:
            done(at.shop.envman("destroy", "--yes", "--data"))
            assert (at.runs(), at.made()) == ([], [])

    def test_what_cannot_be_asked_hinders_nothing(self, at: Boxes) -> None:
        assert at.killed("step", 3, "switch", "crate").code == -signal.SIGKILL
        assert at.shop.envman("up", BOX_MISSING="crate").code == 0
        assert at.memory["moving"] == "crate"
        at.shop.up()
        is_at(at, "box")


class TestTurns:
    """While another envman is at work."""

    def test_it_names_who_is(self, at: Boxes) -> None:
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        at.shop.write({"envman.toml": spec.replace("setup = [", 'setup = ["touch held; sleep 3", ')})
        holder = at.shop.start("up")
        end = time.monotonic() + 20
        while not (at.shop.root / "held").exists() and time.monotonic() < end:
            time.sleep(0.05)
        refused = switch(at, "crate", ENVMAN_LOCK_TIMEOUT="0.2")
        assert (refused.code, f"process {holder.pid}" in refused.err) == (4, True)
        holder.communicate(timeout=60)
        assert alive(holder.pid) == []
        is_at(at, "box")

    def test_whoever_waited_sees_that_it_has_moved(self, at: Boxes) -> None:
        spec = (at.shop.root / "envman.toml").read_text(encoding="utf-8")
        at.shop.write({"envman.toml": spec.replace("setup = [", 'setup = ["sleep 1", ')})
        at.shop.up()
        calls = [at.shop.start("switch", "crate", "--yes") for _ in range(2)]
        said = [call.communicate(timeout=60)[1] for call in calls]
        assert [call.returncode for call in calls] == [0, 0], said
        assert sum("shop is at crate already" in text for text in said) == 1
        is_at(at, "crate")
        assert os.path.exists(at.held("box"))
