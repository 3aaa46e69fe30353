"""Where each key and value of a TOML document stands, so that an error can name line and column."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress

from envman.frozen import frozen_in_order

Path = tuple[str | int, ...]
_Holder = tuple[Path, str, int]  # an array or inline table being read: its path, closing bracket and values so far

# Without a limit the paths of a hostile document, such as a.a.a.a…, take memory by the square of its size.
_DEEPEST = 100

# No possessive quantifiers: before Python 3.11.5 they match wrongly around groups. Alternatives begin with different
# letters instead, so that nothing is ever tried twice.
_SPACES = re.compile(r"[ \t]*")
_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_LINE_END = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)")
_NAME = re.compile(r""" [A-Za-z0-9_-]+ | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' """, re.VERBOSE)
_SCALAR = re.compile(
    r"""
      \"{3} (?: [^"\\] | \\. | "(?!"") )* "{3,5}
    | '{3} (?: [^'] | '(?!'') )* '{3,5}
    | " (?: [^"\\\n] | \\[^\n] )* "
    | ' [^'\n]* '
    | [A-Za-z0-9_+.:-]+ (?: [ ][0-9][0-9:.+Zz-]+ )?  # the space is the one between a date and its time
    """,
    re.VERBOSE | re.DOTALL,
)


@frozen_in_order
class Position:
    """A place in a text, counted from 1, columns in characters."""

    line: int
    column: int


@frozen_in_order
class Spot:
    """Where a key and its value start: the same place for an item of an array and for a table that is not inline."""

    key: Position
    value: Position


class _UnreadableError(Exception):
    """What comes next is not TOML."""


def _child(path: Path, step: str | int) -> Path:
    return (*path, step)[: _DEEPEST + 1]


class _Scanner:
    """Reads a document once, from start to end, and keeps the offsets of every key and its value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[Path, tuple[int, int]] = {}
        self.table_counts: dict[Path, int] = {}

    def take(self, pattern: re.Pattern[str]) -> str:
        # A match moves on and a failure ends the reading: no character is tried again and again.
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _UnreadableError
        self.at = found.end()
        return found.group()

    def takes(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        self.take(_SPACES)
        return True

    def expect(self, token: str) -> None:
        if not self.takes(token):
            raise _UnreadableError

    def name(self) -> str:
        name = self.take(_NAME)
        self.take(_SPACES)
        if "\\" in name:
            return str(tomllib.loads(f"name = {name}")["name"])
        return name[1:-1] if name[0] in "\"'" else name

    def key(self, table: Path) -> tuple[Path, int]:
        """Read a key, dotted or not; give its path and the offset of its last name."""
        path, start = table, self.at
        while True:
            path = _child(path, self.name())
            if not self.takes("."):
                return path, start
            self.offsets.setdefault(path, (start, start))
            if path in self.table_counts:
                path = _child(path, self.table_counts[path] - 1)
            start = self.at

    def assignment(self, table: Path) -> Path:
        """Read `key =`; give the path of the value that follows."""
        path, start = self.key(table)
        self.expect("=")
        self.offsets[path] = (start, self.at)
        return path

    def header(self, closing: str) -> Path:
        """Read the rest of `[key]` or `[[key]]`; give the path of the table that follows."""
        path, start = self.key(())
        self.expect(closing)
        if closing == "]]":
            self.offsets.setdefault(path, (start, start))
            index = self.table_counts.get(path, 0)
            self.table_counts[path] = index + 1
            path = _child(path, index)
        self.offsets[path] = (start, start)
        return path

    def next_value(self, holders: list[_Holder]) -> Path | None:
        """Close the holders that end here and go to the next value; give its path, or None after the last holder."""
        while holders:
            path, closing, count = holders.pop()
            self.take(_BLANKS)
            separated = count == 0 or self.takes(",")
            self.take(_BLANKS)
            if self.takes(closing):
                continue
            if not separated:
                raise _UnreadableError
            holders.append((path, closing, count + 1))
            return self.assignment(path) if closing == "}" else _child(path, count)
        return None

    def value(self, path: Path) -> None:
        """Read a value with all that it holds."""
        # A list and not recursion, which a few hundred brackets would exhaust.
        holders: list[_Holder] = []
        following: Path | None = path
        while following is not None:
            start = self.at
            if self.takes("["):
                holders.append((following, "]", 0))
            elif self.takes("{"):
                holders.append((following, "}", 0))
            else:
                self.take(_SCALAR)
            # An item of an array has no key; what has one was noted with it.
            self.offsets.setdefault(following, (start, start))
            following = self.next_value(holders)

    def document(self) -> None:
        table: Path = ()
        self.take(_BLANKS)
        while self.at < len(self.text):
            if self.takes("[["):
                table = self.header("]]")
            elif self.takes("["):
                table = self.header("]")
            else:
                self.value(self.assignment(table))
            self.take(_LINE_END)
            self.take(_BLANKS)


def locate(text: str) -> dict[Path, Spot]:
    """Find every key and value of a TOML document; of a broken one, those before the fault."""
    scanner = _Scanner(text.removeprefix("\ufeff"))
    with suppress(_UnreadableError, tomllib.TOMLDecodeError):
        scanner.document()
    line_starts = [0, *(newline.end() for newline in re.finditer("\n", scanner.text))]

    def position(offset: int) -> Position:
        line = bisect_right(line_starts, offset)
        return Position(line, offset - line_starts[line - 1] + 1)

    offsets = {path: pair for path, pair in scanner.offsets.items() if len(path) <= _DEEPEST}
    return {path: Spot(position(key), position(value)) for path, (key, value) in offsets.items()}


def nearest(spots: Mapping[Path, Spot], path: Path) -> Position:
    """Give the key position of the longest known beginning of a path, which may lead to something missing."""
    for length in range(min(len(path), _DEEPEST), 0, -1):
        if spot := spots.get(path[:length]):
            return spot.key
    return Position(1, 1)
