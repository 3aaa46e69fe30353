"""How to be inside the container. On the hot path."""

from __future__ import annotations

import json
import os
import sys

from envman_docker import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOLD = "ENVMAN_INSIDE"  # where the process that `enter` describes finds what it has to do


def alive(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether every container of the project still runs."""
    filters = '{"label":["dev.envman.project=' + place["project"] + '"],"status":["running"]}'
    try:
        status, answer = sockets.ask(place["engine"], "GET", "/containers/json?filters=" + _quoted(filters))
    except OSError:
        return False
    return status == 200 and all(f'"Id":"{one}"'.encode() in answer for one in place["containers"].split("\n"))


def _quoted(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_.=" else f"%{ord(letter):02X}" for letter in text)


def execute(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
) -> int | None:
    """Run the command in the project's own container."""
    if not alive(place, environ):
        return None
    from envman_docker.session import Gone, Session

    session = Session(place["engine"], place["container"], place["user"])
    values = {**let_in(place["pass"].split("\n"), environ), **_of_caller(environ), **variables}
    try:
        return session.run(argv, values, mapped(place, cwd))
    except Gone:
        return None


def mapped(place: Mapping[str, str], cwd: str) -> str:
    """The folder of the container that a folder of this machine is mounted at."""
    root, inside = place["root"], place["inside"]
    if cwd == root or cwd.startswith(root.rstrip(os.sep) + os.sep):
        return inside + cwd[len(root.rstrip(os.sep)) :]
    return inside


def _of_caller(environ: Mapping[str, str]) -> dict[str, str]:
    # What belongs to the terminal in front of the user, wherever the command runs.
    return {name: environ[name] for name in ("TERM", "COLORTERM") if environ.get(name)}


def let_in(patterns: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of this machine that the spec lets in."""
    if not any(patterns):
        return {}
    from fnmatch import fnmatchcase

    return {name: value for name, value in environ.items() if any(fnmatchcase(name, one) for one in patterns)}


def enter(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
) -> tuple[Sequence[str], Mapping[str, str], str]:
    """A process of this machine that runs the command inside; it is told by a variable, because that holds secrets."""
    passed = let_in(place["pass"].split("\n"), environ)
    told = json.dumps({"place": {**place, "pass": ""}, "variables": {**passed, **variables}, "cwd": cwd})
    own = {name: environ[name] for name in ("PATH", "HOME", "TERM") if name in environ}
    return [sys.executable, "-P", "-m", "envman_docker.enter", *argv], {**own, _TOLD: told}, "/"


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """A shell of this machine cannot be inside."""


def main() -> int:
    """What `enter` describes: run the command that stands in our arguments."""
    told = json.loads(os.environ.pop(_TOLD))
    code = execute(told["place"], told["variables"], os.environ, sys.argv[1:], told["cwd"])
    if code is None:
        sys.stderr.write("envman: the container does not run any more\n")
        return 125
    return code


if __name__ == "__main__":
    sys.exit(main())
