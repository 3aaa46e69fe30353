"""How to be inside the container. On the hot path."""

from __future__ import annotations

import sys

from envman_docker import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def alive(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether every container of the project still runs, and their image still has its name: the next one needs it."""
    filters = '{"label":["dev.envman.project=' + place["project"] + '"],"status":["running"]}'
    try:
        status, answer = sockets.ask(place["engine"], "GET", "/containers/json?filters=" + _quoted(filters))
    except OSError:
        return False
    words = [f'"Id":"{one}"' for one in place["containers"].split("\n")]
    words += [f'{place["image"]}"'] if place.get("image") else []
    return status == 200 and all(one.encode() in answer for one in words)


def _quoted(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_.=" else f"%{ord(letter):02X}" for letter in text)


def execute(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
    *,
    patience: int = 0,
) -> int | None:
    """Run the command in the project's own container; with patience, whoever ignores a SIGTERM has so many seconds."""
    if not alive(place, environ):
        return None
    from envman import handed
    from envman_docker.session import Gone, Session

    session = Session(place["engine"], place["container"], place["user"], patience)
    values = handed.all_of(place, variables, environ)
    try:
        return session.run(argv, values, handed.mapped(place, cwd))
    except Gone:
        return None


def enter(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
) -> tuple[Sequence[str], Mapping[str, str], str]:
    """A process of this machine that runs the command inside."""
    from envman import stand_in

    return stand_in.describe(place, variables, environ, argv, cwd, module="envman_docker.enter")


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """A shell of this machine cannot be inside."""


if __name__ == "__main__":
    from envman import stand_in

    sys.exit(stand_in.main(execute, "the container does not run any more"))
