"""The note inside a virtual environment that says whose it is and what was done to it, so that both go together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman.files import read_json, write_json
from envman.frozen import as_dict, field, fields, frozen

FILE = "envman.json"
_FORMAT = 1


@frozen
class Marker:
    """A virtual environment that envman made."""

    project: str
    path: str
    generation: str
    created: bool = False  # virtualenv has finished
    python: str = ""
    base: str = ""
    touched: bool = False  # an installation has begun and not ended
    fingerprint: str = ""  # of the packages, once they are all there
    installed: Mapping[str, str] = field(default_factory=dict)


def _is_sound(found: Marker) -> bool:
    # The note lies in a checkout, where anybody may have written it.
    usual = Marker(project="", path="", generation="")
    typed = all(type(getattr(found, one.name)) is type(getattr(usual, one.name)) for one in fields(Marker))
    return typed and (not found.created or all(part.isdecimal() for part in found.python.split(".")))


def read(prefix: Path) -> Marker | None:
    """The note; None where envman made nothing that this version knows."""
    content: dict[str, Any] = read_json(prefix / FILE)
    if content.pop("format", None) != _FORMAT:
        return None
    try:
        found = Marker(**content)
    except TypeError:
        return None
    return found if _is_sound(found) else None


def write(prefix: Path, marker: Marker) -> None:
    """Leave the note, and take away what a kill left of an earlier one: whoever writes here has the project's turn."""
    for stale in prefix.glob(f".{FILE}.*.new"):
        stale.unlink(missing_ok=True)
    write_json(prefix / FILE, {"format": _FORMAT, **as_dict(marker)})
