"""Killed at any moment: the next `up` completes the work, and the end is the same environment."""

from __future__ import annotations

import csv
import os
import signal
import sys
import time

import pytest

from tests.support.processes import alive
from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

SPEC = """\
[hooks]
setup = ["echo first >> hooks.log", "echo second >> hooks.log"]
"""
OTHER_PYTHON = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
# Enough moments of each kind to reach past the last one of a whole up; the harness notices when none is left.
MOMENTS = [
    *(("step", count) for count in range(1, 6)),
    *(("write", count) for count in range(1, 14, 2)),
    *(("staged", count) for count in range(1, 14, 2)),
    *(("mkdir", count) for count in (1, 4, 7)),
    *(("line", count) for count in range(1, 5)),
]


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project whose plan has a step of every kind."""
    scratch.write({"envman.toml": SPEC, "requirements.txt": "beta\ngamma\n"})
    return scratch


def killed(shop: Scratch, moment: str, count: int) -> bool:
    """An up that is killed; False when it ended before the moment came."""
    ended = shop.killed(moment, count)
    assert ended.code in (0, -signal.SIGKILL), ended.err
    return ended.code != 0


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


@pytest.mark.parametrize(("moment", "count"), MOMENTS)
def test_a_first_up_survives(shop: Scratch, moment: str, count: int) -> None:
    died = killed(shop, moment, count)
    assert died or moment != "step"
    shop.up()
    is_whole(shop)
    ran = (shop.root / "hooks.log").read_text(encoding="utf-8").splitlines()
    assert set(ran) == {"first", "second"}
    # A hook may have run just before the kill; it is never left out, and never run without a reason.
    assert len(ran) <= (3 if died else 2)


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("rename", 1),
        ("step", 1),
        ("step", 2),
        ("step", 3),
        ("mkdir", 2),
        ("write", 3),
        ("write", 5),
        ("staged", 4),
        ("line", 1),
    ],
)
def test_a_change_of_python_survives(shop: Scratch, moment: str, count: int) -> None:
    shop.up()
    shop.write({".python-version": f"{OTHER_PYTHON}\n"})
    killed(shop, moment, count)
    assert shop.up()["python"]["version"].startswith(OTHER_PYTHON)
    is_whole(shop)


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
