"""What the host offers, and which keys of a spec a virtual environment cannot honour."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from envman import interpreters
from envman.problem import Problem
from envman.services import catalogue, containers
from envman.spec.model import Spec
from envman.spec.shape import Fault
from envman_venv import system


def missing(environ: Mapping[str, str]) -> list[Problem]:
    """Nothing can be missing: the host always has the interpreter that envman itself runs on."""
    return []


def facts(environ: Mapping[str, str]) -> list[str]:
    """The interpreters of this machine."""
    found = [str(one) for one in interpreters.installed(environ)]
    return [f"Python {', '.join(found)}"]


def check(spec: Spec) -> list[Fault]:
    """Keys that only an isolated system can honour."""
    lacking = system.missing(spec.system.packages)
    return [
        *([Fault(("system", "packages"), *lacking)] if lacking else []),
        *_not_boxed(spec),
        *_not_here(spec),
        *_not_made(spec),
    ]


def _not_boxed(spec: Spec) -> Iterator[Fault]:
    asked = {name: one for name, one in spec.services.items() if one.image is not None or one.source == "container"}
    able = bool(asked) and containers.able(os.environ) is not None
    for name, service in asked.items():
        recipe = catalogue.of(spec, name)
        if recipe is not None and not recipe.has_container:
            yield Fault(("services", name, "source"), f"{recipe.name} has no container image", 'leave it "auto"')
        elif not able:
            key, hint = ("image", "use = or run = works here") if service.image else ("source", 'leave it "auto"')
            yield Fault(("services", name, key), "no container engine answers here", hint)


def _not_here(spec: Spec) -> Iterator[Fault]:
    if os.name != "posix":
        for name in spec.services:
            yield Fault(("services", name), "services need Linux or macOS", "run envman inside WSL")


def _not_made(spec: Spec) -> Iterator[Fault]:
    for name, service in spec.services.items():
        recipe = catalogue.of(spec, name)
        statements = recipe.native.statements if recipe else {}
        for key, kind in (("databases", "database"), ("extensions", "extension")):
            if getattr(service, key) and kind not in statements:
                yield Fault(("services", name, key), f"{service.use or name} cannot be asked for {key}")
        if service.init and (recipe is None or recipe.native.client is None):
            yield Fault(("services", name, "init"), f"{service.use or name} reads no files of statements")
