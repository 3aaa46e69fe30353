"""`frozen`: an immutable class with named fields. Nearly everything that envman passes around is one."""

# The standard dataclass takes 10 ms to import and 0.4 ms for every class, of which envman has fifty: more than the
# rest of a short command. Nothing is generated here; type checkers see the same as with dataclass.
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
MISSING: Any = object()
_FIELDS = "_fields_"


class Field:
    """A field's default, and what else is said about it."""

    __slots__ = ("default", "default_factory", "metadata", "name")

    def __init__(self, name: str, default: Any, default_factory: Any, metadata: Mapping[str, Any]) -> None:
        self.name = name
        self.default = default
        self.default_factory = default_factory
        self.metadata = metadata

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is MISSING and self.default_factory is MISSING


def field(
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] = MISSING,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """A field with a default that has to be made anew, or with something said about it."""
    return Field("", default, default_factory, metadata or {})


def fields(kind: Any) -> tuple[Field, ...]:
    """The fields of a class or of a value, in their order."""
    return tuple(getattr(kind, _FIELDS).values())


def as_dict(one: Any) -> dict[str, Any]:
    """Field by field."""
    return {item.name: getattr(one, item.name) for item in fields(one)}


def replace(one: T, **changes: Any) -> T:
    """A copy with some fields changed."""
    return type(one)(**{**as_dict(one), **changes})


def _init(self: Any, *values: Any, **named: Any) -> None:
    known: dict[str, Field] = getattr(self, _FIELDS)
    if len(values) > len(known):
        raise TypeError(f"{type(self).__name__} takes {len(known)} fields, not {len(values)}")
    given = {**dict(zip(known, values, strict=False)), **named}
    for name, item in known.items():
        if name not in given:
            if item.is_required:
                raise TypeError(f"{type(self).__name__} needs {name}")
            given[name] = item.default if item.default is not MISSING else item.default_factory()
    if len(given) > len(known):
        raise TypeError(f"{type(self).__name__} has no {', '.join(given.keys() - known.keys())}")
    self.__dict__.update(given)


def _refuse(self: Any, name: str, *value: Any) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")


def _equal(self: Any, other: object) -> bool:
    return as_dict(self) == as_dict(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(tuple(as_dict(self).values()))


def _shown(self: Any) -> str:
    inner = ", ".join(f"{name}={value!r}" for name, value in as_dict(self).items())
    return f"{type(self).__name__}({inner})"


_METHODS = {
    "__init__": _init, "__setattr__": _refuse, "__delattr__": _refuse,
    "__eq__": _equal, "__hash__": _hash, "__repr__": _shown,
}  # fmt: skip


def _freeze(kind: type[T]) -> type[T]:
    known: dict[str, Field] = {}
    for name in kind.__annotations__:
        said = kind.__dict__.get(name, MISSING)
        if isinstance(said, Field):
            said.name = name
            delattr(kind, name)
        known[name] = said if isinstance(said, Field) else Field(name, said, MISSING, {})
    setattr(kind, _FIELDS, known)
    for name, method in _METHODS.items():
        setattr(kind, name, method)
    return kind


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(kind: type[T]) -> type[T]:
    """An immutable class whose fields are given by name."""
    return _freeze(kind)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen_in_order(kind: type[T]) -> type[T]:
    """The same for a few fields that everybody knows in their order."""
    return _freeze(kind)
