"""The engine itself is killed, at moments that matter, and comes back: the next up mends what is left of the stack."""

# These end the engine of the lab, which everything else here uses: they run alone, before all others.
from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.docker.conftest import Make
from tests.support.containers import container, docker
from tests.support.scratch import Scratch

pytestmark = [pytest.mark.engine, pytest.mark.alone]

LAB = Path(os.environ.get("ENVMAN_LAB", "/var/lib/envman-lab"))
SCRIPT = Path(__file__).parent.parent / "lab" / "docker.sh"
SPEC = """\
name = "shop"
backend = "docker"
[services.db]
use = "postgres"
version = "17"
databases = ["more"]
[hooks]
setup = ["echo done >> setup.log"]
"""


def engine_pid() -> int:
    """Of the lab's engine; 0 where there is none."""
    try:
        return int((LAB / "dockerd.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


@pytest.fixture(autouse=True)
def lab() -> None:
    """The engine is the lab's own, and may be killed."""
    is_there = engine_pid() and Path(f"/proc/{engine_pid()}").exists()
    if not is_there and not os.environ.get("CI"):
        pytest.skip("the engine here is not the lab's; where CI is set, that is a failure")
    assert is_there, "the engine here is not the lab's"


def ended(pid: int) -> None:
    """Wait until a process is gone."""
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def _killed() -> None:
    pid = engine_pid()
    os.kill(pid, signal.SIGKILL)
    ended(pid)


def back() -> None:
    """Let the lab's engine run again."""
    subprocess.run(["bash", str(SCRIPT)], check=True, capture_output=True, timeout=300)


@pytest.fixture
def shop(passing: Make) -> Scratch:
    """A project with a database, not up yet."""
    return passing(**{"envman.toml": SPEC})


def _sql(shop: Scratch, statement: str) -> str:
    return docker(
        "exec", "--user", "postgres", container(shop, "db"), "psql", "-U", "app", "-d", "app", "-Atc", statement
    )


def _is_one_message(code: int, err: str) -> None:
    assert code in (1, 3), err
    assert err.count("error: ") == 1, err
    assert "Traceback" not in err
    assert "a defect in envman" not in err


def test_killed_while_all_runs_it_loses_nothing(shop: Scratch) -> None:
    shop.up()
    _sql(shop, "create table t as select generate_series(1, 1000) as n")
    _killed()
    try:
        said = shop.envman("status")
        assert said.code == 3
        assert "no engine answers" in said.err
        assert shop.envman("run", "true").code == 125
    finally:
        back()
    shop.up()
    assert _sql(shop, "select count(*) from t") == "1000"
    assert shop.envman("run", "true").code == 0
    assert shop.up()["steps"] == []


@pytest.mark.parametrize("row", ["image", "packages", "workspace", "db"])
def test_killed_in_the_middle_of_an_up_the_next_one_completes_it(shop: Scratch, row: str) -> None:
    begun = shop.start("up", "--refresh", "--verbose") if row == "image" else shop.start("up", "--verbose")
    log = shop.data / "projects"
    end = time.monotonic() + 120
    while begun.poll() is None and time.monotonic() < end:
        if any(f"--- {row}:" in file.read_text(encoding="utf-8") for file in log.glob("*/logs/up.log")):
            break
        time.sleep(0.01)
    _killed()
    try:
        _, err = begun.communicate(timeout=120)
    finally:
        back()
    if begun.returncode:  # it may have been done a moment before
        _is_one_message(begun.returncode, err)
    shop.up()
    assert _sql(shop, "select 1") == "1"
    assert (shop.root / "setup.log").read_text(encoding="utf-8").startswith("done\n")
    assert shop.up()["steps"] == []
