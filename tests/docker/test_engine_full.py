"""The engine's disk is full: it is said in words, nothing half made is taken for whole, and the next up goes on."""

# An engine of its own on a small disk, in the place of the lab's: two at once would break each other's network.
from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from envman.backend import load
from tests.docker.conftest import Make
from tests.docker.test_engine_killed import LAB, back, ended, engine_pid, lab
from tests.support.disk import disk, remount

pytestmark = [pytest.mark.engine, pytest.mark.alone]
__all__ = ["lab"]

MIRROR = "http://127.0.0.1:5000"
SPEC = 'name = "shop"\nbackend = "docker"\n[services.cache]\nuse = "redis"\n'


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """The disk of an engine that has room for the base alone."""
    os.kill(engine_pid(), signal.SIGTERM)
    ended(engine_pid())
    with disk(LAB / "small", "700m") as place:
        places = {"data-root": place / "data", "exec-root": place / "exec", "pidfile": tmp_path / "pid"}
        words = [f"--{name}={path}" for name, path in places.items()]
        log = (tmp_path / "dockerd.log").open("wb")
        engine = subprocess.Popen(["dockerd", *words, "--registry-mirror", MIRROR], stdout=log, stderr=log)
        try:
            end = time.monotonic() + 60
            while load("docker").missing(os.environ):
                assert engine.poll() is None, (tmp_path / "dockerd.log").read_text(encoding="utf-8")
                assert time.monotonic() < end
                time.sleep(0.1)
            yield place
        finally:
            engine.terminate()
            engine.wait(timeout=60)
            log.close()
            back()


def test_a_full_disk_is_told_and_with_room_the_next_up_goes_on(small: Path, passing: Make) -> None:
    shop = passing(**{"envman.toml": SPEC})
    room = os.statvfs(small)
    filler = small / "filler"
    filler.write_bytes(b"\0" * (room.f_bavail * room.f_frsize - 40_000_000))
    said = shop.envman("up")
    assert said.code == 1, said.err
    assert said.err.count("error: ") == 1, said.err
    assert "no space left on device" in said.err
    assert "the engine's disk is full" in said.err
    assert "Traceback" not in said.err
    filler.unlink()
    remount(small, "size=3g")
    shop.up()
    assert shop.envman("run", "python", "-c", "import alpha").code == 0
    assert shop.up()["steps"] == []
    assert shop.envman("destroy", "--yes", "--data").code == 0
