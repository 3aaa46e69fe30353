"""How to be inside the machine. On the hot path."""

from __future__ import annotations

import os
import sys

from envman_vagrant import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOLD = "ENVMAN_INSIDE"  # where the process that `enter` describes finds what it has to do
_PATIENCE = 2  # seconds: whoever starts that process kills it after three, and then nobody could end the command
_FAILED, _NOT_EXECUTABLE, _NOT_FOUND = 125, 126, 127


def alive(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether the machine runs and is connected, and the project's units run in it."""
    if not ssh.is_open(place):
        return False
    if place.get("copied"):
        from envman_vagrant import folder

        if not folder.is_carried(place):
            return False
    if not place.get("units"):
        return True
    from envman_vagrant.session import Session

    return Session(place, environ).holds()


def execute(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
    *,
    patience: int = 0,
) -> int | None:
    """Run the command in the machine; with patience, whoever ignores a SIGTERM has so many seconds."""
    if not ssh.is_open(place):
        return None
    from envman import handed
    from envman_vagrant.session import Gone, Session

    values = {
        **handed.let_in(place["pass"].split("\n"), environ),
        **handed.of_caller(environ),
        **handed.of_user(place, environ),
        **variables,
    }
    copied = place.get("copied")
    if copied:
        from envman_vagrant import folder

        if not folder.push(place, environ):
            return None
    try:
        code = Session(place, environ, patience).run(argv, values, handed.mapped(place, cwd))
    except Gone:
        return None
    if copied:
        folder.pull(place, environ)
    return code


def enter(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
) -> tuple[Sequence[str], Mapping[str, str], str]:
    """A process of this machine that runs the command inside; it is told by a variable, because that holds secrets."""
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
    own = {name: environ[name] for name in ("HOME", "TERM", "SSH_AUTH_SOCK") if name in environ}
    return [sys.executable, "-P", "-m", "envman_vagrant.enter", *argv], {**own, _TOLD: told}, "/"


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """A shell of this machine cannot be inside."""


def main() -> int:
    """What `enter` describes: run the command that stands in our arguments."""
    import json

    told = json.loads(os.environ.pop(_TOLD))
    os.environ["PATH"] = told["path"]
    try:
        code = execute(told["place"], told["variables"], os.environ, sys.argv[1:], told["cwd"], patience=_PATIENCE)
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error.strerror or error}\n")
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    if code is None:
        sys.stderr.write("the machine does not run any more\n")
        return _FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
