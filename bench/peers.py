"""What people would use instead, at pinned versions, each in an environment of its own in the user's cache."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from bench.measure import Failed, succeed

VERSIONS = {"uv": "0.13.8", "hatch": "1.18.2", "poetry": "2.5.1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The programs that are there, and why the others are not."""

    programs: Mapping[str, Path]
    absent: Mapping[str, str]

    def need(self, name: str) -> Path:
        """The program, without which a row cannot be measured."""
        if name not in self.programs:
            raise Failed(f"{name} is not there: {self.absent[name]}")
        return self.programs[name]


def base_interpreter() -> Path:
    """The interpreter beneath the environment that envman runs in: what every side makes its environments from."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "envman-bench"


def _install(name: str, version: str) -> Path:
    interpreter = base_interpreter()
    prefix = _folder() / f"{name}-{version}-python{sys.version_info.major}.{sys.version_info.minor}"
    program = prefix / "bin" / name
    complete = prefix / "complete"
    if not complete.exists():
        installer = str(uv.find_uv_bin())
        env = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_PYTHON")}
        here = Path.cwd()
        succeed([installer, "venv", "--clear", "--python", str(interpreter), str(prefix)], cwd=here, env=env)
        # Compiled files are what pip, pipx and a distribution's package leave.
        arguments = ["pip", "install", "--compile-bytecode", "--python", str(prefix / "bin" / "python")]
        succeed([installer, *arguments, f"{name}=={version}"], cwd=here, env=env)
        complete.touch()
    return program


def install() -> Peers:
    """Every peer that can be installed here."""
    programs: dict[str, Path] = {}
    absent: dict[str, str] = {}
    for name, version in VERSIONS.items():
        try:
            programs[name] = _install(name, version)
        except Failed as error:
            absent[name] = str(error).splitlines()[-1]
    return Peers(programs=programs, absent=absent)
