"""The files that make up a spec, each read into a layer that knows where its keys stand."""

from __future__ import annotations

import os
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from envman.errors import UsageError
from envman.frozen import frozen
from envman.problem import Problem
from envman.spec import shape


@frozen
class Layer:
    """One table of one file that says something about the project."""

    file: Path
    text: str
    table: dict[str, Any]
    prefix: shape.Path = ()

    @cached_property
    def _spots(self) -> Any:
        from envman.spec import position

        return position.locate(self.text)

    def holds(self, path: shape.Path) -> bool:
        """Whether this layer itself says something at the path."""
        here: Any = self.table
        for step in path:
            if isinstance(here, dict):
                if step not in here:
                    return False
            elif not isinstance(here, list) or not isinstance(step, int) or step >= len(here):
                return False
            here = here[cast("Any", step)]
        return True

    def problem(self, fault: shape.Fault) -> Problem:
        """The fault with its file, line and column."""
        from envman.spec import position

        spot = position.nearest(self._spots, self.prefix + fault.path)
        return Problem(
            message=f"{dotted(fault.path)}: {fault.message}" if fault.path else fault.message,
            hint=fault.hint,
            file=shown(self.file),
            line=spot.line,
            column=spot.column,
            key=dotted(fault.path) or None,
        )

    def below(self, *steps: str) -> Layer | None:
        """The layer that a table of this one makes, if it is there."""
        here: Any = self.table
        for step in steps:
            if not isinstance(here, dict) or step not in here:
                return None
            here = here[step]
        if not isinstance(here, dict):
            return None
        return Layer(file=self.file, text=self.text, table=here, prefix=(*self.prefix, *steps))


def dotted(path: shape.Path) -> str:
    """The path as it would be written in the file."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            bare = step.replace("-", "").replace("_", "").isalnum() and step.isascii()
            text += ("." if text else "") + (step if bare else f'"{step}"')
    return text


def shown(file: Path) -> str:
    """The path as a person at this terminal would type it."""
    relative = os.path.relpath(file)
    return str(file) if relative == "." or relative.startswith(os.path.join("..", "..", "..")) else relative


_REPEATED = ("Cannot declare", "Cannot overwrite", "Cannot mutate", "Cannot redefine", "Duplicate inline table key")


def _in_words(message: str) -> tuple[str, str]:
    """What the parser says, without the names of its own language, and what to do about it."""
    if not message.startswith(_REPEATED):
        return message, "values need quotes, inline tables stand on one line"
    _, opening, rest = message.partition("(")
    names, _, _ = rest.partition(")")
    keys = [word.strip(" '\"") for word in names.split(",") if word.strip()] if opening else []
    said = f"[{'.'.join(keys)}]" if keys else "this key"
    return f"{said} was already given above", "keep one of the two, with all of its keys"


def _syntax_problem(file: Path, error: Exception) -> Problem:
    message = str(error)
    line = column = None
    head, _, place = message.rpartition(" (at ")
    if head and place.startswith("line "):
        numbers = [int(word) for word in place.replace(",", " ").replace(")", " ").split() if word.isdigit()]
        if len(numbers) == 2:
            message, (line, column) = head, numbers
    message, hint = _in_words(message)
    return Problem(
        message=f"is not valid TOML 1.0: {message}",
        hint=hint,
        file=shown(file),
        line=line,
        column=column,
    )


def read(file: Path) -> Layer | None:
    """The file as a layer; None when there is no such file."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(Problem(message=f"cannot be read: {error.strerror}", file=shown(file))) from None
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(message="is not UTF-8", hint="save the file as UTF-8", file=shown(file), line=line)
        raise UsageError(problem) from None
    try:
        return Layer(file=file, text=text, table=tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError):
            error = ValueError("nested too deeply")
        raise UsageError(_syntax_problem(file, error)) from None
