"""What is installed in an environment, read from the names of its metadata folders."""

from __future__ import annotations

import os
from pathlib import Path


def normal(name: str) -> str:
    """A package's name in the form in which names are compared."""
    lowered = name.lower().replace("_", "-").replace(".", "-")
    while "--" in lowered:
        lowered = lowered.replace("--", "-")
    return lowered


def read(site_packages: Path) -> dict[str, str]:
    """Name and version of every package; an unreadable folder holds none."""
    found: dict[str, str] = {}
    try:
        names = os.listdir(site_packages)
    except OSError:
        return found
    for entry in names:
        if entry.endswith(".dist-info"):
            name, _, version = entry.removesuffix(".dist-info").partition("-")
            found[normal(name)] = version
    return dict(sorted(found.items()))


def changes(before: dict[str, str], after: dict[str, str]) -> tuple[str, ...]:
    """The difference, a line a package: + new, - gone, ~ another version."""
    lines = [f"- {name} {before[name]}" for name in before if name not in after]
    lines += [f"+ {name} {after[name]}" for name in after if name not in before]
    lines += [
        f"~ {name} {before[name]} → {after[name]}" for name in before if after.get(name, before[name]) != before[name]
    ]
    return tuple(sorted(lines, key=lambda line: line.split()[1]))
