"""Keeping secrets out of everything that is shown or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "•••"
_SHORTEST = 4  # masking shorter values would blot out ordinary text and protect nothing
_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")


class Masker:
    """Replaces known secrets, and the credentials of any address, in text."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        lines = {part for value in values for part in (value, *value.splitlines())}
        self._values = sorted((part for part in lines if len(part) >= _SHORTEST), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text as it may be seen."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return _IN_URL.sub(_MASK, text) if "://" in text else text


def has_credentials(text: str) -> bool:
    """Whether an address in the text carries a password."""
    found = _IN_URL.search(text)
    return found is not None and ":" in found.group()
