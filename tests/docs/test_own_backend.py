"""The backend that the how-to page builds works as it is printed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-backend.md"
_FILE = re.compile(r"^`([\w.]+\.py)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ENTRY_POINT = re.compile(r'^\[project\.entry-points\."(envman\.backends)"\]\n(\w+) = "(\w+)"$', re.MULTILINE)


@pytest.fixture
def installed(scratch: Scratch) -> Scratch:
    """A project of a user who has installed the page's backend."""
    text = PAGE.read_text(encoding="utf-8")
    packages = scratch.home / "packages"
    metadata = packages / "envman_home-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    for name, content in _FILE.findall(text):
        (packages / name).write_text(content, encoding="utf-8")
    found = _ENTRY_POINT.search(text)
    assert found
    group, name, module = found.groups()
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n", encoding="utf-8")
    scratch.environ["PYTHONPATH"] = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    )
    scratch.write({"envman.toml": '[env]\nWORD = "inside"\n'})
    return scratch


def test_it_is_found_used_and_destroyed(installed: Scratch) -> None:
    assert installed.envman("doctor", "--json").result["backends"]["home"]["usable"]
    assert installed.status()["backend"] == "venv"  # its rank is not the lowest
    installed.write({"envman.toml": 'backend = "home"\n[env]\nWORD = "inside"\n'})
    assert installed.envman("plan", "--json").result["steps"][0]["name"] == "home"
    assert installed.up()["state"] == "running"
    assert installed.up()["steps"] == []
    assert installed.status()["backend"] == "home"
    show = ("run", "sh", "-c", "echo $HOME $WORD")
    home = installed.root / ".envman" / "home"
    assert installed.envman(*show).out == f"{home} inside\n"
    home.rmdir()
    assert installed.envman(*show).out == f"{home} inside\n"
    assert installed.envman("run", "sh", "-c", "exit 7").code == 7
    assert str(home) in installed.envman("activate", "--shell", "bash").out
    assert installed.envman("destroy", "--yes").code == 0
    assert not home.exists()
