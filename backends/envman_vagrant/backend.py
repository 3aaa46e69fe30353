"""The face of the vagrant backend: a machine of its own, made and driven through Vagrant."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from envman_vagrant import options

NAME = "vagrant"
SUMMARY = "isolates kernel, init and everything else; for system work, another OS, untrusted code"
RANK = 20
ENTER = "envman_vagrant.enter"
OPTIONS = options.SHAPE
DEPENDS = ("VAGRANT_HOME", "VAGRANT_DEFAULT_PROVIDER", "LIBVIRT_DEFAULT_URI")
GROWS = True
ISOLATES = {"files": "own, but the project", "processes": "own", "kernel": "own", "network": "own"}
REPEATS = "the whole system"
NEEDS = "Vagrant, a provider"

# Every command asks every backend for its options; what only this level's own projects need is loaded for them alone.
_HOMES = {
    "apply": "apply",
    "check": "check",
    "facts": "check",
    "isolates": "isolation",
    "logs": "services.logs",
    "machines": "whole",
    "missing": "check",
    "observe": "observe",
    "offers": "check",
    "place": "observe",
    "plan": "plan",
    "ssh_config": "address",
    "taken": "view",
    "usage": "usage",
    "viewpoint": "view",
    "vitals": "services.vitals",
    "watched": "observe",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"envman_vagrant.{_HOMES[name]}"), name)
