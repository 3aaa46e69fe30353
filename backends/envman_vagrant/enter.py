"""How to be inside the machine. On the hot path."""

from __future__ import annotations

import sys

from envman_vagrant import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LIMIT = 10.0  # seconds: a provider that hangs tells nothing


def alive(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether the machine runs and is connected, and the project's units run in it."""
    if not ssh.is_open(place) or not _is_awake(place, environ):
        return False
    if place.get("copied"):
        from envman_vagrant import folder

        if not folder.is_carried(place):
            return False
    if not place.get("units"):
        return True
    from envman_vagrant.session import Session

    return Session(place, environ).holds()


def _is_awake(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether its provider says that it runs: the connection to one that somebody has paused stays for a while."""
    asks = place.get("asks")
    if not asks:
        return True
    import re

    from envman import process

    try:
        said = process.heard(asks.split("\n"), {**environ, "LC_ALL": "C", "LANGUAGE": "C"}, limit=_LIMIT)
    except OSError:
        return False
    return re.search(place["awake"], said, re.MULTILINE) is not None


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

    values = handed.all_of(place, variables, environ)
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
    """A process of this machine that runs the command inside."""
    from envman import stand_in

    keeps = ("HOME", "TERM", "SSH_AUTH_SOCK")  # ssh asks the agent for a key
    return stand_in.describe(place, variables, environ, argv, cwd, module="envman_vagrant.enter", keeps=keeps)


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """A shell of this machine cannot be inside."""


if __name__ == "__main__":
    from envman import stand_in

    sys.exit(stand_in.main(execute, "the machine does not run any more"))
