"""What the machine may refuse: a full disk, a folder that cannot be written, a checkout of somebody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.disk import disk, remount
from tests.support.scratch import Outcome, Scratch

pytestmark = pytest.mark.engine

NOBODY = 65534


def is_one_message(outcome: Outcome) -> None:
    assert "Traceback" not in outcome.err
    assert "a defect in envman" not in outcome.err
    assert outcome.err.count("error: ") == 1, outcome.err
    assert max(map(len, outcome.err.splitlines())) < 400, outcome.err


def fill(place: Path) -> Path:
    """Take what room is left; removing the file gives it back."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"x" * 4096)
        except OSError:
            pass
    return ballast


@pytest.mark.parametrize("free", ["0", "40k", "120k", "200k", "300k"])
def test_a_full_disk_under_the_project_is_told_and_the_next_up_completes(
    tmp_path: Path, scratch: Scratch, free: str
) -> None:
    with disk(tmp_path / "small", "4m") as place:
        shop = Scratch(place, scratch.environ["UV_DEFAULT_INDEX"])
        shop.environ.update({"ENVMAN_DATA": str(tmp_path / "data"), "ENVMAN_CACHE": str(tmp_path / "cache")})
        shop.write({"requirements.txt": "beta\ngamma\n"})
        ballast = fill(place)
        kept = ballast.stat().st_size - int(free.removesuffix("k")) * 1024
        with ballast.open("r+b") as stream:
            stream.truncate(kept)
        failed = shop.envman("up")
        # With the most room it may fit: what counts is that it is never half said.
        if failed.code:
            assert failed.code in (1, 2)
            is_one_message(failed)
            assert any(word in failed.err for word in ("No space left on device", "the disk is full")), failed.err
        ballast.unlink()
        assert shop.envman("up").code == 0
        assert shop.envman("run", "gamma").out == "gamma speaks\n"
        assert shop.envman("plan", "--exit-code").code == 0


def test_a_disk_that_fills_up_during_an_upgrade_leaves_the_old_packages(tmp_path: Path, scratch: Scratch) -> None:
    with disk(tmp_path / "small", "4m") as place:
        shop = Scratch(place, scratch.environ["UV_DEFAULT_INDEX"])
        shop.environ.update({"ENVMAN_DATA": str(tmp_path / "data"), "ENVMAN_CACHE": str(tmp_path / "cache")})
        shop.write({"requirements.txt": "gamma\n"})
        shop.up()
        shop.write({"requirements.txt": "gamma\nbeta\n"})
        ballast = fill(place)
        failed = shop.envman("up")
        assert failed.code in (1, 2)
        is_one_message(failed)
        assert shop.envman("run", "--no-up", "gamma").out == "gamma speaks\n"
        ballast.unlink()
        shop.up()
        assert set(shop.installed()) == {"alpha", "beta", "gamma"}


@pytest.mark.parametrize("size", ["16k", "24k", "36k", "48k", "64k"])
def test_a_full_disk_under_the_data_folder_is_told_and_the_next_up_completes(
    tmp_path: Path, scratch: Scratch, size: str
) -> None:
    scratch.write({"requirements.txt": "gamma\n", "envman.toml": '[hooks]\nsetup = ["seq 1 3000"]\n'})
    with disk(scratch.data, size):
        failed = scratch.envman("up")
        assert failed.code in (0, 1, 2)
        if failed.code:
            is_one_message(failed)
            assert "No space left on device" in failed.err, failed.err
        remount(scratch.data, "size=4m")
        assert scratch.envman("up").code == 0
        assert scratch.envman("run", "gamma").out == "gamma speaks\n"
        assert scratch.envman("plan", "--exit-code").code == 0


def test_a_read_only_project_is_refused_and_one_that_is_up_still_runs(tmp_path: Path, scratch: Scratch) -> None:
    with disk(tmp_path / "place", "8m") as place:
        shop = Scratch(place, scratch.environ["UV_DEFAULT_INDEX"])
        shop.environ.update({"ENVMAN_DATA": str(tmp_path / "data"), "ENVMAN_CACHE": str(tmp_path / "cache")})
        shop.write({"requirements.txt": "gamma\n"})
        remount(place, "ro")
        refused = shop.envman("up")
        assert refused.code == 2
        is_one_message(refused)
        assert "Read-only file system" in refused.err
        assert shop.envman("status").code == shop.envman("plan").code == 0
        remount(place, "rw")
        shop.up()
        remount(place, "ro")
        assert shop.envman("run", "gamma").out == "gamma speaks\n"
        assert "nothing to do" in shop.envman("up").err
        assert shop.up()["steps"] == []
        remount(place, "rw")
        shop.write({"requirements.txt": "gamma\nalpha\n"})
        remount(place, "ro")
        failed = shop.envman("up")
        assert failed.code in (1, 2)
        is_one_message(failed)
        assert shop.envman("run", "--no-up", "gamma").out == "gamma speaks\n"
        failed = shop.envman("destroy", "--yes")
        assert failed.code == 1
        is_one_message(failed)
        remount(place, "rw")
        shop.up()
        assert set(shop.installed()) == {"alpha", "gamma"}
        assert shop.envman("destroy", "--yes").code == 0
        assert [path.name for path in shop.root.iterdir()] == ["requirements.txt"]


@pytest.mark.parametrize("foreign", [".", "envman.toml", "envman.local.toml", "pyproject.toml"])
def test_somebody_elses_spec_is_refused_until_it_is_trusted(scratch: Scratch, foreign: str) -> None:
    scratch.write(
        {
            "envman.toml": '[hooks]\nsetup = ["touch ran"]\n[tasks]\ngo = "touch ran"\n',
            "envman.local.toml": "",
            "pyproject.toml": "",
            "requirements.txt": "gamma\n",
        }
    )
    os.chown(scratch.root / foreign, NOBODY, NOBODY)
    for command in ("up", "plan", "status", "check", "lock"):
        refused = scratch.envman(command)
        assert refused.code == 2, command
        assert "belongs to another user" in refused.err
    for words in (("run", "go"), ("run", "--no-up", "true"), ("shell",)):
        assert scratch.envman(*words).code == 125
    assert scratch.envman("activate", "--shell", "bash").code == 2
    assert {path.name for path in scratch.root.iterdir()} == {
        "envman.toml", "envman.local.toml", "pyproject.toml", "requirements.txt"
    }  # fmt: skip
    assert scratch.envman("up", ENVMAN_TRUST=str(scratch.home)).code == 2
    assert scratch.envman("up", ENVMAN_TRUST=str(scratch.root)).code == 0
    assert (scratch.root / "ran").exists()


def test_a_folder_that_was_given_away_is_no_longer_trusted_once_it_changes(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n", "envman.toml": '[tasks]\ngo = "echo mine"\n'})
    scratch.up()
    scratch.write({"envman.toml": '[tasks]\ngo = "touch stolen"\n'})
    os.chown(scratch.root / "envman.toml", NOBODY, NOBODY)
    assert scratch.envman("run", "go").code == 125
    assert not (scratch.root / "stolen").exists()
