"""What `status` says of a running service: since when, how much memory, and whether it answers."""

from __future__ import annotations

import os
import signal
import time

import pytest

from envman.services import memory
from tests.services.support import CACHE, Shop

pytestmark = pytest.mark.engine


def test_a_running_service_is_shown_with_its_age_and_its_memory(scratch: Shop) -> None:
    scratch.describe(CACHE)
    scratch.up()
    told = scratch.status()["services"]["cache"]
    assert (told["state"], told["why"]) == ("running", None)
    assert 500_000 < told["memory"] < 100_000_000
    assert 0 <= time.time() - told["since"] < 60
    said = scratch.envman("status").out
    assert " MB" in said
    assert "seconds" in said


def test_one_that_does_not_answer_is_degraded_and_left_alone(scratch: Shop) -> None:
    scratch.describe(CACHE)
    scratch.up()
    server = scratch.pid("cache")
    os.kill(server, signal.SIGSTOP)
    try:
        found = scratch.status()
        assert found["state"] == "degraded"
        assert found["services"]["cache"]["state"] == "degraded"
        assert found["services"]["cache"]["why"] == "timed out"
        assert "it does not answer: timed out" in scratch.envman("status").out
        assert scratch.up()["steps"] == []  # it may be busy: to end it would lose what it does
    finally:
        os.kill(server, signal.SIGCONT)
    assert scratch.status()["state"] == "running"


def test_a_probe_that_is_a_command_of_the_project_is_not_run(scratch: Shop) -> None:
    scratch.describe('[services.web]\nrun = "sleep 300"\nhealth = {exec = "echo x >> probed"}\n')
    scratch.up()
    before = (scratch.root / "probed").read_text(encoding="utf-8")
    assert scratch.status()["services"]["web"]["state"] == "running"
    assert (scratch.root / "probed").read_text(encoding="utf-8") == before


def test_memory_counts_what_a_process_has_started() -> None:
    own = os.getsid(0)
    found = memory.of_session(own)
    assert found is not None
    assert found > 1_000_000
    assert memory.of_session(2**22 + 1) is None
