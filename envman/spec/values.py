"""The single values that keys of a spec hold: what is accepted, and why the rest is refused."""

from __future__ import annotations

from envman.spec.shape import Refused, Scalar


def _plain(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise Refused("should be a line of visible characters")
    return value


def without_nul(value: str) -> str:
    """The text, as a process can be given it."""
    if "\0" in value:
        raise Refused("holds a NUL character, which no process can be given")
    return value


def _port_number(value: int) -> int:
    if not 1 <= value <= 65535:
        raise Refused(f"{value} is not a port", "ports go from 1 to 65535")
    return value


def _seconds(value: int) -> int:
    if value < 1:
        raise Refused("should be at least one second")
    return value


def label(value: str) -> str:
    """A name that may stand in files, variables and addresses."""
    if not value or not all(letter.isalnum() or letter in "-_" for letter in value) or not value.isascii():
        raise Refused(f'"{value}" cannot be a name here', "use letters, digits, - and _")
    return value


text: Scalar[str] = Scalar(str, "a string", without_nul)
words: Scalar[str] = Scalar(str, "a string", _plain)
labelled: Scalar[str] = Scalar(str, "a name", label)
flag: Scalar[bool] = Scalar(bool, "true or false")
seconds: Scalar[int] = Scalar(int, "a number of seconds", _seconds, {"minimum": 1})
port_number: Scalar[int] = Scalar(int, "a port number", _port_number, {"minimum": 1, "maximum": 65535})
