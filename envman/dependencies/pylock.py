"""Reading and joining pylock.toml files (PEP 751)."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from envman.dependencies import installed
from envman.dependencies.installed import normal
from envman.files import write_staged


def read(file: Path) -> dict[str, Any]:
    """The lock; a missing or broken one has no packages."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def head(file: Path) -> dict[str, Any]:
    """What the lock says of itself, without its packages: a lock of hundreds takes as long to parse as to install."""
    try:
        text = file.read_text(encoding="utf-8").partition("\n[[packages]]")[0]
        return tomllib.loads(text)
    except (OSError, ValueError):
        return {}


def packages(lock: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of the lock."""
    entries = lock.get("packages")
    found = entries if isinstance(entries, list) else []
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("name"), str)]


def selected(lock: dict[str, Any], python: str) -> dict[str, str]:
    """Name and version of what the lock installs with this Python on this machine."""
    from packaging.markers import InvalidMarker, Marker, default_environment

    environment: dict[str, Any] = {
        **default_environment(),
        "python_full_version": python if python.count(".") > 1 else f"{python}.0",
        "python_version": ".".join(python.split(".")[:2]),
        "extra": "",
        "extras": frozenset(),
        "dependency_groups": frozenset(lock.get("default-groups", ())),
    }
    found: dict[str, str] = {}
    for entry in packages(lock):
        try:
            applies = "marker" not in entry or Marker(entry["marker"]).evaluate(environment)
        except InvalidMarker:
            applies = True
        if applies:
            found[normal(entry["name"])] = str(entry.get("version", ""))
    return found


def as_constraints(lock: dict[str, Any]) -> str:
    """The lock's versions, as lines that a resolver takes as constraints."""
    lines = []
    for entry in packages(lock):
        if "version" in entry:
            marker = f" ; {entry['marker']}" if "marker" in entry else ""
            lines.append(f"{entry['name']}=={entry['version']}{marker}\n")
    return "".join(lines)


def changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """What another lock changes, a line a package."""
    old, new = (
        {normal(entry["name"]): str(entry.get("version", "")) for entry in packages(lock)} for lock in (before, after)
    )
    return installed.changes(old, new) if old else ()


def _union(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    joined = dict(first)
    if "marker" not in first or "marker" not in second:
        joined.pop("marker", None)
    elif first["marker"] != second["marker"]:
        joined["marker"] = f"({first['marker']}) or ({second['marker']})"
    return joined


def _moved(entry: dict[str, Any], from_folder: Path, to_folder: Path) -> dict[str, Any]:
    def moved(place: Any) -> Any:
        if not isinstance(place, dict) or not isinstance(place.get("path"), str) or os.path.isabs(place["path"]):
            return place
        path = os.path.relpath(from_folder / place["path"], to_folder)
        return {**place, "path": path.replace(os.sep, "/")}

    places: dict[str, Any] = {
        kind: moved(entry[kind]) for kind in ("directory", "archive", "vcs", "sdist") if kind in entry
    }
    wheels = entry.get("wheels")
    return {**entry, **places, **({"wheels": [moved(one) for one in wheels]} if isinstance(wheels, list) else {})}


def join(base: Path, addition: dict[str, Any], target: Path) -> None:
    """Write the base lock with the entries of another added; what both have is needed where either says so."""
    lock = read(base)
    # A lock may hold one version several times, from different places for different machines.
    entries = [_moved(entry, base.parent, target.parent) for entry in packages(lock)]
    for added in packages(addition):
        known = [index for index, entry in enumerate(entries) if _names(entry) == _names(added)]
        for index in known:
            entries[index] = _union(entries[index], added)
        if not known:
            entries.append(added)
    lock["packages"] = sorted(entries, key=_names)
    write(target, lock)


def _names(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["name"], str(entry.get("version"))


def write(target: Path, lock: dict[str, Any]) -> None:
    """Write a lock as TOML."""
    import tomlkit

    document = tomlkit.document()
    entries = tomlkit.aot()
    for key, value in lock.items():
        if key != "packages":
            document[key] = value
    for entry in packages(lock):
        table = tomlkit.table()
        for key, value in entry.items():
            table[key] = _inline(value)
        entries.append(table)
    document["packages"] = entries
    write_staged(target, tomlkit.dumps(document))


def _inline(value: Any) -> Any:
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update({key: _inline(item) for key, item in value.items()})
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for item in value:
            array.append(_inline(item))
        return array.multiline(len(value) > 1)
    return value
