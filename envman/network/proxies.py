"""The proxies of this machine, for builds and for the processes inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy")
_NONE = ("NO_PROXY", "no_proxy")
_LOOPBACK = ("127.", "localhost", "[::1]")


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables as this machine has them: for what shares its network."""
    return {name: environ[name] for name in NAMES if environ.get(name)}


def on_loopback(address: str) -> bool:
    """Whether an address leads to this machine alone, so that a container has to share its network to reach it."""
    host = address.rpartition("://")[2].rpartition("@")[2]
    return host.startswith(_LOOPBACK)


def inside(environ: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """For a container with a network of its own, in which servers go by these names."""
    # A proxy that listens on this machine's loopback would answer nobody in there.
    found = {
        name: value for name, value in given(environ).items() if name not in _NONE and not on_loopback(value)
    }  # fmt: skip
    if not found:
        return {}
    own = ("localhost", "127.0.0.1", "::1", *filter(None, names))
    for name in _NONE:
        told = environ.get(name) or environ.get(name.swapcase()) or ""
        found[name] = ",".join(dict.fromkeys([*filter(None, told.split(",")), *own]))
    return found
