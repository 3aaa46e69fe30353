"""The ready file: all that `run`, `up` and `status` need of a project that is as its spec says, in one read."""

# On the hot path: no import but os, and a format that str.split reads. json alone would cost more than everything here.
from __future__ import annotations

import os

from envman import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "ready"
_HEAD = f"envman ready 1 {__version__}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    pieces = text.split("\\\\")
    return "\\".join(piece.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for piece in pieces)


class Ready:
    """A provisioned project, as the hot path sees it."""

    __slots__ = (
        "backend",
        "depends",
        "enter",
        "env_files",
        "facts",
        "identity",
        "inputs",
        "name",
        "place",
        "root",
        "summary",
        "tasks",
        "variables"
    )  # fmt: skip

    def __init__(self) -> None:
        self.root = ""
        self.name = ""
        self.identity = ""
        self.backend = ""
        self.enter = ""  # the backend's import-light module
        self.summary = ""
        self.facts: dict[str, str] = {}
        self.place: dict[str, str] = {}  # what the backend's `enter` needs
        self.inputs: list[tuple[str, int, int]] = []
        self.depends: list[tuple[str, str]] = []  # variables, with the values that all this holds for
        self.env_files: list[tuple[str, bool]] = []
        self.variables: list[tuple[str, list[str]]] = []
        self.tasks: dict[str, list[str]] = {}

    def lines(self) -> list[list[str]]:
        """The file, as fields."""
        return [
            [_HEAD],
            ["project", self.root, self.name, self.identity, self.backend, self.enter],
            ["summary", self.summary],
            *(["fact", key, value] for key, value in self.facts.items()),
            *(["place", key, value] for key, value in self.place.items()),
            *(["depend", name, value] for name, value in self.depends),
            *(["input", path, str(size), str(changed)] for path, size, changed in self.inputs),
            *(["file", path, "?" if optional else ""] for path, optional in self.env_files),
            *(["var", name, *parts] for name, parts in self.variables),
            *(["task", name, *argv] for name, argv in self.tasks.items()),
            ["end"],
        ]

    def dump(self) -> str:
        """The text of the file."""
        return "".join("\t".join(map(_escape, fields)) + "\n" for fields in self.lines())

    @classmethod
    def load(cls, text: str) -> Ready | None:
        """The text read back; None when it is not whole or not of this version."""
        lines = text.split("\n")
        if len(lines) < 3 or lines[0] != _HEAD or lines[-2] != "end":
            return None
        ready = cls()
        try:
            for line in lines[1:-2]:
                kind, *fields = map(_unescape, line.split("\t"))
                ready._take(kind, fields)
        except (ValueError, IndexError):
            return None
        return ready

    def _take(self, kind: str, fields: Sequence[str]) -> None:
        if kind == "input":
            self.inputs.append((fields[0], int(fields[1]), int(fields[2])))
        elif kind == "var":
            self.variables.append((fields[0], list(fields[1:])))
        elif kind == "task":
            self.tasks[fields[0]] = list(fields[1:])
        elif kind == "depend":
            self.depends.append((fields[0], fields[1]))
        elif kind == "file":
            self.env_files.append((fields[0], bool(fields[1])))
        elif kind == "place":
            self.place[fields[0]] = fields[1]
        elif kind == "fact":
            self.facts[fields[0]] = fields[1]
        elif kind == "summary":
            self.summary = fields[0]
        elif kind == "project":
            self.root, self.name, self.identity, self.backend, self.enter = fields


def stamp(path: str) -> tuple[str, int, int]:
    """What `unchanged` compares; a file that is not there has the size -1."""
    try:
        facts = os.stat(path)
    except OSError:
        return path, -1, 0
    return path, facts.st_size, facts.st_mtime_ns


def unchanged(ready: Ready) -> bool:
    """Whether every input still has the size and time it had when all was done, on the engine that is meant now."""
    return all(stamp(entry[0]) == entry for entry in ready.inputs) and all(
        os.environ.get(name, "") == value for name, value in ready.depends
    )


def read(folder: str) -> Ready | None:
    """The ready file of a project's folder."""
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            return Ready.load(stream.read())
    except OSError:
        return None
