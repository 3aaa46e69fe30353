"""What of the caller's own goes along with a process that runs elsewhere. On the hot path."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def mapped(place: Mapping[str, str], cwd: str) -> str:
    """The folder of the container that a folder of this machine is mounted at."""
    root, inside = place["root"], place["inside"]
    if cwd == root or cwd.startswith(root.rstrip(os.sep) + os.sep):
        return inside + cwd[len(root.rstrip(os.sep)) :]
    return inside


def all_of(place: Mapping[str, str], variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of a command that somebody calls; those of the spec come last, and win."""
    return {
        **let_in(place["pass"].split("\n"), environ),
        **of_caller(environ),
        **of_user(place, environ),
        **variables,
    }


def of_caller(environ: Mapping[str, str]) -> dict[str, str]:
    # What belongs to the terminal in front of the user, wherever the command runs.
    return {name: environ[name] for name in ("TERM", "COLORTERM") if environ.get(name)}


def of_user(place: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """What is handed on of the user's own: proxies; as the spec says, the agent of ssh and who git says they are."""
    found = proxies_inside(place, environ)
    if place.get("agent"):
        found["SSH_AUTH_SOCK"] = place["agent"]
    if place.get("git"):
        from envman import process

        asked = ["git", "-C", place["root"], "config", "--get-regexp", r"^user\.(name|email)$"]
        try:
            told = process.capture(asked, env=environ, limit=5)
        except OSError:  # git is not here
            return found
        for line in told.output.splitlines() if told.code == 0 else ():
            key, _, value = line.partition(" ")
            fact = key.rpartition(".")[2].upper()
            found |= {f"GIT_AUTHOR_{fact}": value, f"GIT_COMMITTER_{fact}": value}
    return found


def proxies_inside(place: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    if not any(name.endswith(("_PROXY", "_proxy")) for name in environ):
        return {}
    from envman.network import proxies

    return proxies.inside(environ, place.get("names", "").split("\n"))


def let_in(patterns: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of this machine that the spec lets in."""
    if not any(patterns):
        return {}
    from fnmatch import fnmatchcase

    return {name: value for name, value in environ.items() if any(fnmatchcase(name, one) for one in patterns)}
