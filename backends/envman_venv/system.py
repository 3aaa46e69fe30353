"""Whether the host has the system packages that the spec names; only an isolated backend can install them itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from envman import process


def _lacking(names: Sequence[str]) -> list[str]:
    said = process.capture(["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\\n", *names])
    there = {line.split()[0] for line in said.output.splitlines() if line.endswith(" installed")}
    return [name for name in names if name.split(":")[0] not in there]


def missing(names: Sequence[str]) -> tuple[str, str | None] | None:
    """What is missing and the command that installs it; None when all is there."""
    if not names:
        return None
    if shutil.which("dpkg-query") is None:
        return f"cannot check here whether {', '.join(names)} are installed: this is no Debian system", None
    lacking = _lacking(names)
    if not lacking:
        return None
    sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    return f"not installed on this machine: {', '.join(lacking)}", f"{sudo}apt-get install {' '.join(lacking)}"
