"""Interrupted, or two at once: the next `up` completes the work, and the end is the same environment."""

from __future__ import annotations

import csv
import os
import signal
import time

import pytest

from tests.support.processes import alive
from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

SPEC = """\
[hooks]
setup = ["echo first >> hooks.log", "echo second >> hooks.log"]
"""


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project whose plan has a step of every kind."""
    scratch.write({"envman.toml": SPEC, "requirements.txt": "beta\ngamma\n"})
    return scratch


def is_whole(shop: Scratch) -> None:
    """Every file that the installed packages should have is there, and nothing is left to do."""
    (site,) = (shop.root / ".venv" / "lib").glob("python*/site-packages")
    for record in site.glob("*.dist-info/RECORD"):
        for name, *_ in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            assert (site / name).exists(), name
    assert set(shop.installed()) == {"alpha", "beta", "gamma"}
    assert shop.envman("plan", "--exit-code").code == 0
    assert shop.status()["state"] == "running"
    assert not (shop.root / ".envman" / "venv.old").exists()


@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.5, 0.8])
def test_ctrl_c_says_what_comes_next_and_leaves_no_child(shop: Scratch, seconds: float) -> None:
    shop.write({"envman.toml": '[hooks]\nsetup = ["echo started; sleep 5; echo ended >> hooks.log"]\n'})
    call = shop.start("up")
    time.sleep(seconds)
    os.killpg(call.pid, signal.SIGINT)
    _, err = call.communicate(timeout=20)
    assert call.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err
    if call.returncode == 130:
        assert "the next envman up resumes" in err
    assert alive(call.pid) == []
    shop.write({"envman.toml": SPEC})
    shop.up()
    is_whole(shop)


def test_two_at_once_take_turns(shop: Scratch) -> None:
    shop.write({"envman.toml": '[hooks]\nsetup = ["sleep 0.7"]\n'})
    first, second = shop.start("up"), shop.start("up")
    said = [call.communicate(timeout=60)[1] for call in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert sum("waiting for envman up (process " in text for text in said) == 1
    assert sum("nothing to do" in text for text in said) == 1
    is_whole(shop)


def test_whoever_waits_too_long_names_the_holder(shop: Scratch) -> None:
    shop.write({"envman.toml": '[hooks]\nsetup = ["touch held; sleep 3"]\n'})
    holder = shop.start("up")
    end = time.monotonic() + 20
    while not (shop.root / "held").exists() and time.monotonic() < end:
        time.sleep(0.05)
    refused = shop.envman("up", ENVMAN_LOCK_TIMEOUT="0.2")
    assert refused.code == 4
    assert f"process {holder.pid}" in refused.err
    holder.communicate(timeout=60)
    assert holder.returncode == 0
