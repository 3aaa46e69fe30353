"""The variables of the project's processes: env files first, then [env], each filled at the moment of use."""

# On the hot path, and the one place where secrets exist in clear: nothing here is ever stored.
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class VariableError(Exception):
    """A value that cannot be filled: what, where, and what to do."""

    def __init__(self, message: str, hint: str | None = None, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line


def fill(name: str, parts: Iterable[str], environ: Mapping[str, str]) -> str:
    """The value of one [env] variable.

    A part is "=text", "$NAME" (required) or "?NAME:default", as the ready file keeps it.
    """
    value = ""
    for part in parts:
        if part[0] == "=":
            value += part[1:]
            continue
        variable, separator, default = part[1:].partition(":")
        found = environ.get(variable, "")
        if not found and part[0] == "$" and variable not in environ:
            raise VariableError(
                f"env.{name} needs the host variable {variable}, which is not set",
                f"export {variable}=… first, or write ${{{variable}:-default}} in the spec",
            )
        value += found if found or not separator else default
    return value


def _quoted(text: str, position: int, quote: str, fail: str) -> tuple[str, int]:
    value = ""
    while position < len(text):
        letter = text[position]
        if letter == quote:
            return value, position + 1
        if letter == "\\" and quote == '"' and position + 1 < len(text):
            following = text[position + 1]
            value += _ESCAPES.get(following, "\\" + following)
            position += 2
            continue
        value += letter
        position += 1
    raise VariableError(fail)


def parse_env_file(text: str, file: str) -> dict[str, str]:
    """NAME=value lines: 'literal', "with \\n escapes", bare words with # comments, an optional export before."""
    found: dict[str, str] = {}
    position = 0
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        number = text.count("\n", 0, position) + 1
        stripped = line.strip()
        if not stripped or stripped[0] == "#":
            position = end + 1
            continue
        name, separator, _ = line.partition("=")
        words = name.split()
        clean = " ".join(words[1:] if words[:1] == ["export"] else words)
        if not separator or not (clean.isascii() and clean.isidentifier()):
            # The line itself may be part of a secret: it is not shown.
            hint = 'a value of several lines stands in quotes: NAME="…"'
            raise VariableError("this line is not NAME=value", hint, file, number)
        start = position + len(name) + 1
        while start < end and text[start] in " \t":
            start += 1
        if start < end and text[start] in "'\"":
            try:
                found[clean], position = _quoted(text, start + 1, text[start], f"the quote of {clean} is not closed")
            except VariableError as error:
                raise VariableError(error.message, None, file, number) from None
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            rest = text[position:end]
            if rest.strip() and not (rest[0] in " \t" and rest.lstrip().startswith("#")):
                raise VariableError(f"something follows the closing quote of {clean}", None, file, number)
        else:
            # With the sign or the blank before it: a value may be nothing but a comment.
            found[clean] = text[start - 1 : end].replace("\t#", " #").split(" #", 1)[0][1:].strip()
        if "\0" in found[clean]:
            raise VariableError(f"{clean} holds a NUL character, which no variable can", None, file, number)
        position = end + 1
    return found


def read_env_files(files: Iterable[tuple[str, bool]]) -> dict[str, str]:
    """The variables of all files, later ones first in right."""
    found: dict[str, str] = {}
    for file, optional in files:
        try:
            with open(file, encoding="utf-8") as stream:
                text = stream.read()
        except FileNotFoundError:
            if optional:
                continue
            raise VariableError(
                "this file of env_files is not there",
                f'create it, or write "{os.path.basename(file)}?" if it may be absent',
                file,
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise VariableError(f"cannot be read: {error}", None, file) from None
        found.update(parse_env_file(text, file))
    return found


def resolve(
    files: Iterable[tuple[str, bool]], variables: Iterable[tuple[str, Sequence[str]]], environ: Mapping[str, str]
) -> dict[str, str]:
    """Every variable that the spec sets: [env] over env files."""
    found = read_env_files(files)
    for name, parts in variables:
        found[name] = fill(name, parts, environ)
    return found
