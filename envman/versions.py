"""Ranges of versions, as requires-python writes them: the plain forms here, the rest of PEP 440 by `packaging`."""

# packaging.specifiers costs 25 ms to import, and nearly every project writes nothing but >=3.11.
from __future__ import annotations

from collections.abc import Callable

Version = tuple[int, ...]

_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": lambda version, bound: version >= bound,
    "<=": lambda version, bound: version <= bound,
    ">": lambda version, bound: version > bound,
    "<": lambda version, bound: version < bound,
}


def _plain(text: str) -> list[tuple[str, Version]] | None:
    clauses: list[tuple[str, Version]] = []
    for clause in text.replace(" ", "").split(","):
        operator = next((sign for sign in _OPERATORS if clause.startswith(sign)), None)
        parts = clause[len(operator or "") :].split(".")
        if operator is None or not all(part.isdecimal() and part.isascii() for part in parts):
            return None
        clauses.append((operator, tuple(map(int, parts))))
    return clauses


def release(text: str) -> Version:
    """The numbers that a version begins with."""
    numbers: list[int] = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return (*numbers, 0, 0)[: max(3, len(numbers))]


def is_valid(text: str) -> bool:
    """Whether the text is a range of versions."""
    if _plain(text) is not None:
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def contains(text: str, version: Version) -> bool:
    """Whether a released version of three parts is in a valid range."""
    clauses = _plain(text)
    if clauses is not None:
        return all(_OPERATORS[operator](version, (*bound, 0, 0)[: max(3, len(bound))]) for operator, bound in clauses)
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(text).contains(".".join(map(str, version)), prereleases=True)
