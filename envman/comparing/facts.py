"""What each level gives and needs, and what of this project's spec it cannot honour: asked of the backends alone."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envman import __version__, backend
from envman.backend import Backend
from envman.frozen import as_dict, frozen
from envman.problem import Problem
from envman.project import Project
from envman.spec.layer import dotted
from envman.spec.model import Spec

ASPECTS = ("files", "processes", "kernel", "network")
OWN = "own"  # with which the word of an aspect begins that is not shared with this machine


@frozen
class Level:
    """One backend, as it is for this project on this machine."""

    name: str
    summary: str
    rank: int
    isolates: Mapping[str, str]  # by aspect
    repeats: str
    needs: str
    missing: tuple[Problem, ...] = ()
    unsupported: tuple[Problem, ...] = ()
    versions: tuple[str, ...] = ()  # of its tools, where they were asked
    has_table: bool = False  # whether the spec has a table that no other level reads

    @property
    def is_here(self) -> bool:
        """Whether this machine can run it."""
        return not self.missing

    def owns(self, aspect: str) -> bool:
        """Whether it has something for itself."""
        return self.isolates.get(aspect, "").startswith(OWN)

    def as_json(self) -> dict[str, Any]:
        """The facts of the document."""
        return {
            "summary": self.summary,
            "isolates": {aspect: self.isolates.get(aspect) for aspect in ASPECTS},
            "reproduces": self.repeats,
            "needs": self.needs,
            "usable": self.is_here,
            "missing": [problem.as_json() for problem in self.missing],
            "unsupported": [problem.as_json() for problem in self.unsupported],
            "versions": list(self.versions),
        }


@frozen
class Machine:
    """What all this is true for."""

    system: str
    processor: str
    cores: int
    memory: int | None  # bytes
    python: str
    envman: str

    def as_json(self) -> dict[str, Any]:
        """The facts of the document."""
        return as_dict(self)


def chosen(names: Sequence[str]) -> list[Backend]:
    """The backends of these names, or all of them, the lightest first; raises UsageError for one that is not there."""
    asked = dict.fromkeys(names) or backend.registered()
    return sorted((backend.load(name) for name in asked), key=lambda one: one.RANK)


def level(one: Backend, project: Project, environ: Mapping[str, str], *, versions: bool) -> Level:
    """Ask a backend; its tools are asked for their versions only where somebody will read them."""
    missing = tuple(one.missing(environ))
    return Level(
        name=one.NAME,
        summary=one.SUMMARY,
        rank=one.RANK,
        isolates=_isolates(one, project.spec, environ),
        repeats=one.REPEATS,
        needs=one.NEEDS,
        missing=missing,
        unsupported=tuple(
            Problem(message=fault.message, hint=fault.hint, key=dotted(fault.path)) for fault in one.check(project.spec)
        ),
        versions=tuple(one.facts(environ)) if versions and not missing else (),
        has_table=one.NAME in project.spec.options,
    )


def _isolates(one: Backend, spec: Spec, environ: Mapping[str, str]) -> Mapping[str, str]:
    for_spec = getattr(one, "isolates", None)
    return dict(for_spec(spec, environ)) if for_spec else dict(one.ISOLATES)


def machine() -> Machine:
    """This one."""
    return Machine(
        system=_system(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory=_memory(),
        python=platform.python_version(),
        envman=__version__,
    )


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
