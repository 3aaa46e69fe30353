"""Keeping secrets out of everything that is shown or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "•••"
_SHORTEST = 4  # masking shorter values would blot out ordinary text and protect nothing
# A password may hold an @ that nobody has escaped: all up to the last one of the authority.
_IN_URL = re.compile(r"(?<=://)[^/\s]+(?=@)")
_URL_WITH_USER = re.compile(r"([\w.+-]+)://([^/\s]+)@")


class Masker:
    """Replaces known secrets, and the credentials of any address, in text."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        lines = {part for value in values for part in (value, *value.splitlines())}
        self._values = sorted((part for part in lines if len(part) >= _SHORTEST), key=len, reverse=True)

    def mask(self, text: str) -> str:
        """The text as it may be seen."""
        for start, end in reversed(_joined(self._spots(text))):
            text = text[:start] + _MASK + text[end:]
        return _IN_URL.sub(_MASK, text) if "://" in text else text

    def _spots(self, text: str) -> list[tuple[int, int]]:
        spots = []
        for value in self._values:
            at = text.find(value)
            while at >= 0:
                spots.append((at, at + len(value)))
                at = text.find(value, at + 1)
        return sorted(spots)


def _joined(spots: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    # Of two secrets that overlap, what is left when one is gone would give the other away.
    joined: list[tuple[int, int]] = []
    for start, end in spots:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def has_credentials(text: str) -> bool:
    """Whether an address in the text carries a password, or a token in place of the user."""
    # The user of ssh (git@…) opens nothing without a key.
    return any(":" in user or "ssh" not in scheme for scheme, user in _URL_WITH_USER.findall(text))
