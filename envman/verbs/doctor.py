"""`envman doctor`: what this machine can run, what is missing, and the command that installs it."""

from __future__ import annotations

import platform
from importlib import import_module

from envman import __version__, backend, paths
from envman.answer import Answer
from envman.backend import as_backend
from envman.dependencies import uv
from envman.request import Request


def doctor(request: Request) -> Answer:
    """Ask every backend what it finds here."""
    console = request.console
    lines = [
        f"envman {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"  data   {paths.data_folder()}",
        f"  uv     {uv.find() or 'not found: pip installs instead, and locks nothing'}",
    ]
    result: dict[str, object] = {}
    for name, module in backend.registered().items():
        one = as_backend(import_module(module))
        missing = one.missing(request.environ)
        facts = [] if missing else list(one.facts(request.environ))
        mark = (
            console.style(console.marks[1], "red", out=True)
            if missing
            else console.style(console.marks[0], "green", out=True)
        )
        lines.append(f"{mark} {name}: {one.SUMMARY}")
        lines += [f"    {fact}" for fact in facts]
        for problem in missing:
            lines.append(f"    {problem.message}")
            lines += [f"      {console.marks[3]} {line}" for line in (problem.hint or "").splitlines()]
        result[name] = {
            "usable": not missing,
            "facts": facts,
            "missing": [problem.as_json() for problem in missing],
        }
    return Answer(
        result={"version": __version__, "data": paths.data_folder(), "backends": result}, text="\n".join(lines)
    )
