"""A process of this machine that stands in for a command elsewhere. On the hot path."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TOLD = "ENVMAN_INSIDE"  # where that process finds what it has to do: a variable, because it holds secrets
_PATIENCE = 2  # seconds: whoever starts it kills it after three, and then nobody could end the command
_FAILED, _NOT_EXECUTABLE, _NOT_FOUND = 125, 126, 127


def describe(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
    *,
    module: str,
    keeps: Sequence[str] = ("HOME", "TERM"),
) -> tuple[Sequence[str], Mapping[str, str], str]:
    """The words, variables and folder to start it with; of the caller's own variables it keeps a few."""
    import json  # `up` with nothing to do gets by without

    from envman import handed

    passed = {**handed.proxies_inside(place, environ), **handed.let_in(place["pass"].split("\n"), environ)}
    told = json.dumps(
        {
            "place": {**place, "pass": ""},
            "variables": {**passed, **variables},
            "cwd": cwd,
            "path": environ.get("PATH", os.defpath),  # not as its variable: in that one, programs inside are looked for
        }
    )
    own = {name: environ[name] for name in keeps if name in environ}
    return [sys.executable, "-P", "-m", module, *argv], {**own, _TOLD: told}, "/"


def main(execute: Callable[..., int | None], gone: str) -> int:
    """What it does: let a backend's `execute` run the command that stands in its arguments."""
    import json

    told = json.loads(os.environ.pop(_TOLD))
    os.environ["PATH"] = told["path"]
    try:
        code = execute(told["place"], told["variables"], os.environ, sys.argv[1:], told["cwd"], patience=_PATIENCE)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error.strerror or error}\n")
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    if code is None:
        sys.stderr.write(f"{gone}\n")
        return _FAILED
    return code
