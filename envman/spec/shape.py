"""Shapes: what a value in the spec may be. One definition parses it, names it, and describes it in JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from envman.frozen import MISSING, field, fields, frozen_in_order

Path = tuple[str | int, ...]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@frozen_in_order
class Fault:
    """Something wrong at one place of the document."""

    path: Path
    message: str
    hint: str | None = None


class Refused(Exception):
    """Raised by a check to say why a value of the right type is still wrong."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


Report = Callable[[Fault], None]


class Shape(Protocol[T_co]):
    """One kind of value. `parse` reports what is wrong and then answers with None."""

    says: str

    def parse(self, value: object, path: Path, report: Report) -> T_co | None: ...
    def schema(self) -> dict[str, Any]: ...


def _type_name(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _wrong_type(shape: Shape[Any], value: object, path: Path, report: Report) -> None:
    quoted = f'write it in quotes: "{value}"' if isinstance(value, int | float) and "string" in shape.says else None
    report(Fault(path, f"should be {shape.says}, is {_type_name(value)}", quoted))


class Scalar(Generic[T]):
    """A string, a number or a boolean, with a check of its own."""

    def __init__(
        self, kind: type, says: str, check: Callable[[Any], T] | None = None, schema: Mapping[str, Any] | None = None
    ) -> None:
        self.kind = kind
        self.says = says
        self._check = check
        self._schema = dict(schema or {})

    def parse(self, value: object, path: Path, report: Report) -> T | None:
        if type(value) is not self.kind:
            _wrong_type(self, value, path, report)
            return None
        try:
            return self._check(value) if self._check else cast("T", value)
        except Refused as refused:
            report(Fault(path, refused.message, refused.hint))
            return None

    def schema(self) -> dict[str, Any]:
        names = {str: "string", int: "integer", float: "number", bool: "boolean"}
        return {"type": names[self.kind], **self._schema}


def choice(*allowed: str) -> Scalar[str]:
    """One of a few words."""

    def check(value: str) -> str:
        if value not in allowed:
            raise Refused(f'"{value}" is not one of {", ".join(allowed)}', suggestion(value, allowed))
        return value

    return Scalar(str, f"one of {', '.join(allowed)}", check, {"enum": list(allowed)})


class ListOf(Generic[T]):
    """A list of one shape; a single value is not a list of one, so that files read the same everywhere."""

    def __init__(self, item: Shape[T]) -> None:
        self.item = item
        self.says = f"a list, each item {item.says}"

    def parse(self, value: object, path: Path, report: Report) -> tuple[T, ...] | None:
        if not isinstance(value, list):
            _wrong_type(self, value, path, report)
            return None
        parsed = [self.item.parse(item, (*path, index), report) for index, item in enumerate(value)]
        return tuple(item for item in parsed if item is not None)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()}


class TableOf(Generic[T]):
    """A table whose keys the user names. `false` removes an entry that an earlier file set."""

    def __init__(self, item: Shape[T], *, key: Callable[[str], str] = str, said: str = "a table") -> None:
        self.item = item
        self.says = said
        self._key = key

    def parse(self, value: object, path: Path, report: Report) -> dict[str, T] | None:
        if not isinstance(value, dict):
            _wrong_type(self, value, path, report)
            return None
        parsed: dict[str, T] = {}
        for name, content in value.items():
            if content is False:
                continue
            try:
                self._key(name)
            except Refused as refused:
                report(Fault((*path, name), refused.message, refused.hint))
                continue
            item = self.item.parse(content, (*path, name), report)
            if item is not None:
                parsed[name] = item
        return parsed

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"anyOf": [self.item.schema(), {"const": False}]}}


class Either(Generic[T]):
    """The first of several shapes whose TOML type fits; a converter may bring them to one value."""

    def __init__(self, *shapes: tuple[type, Shape[Any], Callable[[Any], T]], says: str) -> None:
        self._shapes = shapes
        self.says = says

    def parse(self, value: object, path: Path, report: Report) -> T | None:
        for kind, shape, convert in self._shapes:
            if type(value) is kind:
                parsed = shape.parse(value, path, report)
                return None if parsed is None else convert(parsed)
        _wrong_type(self, value, path, report)
        return None

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [shape.schema() for _, shape, _ in self._shapes]}


def key(shape: Shape[Any], default: Any = MISSING, *, doc: str, example: str, factory: Any = MISSING) -> Any:
    """A field of a table: its shape, what it is for, and an example as it stands in a file."""
    metadata = {"shape": shape, "doc": doc, "example": example}
    if factory is not MISSING:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


class Table(Generic[T]):
    """A table with known keys, held by a frozen class whose fields are made with `key`."""

    def __init__(self, kind: type[T], *, beside: Sequence[str] = ()) -> None:
        self.kind = kind
        self.says = "a table"
        self._beside = beside  # keys that stand here as well, and that somebody else reads
        known = fields(cast("Any", kind))
        self.keys = {item.name.rstrip("_"): item for item in known if "shape" in item.metadata}

    def parse(self, value: object, path: Path, report: Report) -> T | None:
        if not isinstance(value, dict):
            _wrong_type(self, value, path, report)
            return None
        parsed: dict[str, Any] = {}
        complete = True
        for name, content in value.items():
            if name not in self.keys:
                report(Fault((*path, name), f'unknown key "{name}"', suggestion(name, (*self.keys, *self._beside))))
                continue
            item = self.keys[name]
            shape: Shape[Any] = item.metadata["shape"]
            if content is False and not takes_false(shape):
                continue
            result = shape.parse(content, (*path, name), report)
            if result is not None:
                parsed[item.name] = result
            elif item.is_required:
                complete = False
        for name, item in self.keys.items():
            if item.name not in parsed and item.is_required:
                if name not in value:
                    report(Fault(path, f'needs the key "{name}"', f"for example: {name} = {item.metadata['example']}"))
                complete = False
        return self.kind(**parsed) if complete else None

    def schema(self) -> dict[str, Any]:
        properties = {}
        for name, item in self.keys.items():
            shape: Shape[Any] = item.metadata["shape"]
            described = shape.schema()
            if not takes_false(shape):
                described = {"anyOf": [described, {"const": False}]}
            properties[name] = {"description": item.metadata["doc"], **described}
        required = [name for name, item in self.keys.items() if item.is_required]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def takes_false(shape: Shape[Any]) -> bool:
    """Whether `false` is a value here; elsewhere it removes what an earlier file set."""
    if isinstance(shape, Scalar):
        return shape.kind is bool
    return isinstance(shape, Either) and any(kind is bool for kind, _, _ in shape._shapes)


def suggestion(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, else all of them."""
    from difflib import get_close_matches

    words = sorted(known)
    close = get_close_matches(word, words, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(words)}"
