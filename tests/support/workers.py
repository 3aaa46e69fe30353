"""Which engine tests one worker does, one after the other: those that share what each of several would make its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files whose tests share a project, a machine or what was fetched.
_FILES = re.compile(
    r"tests/(?:docker|vagrant)/test_(?:session|faults|copying|machine)\.py|tests/engine/test_switch\.py"
)
_MACHINE = re.compile(r"tests/vagrant/test_virtual\w*\.py|tests/contract/test_contract\.py::.*\[vagrant\b")
_SESSIONS = re.compile(r"tests/contract/test_session\.py::.*\[(docker|vagrant)\b")


def group(nodeid: str) -> str:
    """The name of the group that a test is in; its own, where it needs no other."""
    if _MACHINE.match(nodeid):
        return "the virtual machine"
    if session := _SESSIONS.match(nodeid):
        return f"sessions at {session[1]}"
    if _FILES.match(nodeid):
        return nodeid.partition("::")[0]
    return nodeid


def together(config: pytest.Config, log: object) -> object:
    """A scheduler that gives each group to one worker, the largest first."""
    made: Any = LoadScopeScheduling(config, log)
    made._split_scope = group  # its own groups, by marks, do nothing with a pytest of today
    return made
