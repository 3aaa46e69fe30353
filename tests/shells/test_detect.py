"""Which shell is spoken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envman import shells


@pytest.mark.parametrize(
    ("environ", "parent", "expected"),
    [
        ({"ENVMAN_SHELL": "fish", "SHELL": "/bin/zsh"}, "bash", "fish"),
        ({"ENVMAN_SHELL": "/opt/bin/zsh"}, "bash", "zsh"),
        ({"ENVMAN_SHELL": "nu", "SHELL": "/bin/zsh"}, "bash", "bash"),
        ({"SHELL": "/bin/zsh"}, "-bash", "bash"),
        ({"SHELL": "/usr/bin/fish"}, "make", "fish"),
        ({"SHELL": "/bin/dash"}, "", "sh"),
        ({"SHELL": "/bin/ksh93"}, "", "sh"),
        ({"SHELL": "/opt/unknown"}, "tmux", "sh"),
        ({}, "pwsh.exe", "pwsh"),
        ({}, "CMD.EXE", "cmd"),
    ],
)
def test_the_callers_shell_is_found(environ: dict[str, str], parent: str, expected: str) -> None:
    assert shells.detect(environ, parent) == expected


def test_the_parent_is_named_by_the_system() -> None:
    script = "from envman.shells import parent_name; print(parent_name())"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    # The second command keeps bash from replacing itself with the first.
    argv = ["bash", "-c", '"$0" -c "$1"; :', sys.executable, script]
    assert subprocess.check_output(argv, env=env, text=True) == "bash\n"


@pytest.mark.parametrize("name", sorted(shells.SHELLS))
def test_every_shell_is_light(name: str) -> None:
    root = str(Path(__file__).parents[2])
    script = f"""
import __future__, os, sys
sys.path.insert(0, {root!r})
before = set(sys.modules)
from envman import shells
shells.module({name!r})
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("envman")))
"""
    assert subprocess.check_output([sys.executable, "-I", "-S", "-c", script], text=True) == "\n"
