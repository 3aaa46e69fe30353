"""What goes wrong outside of envman: one clear message, the right exit code, and the next up completes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scratch import Outcome, Scratch
from tests.support.wheels import BUILD_FAILURE

pytestmark = pytest.mark.engine

NOWHERE = "http://127.0.0.1:9/simple/"


def log_of(outcome: Outcome) -> str:
    """The log that the message names."""
    (line,) = (line for line in outcome.err.splitlines() if "the whole log: " in line)
    return Path(line.split("the whole log: ")[1]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("requirements", "variables", "told", "logged"),
    [
        ("nosuchpackage\n", {}, "a package does not exist", "nosuchpackage"),
        ("alpha==1.0\nalpha==2.0\n", {}, "no versions satisfy all that is asked for", "alpha"),
        ("alpha==9\n", {}, "no versions satisfy all that is asked for", "alpha"),
        ("unbuildable\n", {}, "a package could not be built", BUILD_FAILURE),
        ("alpha\n", {"UV_DEFAULT_INDEX": NOWHERE, "UV_HTTP_RETRIES": "0"}, "cannot be reached", "127.0.0.1:9"),
    ],
)
def test_a_failed_installation_is_one_message_and_the_next_up_completes(
    scratch: Scratch, requirements: str, variables: dict[str, str], told: str, logged: str
) -> None:
    scratch.write({"requirements.txt": requirements})
    failed = scratch.call(("up",), {**variables, "UV_CACHE_DIR": str(scratch.home / "own-cache")})
    assert failed.code == 1
    assert told in failed.err
    assert "Traceback (most recent call last)" not in failed.err or "unbuildable" in requirements
    assert logged in log_of(failed)
    assert scratch.status()["state"] == "partial"
    scratch.write({"requirements.txt": "gamma\n"})
    assert scratch.up()["state"] == "running"


def test_offline_with_an_empty_cache_says_so(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "alpha\n"})
    failed = scratch.envman("up", "--offline", UV_CACHE_DIR=str(scratch.home / "empty"))
    assert failed.code == 1
    assert "--offline" in failed.err


def test_a_failed_upgrade_of_packages_keeps_the_old_ones_working(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    scratch.up()
    scratch.write({"requirements.txt": "gamma\nunbuildable\n"})
    assert scratch.envman("up").code == 1
    assert scratch.envman("run", "--no-up", "gamma").out == "gamma speaks\n"


def test_a_failed_change_of_python_brings_the_old_environment_back(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    before = scratch.up()["python"]["version"]
    other = "3.12" if not before.startswith("3.12") else "3.13"
    scratch.write({".python-version": f"{other}\n", "requirements.txt": "gamma\nunbuildable\n"})
    assert scratch.envman("up").code == 1
    assert scratch.envman("run", "--no-up", "gamma").out == "gamma speaks\n"
    scratch.write({"requirements.txt": "gamma\n"})
    assert scratch.up()["python"]["version"].startswith(other)


def test_an_interpreter_that_is_nowhere_is_answered_with_those_that_are(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "alpha\n", ".python-version": "3.99\n"})
    failed = scratch.envman("up", "--offline")
    assert failed.code == 3
    assert "Python 3.99 is not on this machine" in failed.err
    assert "here: 3." in failed.err


@pytest.mark.parametrize(
    "damage",
    [
        ".venv/bin/python",
        ".venv",
        ".venv/envman.json",
        ".envman",
        "data:ready",
        "data:project.json",
        "data:venv.json",
        "data:locks",
    ],
)
@pytest.mark.parametrize("how", ["gone", "garbage"])
def test_whatever_is_damaged_is_mended(scratch: Scratch, damage: str, how: str) -> None:
    import shutil

    scratch.write({"requirements.txt": "gamma\n", "envman.toml": '[hooks]\nsetup = ["true"]\n'})
    identity = scratch.up()["project"]["id"]
    folder = scratch.data / "projects" / identity
    path = folder / damage.removeprefix("data:") if damage.startswith("data:") else scratch.root / damage
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if how == "garbage":
        path.parent.mkdir(parents=True, exist_ok=True)
        if damage not in (".venv", ".envman", "data:locks"):
            path.write_bytes(b"\xff{{not ours")
    if damage == ".venv/envman.json":
        # Without its note the environment is a stranger's: it stays, and ours stands beside it.
        assert scratch.up()["python"]["executable"] == str(scratch.root / ".envman" / "venv" / "bin" / "python")
    else:
        scratch.up()
    assert scratch.envman("run", "gamma").out == "gamma speaks\n"
    assert scratch.envman("plan", "--exit-code").code == 0


def test_a_base_interpreter_that_went_away_is_noticed(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    scratch.up()
    python = scratch.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(scratch.home / "removed" / "python3")
    assert "is gone" in scratch.envman("plan").out
    assert scratch.envman("run", "gamma").out == "gamma speaks\n"


def test_a_package_removed_behind_our_back_is_brought_back(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\nalpha\n"})
    scratch.up()
    assert scratch.envman("run", "sh", "-c", "uv pip uninstall -q alpha").code == 0
    assert scratch.status()["state"] == "degraded"
    assert "alpha" in scratch.envman("plan").out
    assert scratch.envman("run", "python", "-c", "import alpha").code == 0


def test_a_read_only_place_for_state_is_told(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "alpha\n"})
    blocked = scratch.home / "blocked"
    blocked.write_text("a file, where a folder should be", encoding="utf-8")
    failed = scratch.envman("up", ENVMAN_DATA=str(blocked))
    assert failed.code in (1, 2)
    assert "Traceback" not in failed.err
    assert str(blocked) in failed.err
