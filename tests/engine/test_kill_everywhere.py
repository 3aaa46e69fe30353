"""Killed at every single moment of its kind: the next up ends where an undisturbed one does."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

SPEC = """\
[hooks]
setup = ["echo first >> hooks.log", "echo second >> hooks.log"]
"""
OTHER_PYTHON = "3.12" if sys.version_info[:2] != (3, 12) else "3.11"
# Far more than a plan has of any kind: a loop that comes to its end has gone through all of them.
MOST = 80
# What happens at very many alike moments is tried at some of them.
MOMENTS = {
    "step": 1,
    "line": 1,
    "write": 1,
    "staged": 1,
    "mkdir": 2,
    "rename": 1,
    "unlink": 1,
    "copied": 3,
    "started": 1,
}


def project(home: Path, index: str, name: str) -> Scratch:
    """A project whose plan has a step of every kind."""
    made = Scratch(home, index, name=name)
    made.write({"envman.toml": SPEC, "requirements.txt": "beta\ngamma\n"})
    return made


def _differs(path: Path) -> bool:
    # A kill in the middle of writing the note leaves the unfinished one beside it, which nobody reads.
    unfinished = path.name.startswith(".envman.json.") and path.suffix == ".new"
    return unfinished or path.name in ("envman.json", ".lock") or path.suffix == ".pyc"


def picture(shop: Scratch) -> dict[str, str]:
    """The environment, file by file, without what is different in any two of them."""
    prefix = shop.root / ".venv"
    seen = {}
    for path in prefix.rglob("*"):
        name = str(path.relative_to(prefix))
        if path.is_symlink():
            seen[name] = os.readlink(path)
        elif path.is_file() and not _differs(path):
            text = path.read_text(encoding="utf-8", errors="replace").replace(str(shop.root), "ROOT")
            # The line of a script, which holds the folder's name, has a digest and a size of its own.
            seen[name] = (
                text if path.name != "RECORD" else "\n".join(sorted(line.split(",")[0] for line in text.split()))
            )
    return seen


def state(shop: Scratch) -> set[str]:
    """The names of what is kept about the project, without what a kill may leave half written."""
    (record,) = (shop.data / "projects").glob("*/project.json")
    folder = record.parent
    return {path.name for path in folder.rglob("*") if path.suffix != ".new"}


def hooks_run(shop: Scratch) -> list[str]:
    file = shop.root / "hooks.log"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def assert_as_undisturbed(shop: Scratch, reference: Scratch, moment: str) -> None:
    again = shop.envman("plan", "--json")
    assert again.result["steps"] == [], moment
    assert picture(shop) == picture(reference), moment
    assert state(shop) == state(reference), moment


@pytest.fixture
def reference(tmp_path: Path, scratch: Scratch) -> Scratch:
    """The same project, brought up without a disturbance."""
    whole = project(tmp_path / "undisturbed", scratch.environ["UV_DEFAULT_INDEX"], "shop")
    whole.up()
    return whole


@pytest.mark.parametrize(("moment", "stride"), MOMENTS.items())
def test_a_first_up_killed_at_every_moment_is_completed(
    tmp_path: Path, scratch: Scratch, reference: Scratch, moment: str, stride: int
) -> None:
    for count in range(1, MOST, stride):
        shop = project(tmp_path / str(count), scratch.environ["UV_DEFAULT_INDEX"], "shop")
        ended = shop.killed(moment, count)
        assert ended.code in (0, -signal.SIGKILL), ended.err
        shop.up()
        assert_as_undisturbed(shop, reference, f"{moment} {count}")
        ran = hooks_run(shop)
        assert set(ran) == {"first", "second"}
        assert len(ran) <= (2 if ended.code == 0 else 3), f"{moment} {count}: {ran}"
        if ended.code == 0:
            assert count > 1, f"there is no {moment} in a first up"
            return
    pytest.fail("the up never came to its end")


@pytest.mark.parametrize("moment", ["write", "staged", "rename", "removed", "started", "step"])
def test_a_change_of_python_killed_at_every_moment_leaves_the_old_or_the_new(
    tmp_path: Path, scratch: Scratch, reference: Scratch, moment: str
) -> None:
    reference.write({".python-version": f"{OTHER_PYTHON}\n"})
    reference.up()
    for count in range(1, MOST):
        shop = project(tmp_path / str(count), scratch.environ["UV_DEFAULT_INDEX"], "shop")
        shop.up()
        shop.write({".python-version": f"{OTHER_PYTHON}\n"})
        ended = shop.killed(moment, count)
        assert ended.code in (0, -signal.SIGKILL), ended.err
        old = shop.root / ".envman" / "venv.old" / "bin" / "gamma"
        assert old.exists() or (shop.root / ".venv" / "bin" / "gamma").exists(), f"{moment} {count}"
        assert shop.up()["python"]["version"].startswith(OTHER_PYTHON)
        assert_as_undisturbed(shop, reference, f"{moment} {count}")
        if ended.code == 0:
            return
    pytest.fail("the up never came to its end")


@pytest.mark.parametrize("count", [1, 4, 8])
def test_what_a_kill_left_half_removed_is_never_put_back(tmp_path: Path, scratch: Scratch, count: int) -> None:
    shop = project(tmp_path / "half", scratch.environ["UV_DEFAULT_INDEX"], "shop")
    shop.up()
    shop.write({".python-version": f"{OTHER_PYTHON}\n"})
    ended = shop.killed("removing", count)
    assert ended.code == -signal.SIGKILL, ended.err
    # An installation that fails brings back what was set aside, if there is something whole to bring back.
    shop.write({"requirements.txt": "beta\ngamma\nunbuildable\n"})
    assert shop.envman("up").code == 1
    show = "import alpha, beta, gamma, json, sys; print('%d.%d' % sys.version_info[:2])"
    assert shop.envman("run", "--no-up", "python", "-c", show).out.strip() == OTHER_PYTHON
    shop.write({"requirements.txt": "beta\ngamma\n"})
    shop.up()
    assert [path.name for path in (shop.root / ".envman").glob("venv*")] == []


@pytest.mark.parametrize("moment", ["step", "line", "started", "staged"])
def test_ctrl_c_at_every_moment_answers_130_and_the_next_up_resumes(
    tmp_path: Path, scratch: Scratch, reference: Scratch, moment: str
) -> None:
    for count in range(1, MOST):
        shop = project(tmp_path / str(count), scratch.environ["UV_DEFAULT_INDEX"], "shop")
        ended = shop.killed(moment, count, interrupt=True)
        if ended.code == 0:
            assert count > 1
            return
        assert ended.code == 130, f"{moment} {count}: {ended.err}"
        assert ended.err.endswith("interrupted; the next envman up resumes\n"), ended.err
        assert "Traceback" not in ended.err
        shop.up()
        assert_as_undisturbed(shop, reference, f"{moment} {count}")
    pytest.fail("the up never came to its end")
