"""Debian's packages for what a service needs in the machine; what they would run by themselves never runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import envman_templates
from envman.backend import Job
from envman.network import indexes, proxies
from envman_vagrant import connection, guest

_SCRIPT = Path(str(envman_templates.__file__)).parent / "vagrant" / "packages.sh"
_NOT_THERE = 4  # what it ends with when no such version is to be had


def install(job: Job, packages: Sequence[str], title: str, *, version: str = "", also: str = "") -> bool:
    """The first that the system has, of that version if one is asked for; whether there is one."""
    told = {"packages": " ".join(packages), "asked": version, "also": also}
    job.line.progress(f"looking for {' or '.join(packages)}")
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in told.items())
    with connection.reaching(job, indexes.ports_here(proxies.given(job.environ).values())):
        done = guest.attempt(job, script + _SCRIPT.read_text(encoding="utf-8"))
    if done.code not in (0, _NOT_THERE):
        raise guest.failed(job, done, f"could not install {title}")
    return done.code == 0
