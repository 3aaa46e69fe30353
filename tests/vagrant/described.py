"""Projects as values, for tests that look at what is made of a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envman.dependencies.source import Kind, Source
from envman.identity import Identity
from envman.interpreters import Request
from envman.project import Project
from envman.spec.model import Spec
from envman.spec.shape import Fault
from envman_vagrant import options
from envman_vagrant.options import Options


def parsed(**table: Any) -> tuple[Options | None, list[Fault]]:
    """[vagrant] as the spec's reader sees it, and what is wrong with it."""
    faults: list[Fault] = []
    return options.SHAPE.parse(table, ("vagrant",), faults.append), faults


def asked(**table: Any) -> Options:
    """The options of a table without a fault."""
    found, faults = parsed(**table)
    assert found is not None
    assert not faults
    return found


def project(root: Path, *, name: str = "shop", **table: Any) -> Project:
    """A project with that [vagrant]."""
    return Project(
        root=root,
        name=name,
        identity=Identity(id="0123456789abcdef"),
        spec=Spec(options={"vagrant": asked(**table)}),
        spec_file=None,
        local=None,
        source=Source(kind=Kind.NOTHING),
        python=Request(text="3.12", asked_by="the spec"),
        ports={},
        memory={},
        inputs=(),
    )
