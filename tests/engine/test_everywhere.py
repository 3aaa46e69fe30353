"""A test suite on three levels at once: it fails on the one that lacks a library of the system."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docker.stacks import Stack
from tests.support import engines, machines

pytestmark = pytest.mark.engine

SPEC = f"""\
name = "shop"
backend = "venv"
{machines.CONTAINER}"""
# systemd's library is in every machine with systemd, and in no image of Python's.
TESTS = """\
import ctypes


def test_library():
    ctypes.CDLL("LIBRARY")
"""


def _library(stack: Stack, level: str) -> str:
    """One that this machine and the other level have, and the image does not."""
    look = "import ctypes, sys\nfor n in sys.argv[1:]:\n  try: ctypes.CDLL(n); print(n)\n  except OSError: pass"
    names = ("libsystemd.so.0", "libapparmor.so.1", "libkmod.so.2", "libfdisk.so.1", "libip4tc.so.2")
    said = stack.envman("run", "--backend", level, "python", "-c", look, *names)
    assert said.code == 0, said.err
    return said.out


def test_it_passes_on_two_and_fails_on_the_third(tmp_path: Path) -> None:
    engines.needs("docker")
    machines.needs_container()
    shop = Stack(tmp_path, tmp_path / "cache")
    (shop.root / "envman.local.toml").unlink()
    shop.environ |= {"PIP_CONFIG_FILE": os.devnull}
    shop.environ.pop("PIP_FIND_LINKS", None)
    shop.patience = 300
    shop.write({"envman.toml": SPEC, "requirements.txt": "pytest\n"})
    try:
        shop.up("--backend", "vagrant")
        both = set(_library(shop, "venv").split()) & set(_library(shop, "vagrant").split())
        engines.has(bool(both), "this machine and the lab's share no library beyond an image's")
        shop.write({"test_it.py": TESTS.replace("LIBRARY", min(both))})
        said = shop.envman("run", "--everywhere", "--junit", "out.xml", "--json", "pytest", "-q")
        found = said.json["result"]["backends"]
        assert {name: one["code"] for name, one in found.items()} == {"venv": 0, "docker": 1, "vagrant": 0}, said.out
        assert said.code == 1
        assert "cannot open shared object file" in found["docker"]["output"]
        suite = ElementTree.parse(shop.root / "out.xml").getroot()
        assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
        matrix = shop.envman("run", "--everywhere", "pytest", "-q")
        assert "--- docker: pytest -q ended with 1" in matrix.out
        assert matrix.out.splitlines()[-2].split() == ["venv", "docker", "vagrant"]
        states = {level: shop.envman("status", "--json", "--backend", level).result["state"] for level in found}
        assert states == {"venv": "running", "docker": "stopped", "vagrant": "running"}
        told = shop.envman("diff", "venv", "docker")
        assert told.code == 0, told.out + told.err
        assert "all that is promised is the same" in told.out
    finally:
        gone = shop.envman("destroy", "--yes", "--data")
        assert gone.code == 0, gone.err
