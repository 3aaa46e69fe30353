"""Services in the order in which they may start: each after those that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envman.spec.model import Service


def waves(services: Mapping[str, Service]) -> list[list[str]]:
    """The names in groups that may start side by side; the spec has no circles."""
    done: set[str] = set()
    found: list[list[str]] = []
    while len(done) < len(services):
        wave = [name for name in services if name not in done and done.issuperset(services[name].needs)]
        if not wave:
            break
        found.append(wave)
        done.update(wave)
    return found


def started(services: Mapping[str, Service]) -> Sequence[str]:
    """The names, one after the other."""
    return [name for wave in waves(services) for name in wave]
