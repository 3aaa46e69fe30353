"""The tools that people would use instead, at fixed versions, in an environment of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import uv

DEVCONTAINER = "@devcontainers/cli@0.89.0"
PINS = ("hatch==1.18.2", "poetry==2.5.1", "click==8.5.1")


def folder() -> Path:
    """Where the tools are kept between runs."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "envman-bench" / "tools"


def install() -> Path:
    """The folder of the tools' programs, installed where they are missing."""
    place = folder()
    done = place / "pins.txt"
    if not done.exists() or done.read_text(encoding="utf-8") != "\n".join(PINS):
        tool = uv.find_uv_bin()
        subprocess.run([tool, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True)
        subprocess.run(
            [tool, "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *PINS], check=True
        )
        done.write_text("\n".join(PINS), encoding="utf-8")
    return place / "bin"


def devcontainer() -> tuple[Path | None, str]:
    """The devcontainer CLI, installed where it is missing; or why there is none."""
    place = folder().parent / "node"
    program = place / "node_modules" / ".bin" / "devcontainer"
    if program.exists():
        return program, ""
    if not shutil.which("npm"):
        return None, "not measured: npm is not on this machine"
    place.mkdir(parents=True, exist_ok=True)
    words = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(place), DEVCONTAINER]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    said = (done.stderr or done.stdout).strip().splitlines()
    return (program, "") if program.exists() else (None, f"not measured: npm: {said[-1] if said else 'it failed'}")
