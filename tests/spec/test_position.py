"""Positions of keys and values: exact cases, and documents of every style compared with what tomllib reads."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, DottedKey, InlineTable, Item, KeyType, SingleKey, Table

from envman.spec.position import Path, Position, locate, nearest

# A case is a document and, for each path, (line, column) of the key and of the value.
Places = dict[Path, tuple[int, int, int, int]]

CASES: dict[str, tuple[str, Places]] = {
    "empty": ("", {}),
    "only a comment": ("# nothing\n", {}),
    "scalar": ('name = "shop"', {("name",): (1, 1, 1, 8)}),
    "no spaces": ("a=1", {("a",): (1, 1, 1, 3)}),
    "indented": ("\n\t a\t=\t1 # one\n", {("a",): (2, 3, 2, 7)}),
    "table": ("[a]\nb = 1\n", {("a",): (1, 2, 1, 2), ("a", "b"): (2, 1, 2, 5)}),
    "dotted header": (
        "[ a . b ]\nc = 1",
        {("a",): (1, 3, 1, 3), ("a", "b"): (1, 7, 1, 7), ("a", "b", "c"): (2, 1, 2, 5)},
    ),
    "own header wins over a mention": (
        "[a.b]\n[a.c]\n[a]\nd = 1",
        {
            ("a",): (3, 2, 3, 2),
            ("a", "b"): (1, 4, 1, 4),
            ("a", "c"): (2, 4, 2, 4),
            ("a", "d"): (4, 1, 4, 5),
        },
    ),
    "dotted key": (
        "a . b.c = 1\na.d = 2",
        {("a",): (1, 1, 1, 1), ("a", "b"): (1, 5, 1, 5), ("a", "b", "c"): (1, 7, 1, 11), ("a", "d"): (2, 3, 2, 7)},
    ),
    "number as a key": ("3.14 = 1", {("3",): (1, 1, 1, 1), ("3", "14"): (1, 3, 1, 8)}),
    "array of tables": (
        "[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[a.c]\nd = 3\n",
        {
            ("a",): (1, 3, 1, 3),
            ("a", 0): (1, 3, 1, 3),
            ("a", 0, "b"): (2, 1, 2, 5),
            ("a", 0, "c"): (3, 4, 3, 4),
            ("a", 0, "c", "d"): (4, 1, 4, 5),
            ("a", 1): (5, 3, 5, 3),
            ("a", 1, "c"): (6, 4, 6, 4),
            ("a", 1, "c", "d"): (7, 1, 7, 5),
        },
    ),
    "array of tables in an array of tables": (
        "[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]\n",
        {
            ("a",): (1, 3, 1, 3),
            ("a", 0): (1, 3, 1, 3),
            ("a", 0, "b"): (2, 5, 2, 5),
            ("a", 0, "b", 0): (2, 5, 2, 5),
            ("a", 0, "b", 1): (3, 5, 3, 5),
            ("a", 1): (4, 3, 4, 3),
            ("a", 1, "b"): (5, 5, 5, 5),
            ("a", 1, "b", 0): (5, 5, 5, 5),
        },
    ),
    "inline table": (
        "a = { b = 1, c.d = {e = []} }",
        {
            ("a",): (1, 1, 1, 5),
            ("a", "b"): (1, 7, 1, 11),
            ("a", "c"): (1, 14, 1, 14),
            ("a", "c", "d"): (1, 16, 1, 20),
            ("a", "c", "d", "e"): (1, 21, 1, 25),
        },
    ),
    "inline table over several lines": (
        "a = { # TOML 1.1\n  b = 1,\n}\nc = 2",
        {("a",): (1, 1, 1, 5), ("a", "b"): (2, 3, 2, 7), ("c",): (4, 1, 4, 5)},
    ),
    "array with comments": (
        'a = [ # ], "\n  1, # one, [\n  [2]\n  , # late comma\n]\nb = 3',
        {
            ("a",): (1, 1, 1, 5),
            ("a", 0): (2, 3, 2, 3),
            ("a", 1): (3, 3, 3, 3),
            ("a", 1, 0): (3, 4, 3, 4),
            ("b",): (6, 1, 6, 5),
        },
    ),
    "tables in an array": (
        "a = [{b = 1}, {b = 2}]",
        {
            ("a",): (1, 1, 1, 5),
            ("a", 0): (1, 6, 1, 6),
            ("a", 0, "b"): (1, 7, 1, 11),
            ("a", 1): (1, 15, 1, 15),
            ("a", 1, "b"): (1, 16, 1, 20),
        },
    ),
    "quoted keys": (
        '"a.b" = 1\n\'c"\\d\' = 2\n"\\u00e9\\"\\n" = 3\n"" = 4\n',
        {("a.b",): (1, 1, 1, 9), ('c"\\d',): (2, 1, 2, 10), ('é"\n',): (3, 1, 3, 16), ("",): (4, 1, 4, 6)},
    ),
    "quoted header": (
        "[a.'b]'.\"c\"]",
        {("a",): (1, 2, 1, 2), ("a", "b]"): (1, 4, 1, 4), ("a", "b]", "c"): (1, 9, 1, 9)},
    ),
    "multi-line basic string": (
        'a = """\n[b]\n"c" ""\\"" = \\\n   """""\nd = 1',
        {("a",): (1, 1, 1, 5), ("d",): (5, 1, 5, 5)},
    ),
    "multi-line literal string": (
        "a = '''\nb = 1\\'' '''''\nc = ['''''', '']",
        {("a",): (1, 1, 1, 5), ("c",): (3, 1, 3, 5), ("c", 0): (3, 6, 3, 6), ("c", 1): (3, 14, 3, 14)},
    ),
    "brackets in strings": (
        'a = ["],", \'}#\', "\\"]"]\nb = 1',
        {
            ("a",): (1, 1, 1, 5),
            ("a", 0): (1, 6, 1, 6),
            ("a", 1): (1, 12, 1, 12),
            ("a", 2): (1, 18, 1, 18),
            ("b",): (2, 1, 2, 5),
        },
    ),
    "dates": (
        "a = 1979-05-27 07:32:00.5-07:00 # day\nb = [07:32:00, 1979-05-27 , 1979-05-27T07:32:00Z]",
        {
            ("a",): (1, 1, 1, 5),
            ("b",): (2, 1, 2, 5),
            ("b", 0): (2, 6, 2, 6),
            ("b", 1): (2, 16, 2, 16),
            ("b", 2): (2, 29, 2, 29),
        },
    ),
    "CRLF": (
        '# c\r\na = """\r\n"""\r\n\r\n[b] # c\r\nc = [\r\n  1,\r\n]\r\n',
        {("a",): (2, 1, 2, 5), ("b",): (5, 2, 5, 2), ("b", "c"): (6, 1, 6, 5), ("b", "c", 0): (7, 3, 7, 3)},
    ),
    "characters and not bytes": ('"é😀" = {"ß" = 1}', {("é😀",): (1, 1, 1, 8), ("é😀", "ß"): (1, 9, 1, 15)}),
    "line separators that are none in TOML": ('a = "\u2028\x85"\nb = 1', {("a",): (1, 1, 1, 5), ("b",): (2, 1, 2, 5)}),
    "byte order mark": ("\ufeffa = 1", {("a",): (1, 1, 1, 5)}),
}

BROKEN: dict[str, tuple[str, set[Path]]] = {
    "key alone": ("a = 1\nb\nc = 2", {("a",)}),
    "no value": ("a = 1\nb =\nc = 2", {("a",), ("b",)}),
    "two values on a line": ("a = 1 b = 2", {("a",)}),
    "open string": ('a = "x\nb = 2', {("a",)}),
    "open multi-line string": ('a = """x\nb = 2 ""', {("a",)}),
    "open array": ("a = [1,\nb = 2", {("a",), ("a", 0), ("a", 1)}),
    "no comma": ("a = [1 2]\nb = 2", {("a",), ("a", 0)}),
    "comma alone": ("a = {,}\nb = 2", {("a",)}),
    "comma alone in an array": ("a = [,]\nb = 2", {("a",)}),
    "wrong bracket": ("a = [1}\nb = 2", {("a",), ("a", 0)}),
    "open header": ("[a.b\nc = 1", {("a",)}),
    "half an array of tables": ("[[a]\nb = 1", set()),
    "unknown escape in a key": ('a = 1\n"\\q" = 1\nb = 2', {("a",)}),
}

HOSTILE: dict[str, str] = {
    "open arrays": "a = " + "[" * 200_000,
    "deep arrays": "a = " + "[" * 100_000 + "]" * 100_000,
    "open inline tables": "a = " + "{a = " * 50_000,
    "long dotted key": "a." * 100_000 + "a = 1",
    "many keys under a long header": "[" + "a." * 20_000 + "a]\n" + "".join(f"k{n} = 1\n" for n in range(20_000)),
    "nested arrays of tables": "".join("[[" + "a." * depth + "a]]\n" for depth in range(600)),
    "open quotes": "a = " + '"""\\' * 50_000,
    "quotes in an array": "a = [" + '"", ' * 50_000 + '"""',
    "open literal quotes": "a = [" + "'''', " * 50_000,
    "backslashes": 'a = "' + "\\" * 200_001,
    "escapes in a key": '"' + "\\n" * 100_000 + '" = 1',
    "comments": "#\n" * 100_000,
    "blanks": " \t\r" * 100_000 + "=",
    "blanks in an array": "a = [" + " \n" * 100_000,
}


def walk(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Give every path of a document with what stands there."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))


def text_from(text: str, position: Position) -> str:
    """Cut off what stands before a position."""
    lines = text.split("\n")[position.line - 1 :]
    return "\n".join(lines)[position.column - 1 :]


def first_that_parses(text: str, ends: str, document: str) -> dict[str, Any]:
    """Parse the shortest beginning of a text that stands before one of the ends and makes the document valid."""
    for length in range(1, len(text) + 1):
        if length == len(text) or text[length] in ends:
            try:
                return tomllib.loads(document.format(text[:length]))
            except tomllib.TOMLDecodeError:
                continue
    raise AssertionError(f"nothing valid at the start of {text!r}")


def assert_located(text: str) -> None:
    """Compare the paths, the names and the values at all positions of a valid document with what tomllib reads."""
    document = tomllib.loads(text)
    spots = locate(text)
    assert set(spots) == {path for path, _ in walk(document)}
    for path, value in walk(document):
        spot = spots[path]
        if isinstance(path[-1], str):
            named = first_that_parses(text_from(text, spot.key), "=.] \t", "{} = 0")
            assert list(named) == [path[-1]]
        else:
            assert spot.key == spot.value
        if isinstance(value, dict | list) and text_from(text, spot.value)[0] not in "[{":
            assert spot.key == spot.value
        else:
            read = first_that_parses(text_from(text, spot.value), ",]}#\r\n", "value = {}")["value"]
            # Their texts, because nan is not equal to itself and 1 is equal to true.
            assert repr(read) == repr(value)


AWKWARD_TEXTS = st.text(st.sampled_from("ab-_1 .,:=#\"'\\[]{}\t\n\u00e9\U0001f600"), max_size=8)
TEXTS = AWKWARD_TEXTS | st.text(max_size=8)
KEYS = st.sampled_from(["a", "b", "c", "1"]) | TEXTS
ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=-7, minutes=-30))])
SCALARS = (
    TEXTS
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.dates()
    | st.times()
    | st.datetimes(timezones=ZONES)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.lists(st.dictionaries(KEYS, inner, max_size=3), max_size=3)
    ),
    max_leaves=12,
)


class Dresser:
    """Turns plain values into items of tomlkit, each in a style of the many that TOML has."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def flip(self) -> bool:
        return self.draw(st.booleans())

    def key(self, name: str) -> SingleKey:
        can_be_literal = name.isprintable() and "'" not in name
        kinds = [None, KeyType.Basic, KeyType.Literal] if can_be_literal else [KeyType.Basic]
        return SingleKey(name, self.draw(st.sampled_from(kinds)))

    def string(self, value: str) -> Item:
        try:
            return tomlkit.string(value, literal=self.flip(), multiline=self.flip())
        except TOMLKitError:
            return tomlkit.string(value)

    def array(self, values: list[Any]) -> Array:
        array = tomlkit.array()
        for value in values:
            if self.flip():
                array.append(self.inline(value))
            else:
                array.add_line(self.inline(value), comment=self.draw(st.sampled_from([None, "], '", '"""[{'])))
        if self.flip():
            array.add_line(indent="")
        return array

    def inline_table(self, values: dict[str, Any]) -> InlineTable:
        table = tomlkit.inline_table()
        for name, value in values.items():
            table.append(self.key(name), self.inline(value))
        return table

    def inline(self, value: Any) -> Item:
        match value:
            case str():
                return self.string(value)
            case list():
                return self.array(value)
            case dict():
                return self.inline_table(value)
            case _:
                item: Item = tomlkit.item(value)
                return item

    def item(self, value: Any) -> Item:
        match value:
            case dict() if self.flip():
                table = tomlkit.table(is_super_table=self.flip() and all(isinstance(v, dict) for v in value.values()))
                self.fill(table, value)
                return table
            case [dict(), *others] if all(isinstance(other, dict) for other in others) and self.flip():
                tables = tomlkit.aot()
                for member in value:
                    table = tomlkit.table()
                    self.fill(table, member)
                    tables.append(table)
                return tables
            case _:
                return self.inline(value)

    def fill(self, table: Table | tomlkit.TOMLDocument, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if self.flip():
                table.add(tomlkit.comment("[no] = 'table'"))
            if isinstance(value, dict) and value and self.flip():
                for inner, item in value.items():
                    table.append(DottedKey([self.key(name), self.key(inner)]), self.inline(item))
            else:
                table.append(self.key(name), self.item(value))


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Valid documents in mixed styles."""
    document = tomlkit.document()
    Dresser(draw).fill(document, draw(st.dictionaries(KEYS, VALUES, max_size=5)))
    text = tomlkit.dumps(document)
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


FRAGMENTS = st.sampled_from(
    [
        *"ab1 .,=#\"'\\[]{}\t\r\n",
        "[[",
        "]]",
        '"""',
        "'''",
        " = ",
        "\r\n",
        "a = ",
        "[a]\n",
        "[[a]]\n",
        "\\u00e9",
        "\ufeff",
    ]
)
SOUPS = st.text() | st.lists(FRAGMENTS, max_size=40).map("".join)


def accepted(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@pytest.mark.parametrize(("text", "places"), CASES.values(), ids=CASES)
def test_exact_places(text: str, places: Places) -> None:
    found = {
        path: (spot.key.line, spot.key.column, spot.value.line, spot.value.column)
        for path, spot in locate(text).items()
    }
    assert found == places
    if accepted(text):
        assert_located(text)


@pytest.mark.parametrize(("text", "paths"), BROKEN.values(), ids=BROKEN)
def test_broken_document_gives_what_stands_before_the_fault(text: str, paths: set[Path]) -> None:
    assert not accepted(text)
    assert set(locate(text)) == paths


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_linear_time(text: str) -> None:
    start = time.perf_counter()
    locate(text)
    # Measured: 1 s at most; what is quadratic takes minutes or all memory.
    assert time.perf_counter() - start < 10


def test_deep_paths_lead_to_their_known_beginning() -> None:
    spots = locate("a." * 500 + "b = 1\nc = 2")
    assert set(spots) == {("a",) * length for length in range(1, 101)} | {("c",)}
    assert nearest(spots, (*["a"] * 500, "b")) == nearest(spots, ("a",) * 100) == Position(1, 199)
    assert nearest(spots, ("c",)) == Position(2, 1)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("missing",), 1, 1),
        (("services",), 2, 2),
        (("services", "missing"), 2, 2),
        (("services", "db"), 2, 11),
        (("services", "db", "use", "missing", 0), 2, 11),
        (("services", "db", "port", "inside"), 3, 9),
        (("services", "db", "port", "outside"), 3, 1),
        (("services", "db", "needs", 1), 4, 15),
        (("services", "db", "needs", 2), 4, 1),
    ],
)
def test_nearest(path: Path, line: int, column: int) -> None:
    spots = locate("# shop\n[services.db]\nport = {inside = 1}\nneeds = ['a', 'b']\n")
    assert nearest(spots, path) == Position(line, column)


@settings(deadline=None, max_examples=200)
@given(documents())
def test_every_place_of_a_valid_document(text: str) -> None:
    assert_located(text)


@settings(deadline=None, max_examples=200)
@given(documents(), st.integers(min_value=0))
def test_cut_document_keeps_what_stands_before_the_cut(text: str, cut: int) -> None:
    lines = text.split("\n")
    kept = cut % len(lines)
    found = locate("\n".join(lines[:kept]))
    for path, spot in locate(text).items():
        # A table mentioned before the cut may have its own header after it; what was assigned stays where it was.
        if spot.value.line <= kept and spot.value != spot.key:
            assert found[path] == spot


@settings(deadline=None, max_examples=1000)
@given(SOUPS)
def test_any_text_is_survived(text: str) -> None:
    spots = locate(text)
    for spot in spots.values():
        assert text_from(text, spot.key)
    if accepted(text):
        assert_located(text)
