"""Folders with difficult names, moved, copied, linked and shared; and what is never touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

NAMES = [
    "with space",
    "it's",
    'double"quote',
    "größe 日本",
    "-dash",
    "$HOME",
    "a;b&c",
    "percent%20",
    "new\nline",
    "tab\there",
]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {
        str(path.relative_to(folder)): b"" if path.is_dir() or path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_name(tmp_path: Path, scratch: Scratch, name: str) -> None:
    odd = Scratch(tmp_path, scratch.environ["UV_DEFAULT_INDEX"], name=name)
    odd.write({"requirements.txt": "gamma\n", "envman.toml": '[hooks]\nsetup = ["echo done > made"]\n'})
    odd.up()
    assert odd.envman("run", "python", "-m", "gamma").code == 0
    assert "nothing to do" in odd.envman("up").err
    assert odd.envman("run", "python", "-c", "import sys; print(sys.prefix)").out == f"{odd.root / '.venv'}\n"
    assert odd.envman("destroy", "--yes").code == 0
    assert set(tree(odd.root)) == {"requirements.txt", "envman.toml", "made"}


def test_a_linked_folder_is_the_folder_it_leads_to(tmp_path: Path, scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    identity = scratch.up()["project"]["id"]
    link = tmp_path / "link"
    link.symlink_to(scratch.root)
    again = scratch.envman("up", "--json", cwd=link)
    assert (again.result["project"]["id"], again.result["steps"]) == (identity, [])


def test_a_moved_project_keeps_its_identity_and_its_scripts_work(tmp_path: Path, scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    identity = scratch.up()["project"]["id"]
    moved = Scratch(tmp_path, scratch.environ["UV_DEFAULT_INDEX"], name="elsewhere/renamed")
    moved.root.rmdir()
    scratch.root.rename(moved.root)
    assert "moved here from" in moved.envman("status").out
    assert moved.up()["project"]["id"] == identity
    assert moved.envman("run", "gamma").out == "gamma speaks\n"
    assert "moved here" not in moved.envman("status").out


def test_a_copy_is_a_project_of_its_own(tmp_path: Path, scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    identity = scratch.up()["project"]["id"]
    copy = Scratch(tmp_path, scratch.environ["UV_DEFAULT_INDEX"], name="copy")
    copy.root.rmdir()
    shutil.copytree(scratch.root, copy.root, symlinks=True)
    assert copy.status()["project"]["id"] != identity
    assert copy.up()["project"]["id"] != identity
    assert copy.envman("run", "sh", "-c", "head -n 1 .venv/bin/gamma").out.strip().endswith("copy/.venv/bin/python")
    assert copy.envman("destroy", "--yes").code == 0
    assert scratch.up()["steps"] == []


def test_worktrees_do_not_meet_and_git_clean_forgets_nothing(tmp_path: Path, scratch: Scratch) -> None:
    def git(*words: str, cwd: Path = scratch.root) -> str:
        settings = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
        return subprocess.run(["git", *settings, *words], cwd=cwd, check=True, capture_output=True, text=True).stdout

    scratch.write({"requirements.txt": "gamma\n"})
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    identity = scratch.up()["project"]["id"]
    other = Scratch(tmp_path, scratch.environ["UV_DEFAULT_INDEX"], name="worktree")
    other.root.rmdir()
    git("worktree", "add", "-q", str(other.root))
    assert other.up()["project"]["id"] != identity
    assert git("status", "--porcelain") == git("status", "--porcelain", cwd=other.root) == ""
    git("clean", "-fdxq")
    assert not (scratch.root / ".envman").exists()
    assert scratch.up()["project"]["id"] == identity


def test_a_foreign_environment_is_never_touched(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n", ".venv/pyvenv.cfg": "home = elsewhere\n", ".venv/canary": "alive"})
    before = tree(scratch.root / ".venv")
    up = scratch.envman("up")
    assert up.code == 0
    assert str(scratch.root / ".envman" / "venv" / "bin" / "python") in up.err
    assert scratch.envman("run", "gamma").out == "gamma speaks\n"
    assert scratch.envman("destroy", "--yes").code == 0
    assert tree(scratch.root / ".venv") == before


@pytest.mark.parametrize("link", [".venv", ".envman/venv", ".envman"])
@pytest.mark.parametrize("command", [("destroy", "--yes"), ("prune", "--older", "0", "--yes"), ("up",)])
def test_no_link_is_followed_out_of_what_envman_made(
    tmp_path: Path, scratch: Scratch, link: str, command: tuple[str, ...]
) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    scratch.up()
    outside = tmp_path / "outside"
    path = scratch.root / link
    if path.exists():
        # The worst case: what the link leads to looks in every way like ours.
        path.rename(outside)
    else:
        (scratch.root / ".venv").rename(outside)
    (outside / "canary").write_text("alive", encoding="utf-8")
    inner = outside / "lib" / "out"
    inner.parent.mkdir(exist_ok=True)
    inner.symlink_to(tmp_path)
    path.symlink_to(outside)
    scratch.envman(*command)
    assert (outside / "canary").read_text(encoding="utf-8") == "alive"
    assert (tmp_path / "shop").exists()


def test_a_link_inside_the_environment_is_removed_and_not_what_it_leads_to(tmp_path: Path, scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    scratch.up()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("alive", encoding="utf-8")
    (scratch.root / ".venv" / "lib" / "out").symlink_to(outside)
    assert scratch.envman("destroy", "--yes").code == 0
    assert not (scratch.root / ".venv").exists()
    assert (outside / "canary").exists()
