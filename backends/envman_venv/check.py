"""What the host offers, and which keys of a spec a virtual environment cannot honour."""

from __future__ import annotations

from collections.abc import Mapping

from envman import interpreters
from envman.backend import Probe
from envman.dependencies import uv
from envman.spec.model import Spec
from envman.spec.shape import Fault


def probe(environ: Mapping[str, str]) -> Probe:
    """The host always has the interpreter that envman itself runs on, so nothing can be missing."""
    found = [str(one) for one in interpreters.installed(environ)]
    installer = uv.find()
    return Probe(facts=(f"Python {', '.join(found)}", f"installer: {installer or 'pip (uv was not found)'}"))


def check(spec: Spec) -> list[Fault]:
    """Keys that only an isolated system can honour."""
    return [
        Fault(("services", name), "the venv backend of this version starts no services", "start it yourself, for now")
        for name in spec.services
    ]
