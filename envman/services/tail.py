"""The end of a log that still grows, and that is moved aside when it has grown long."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

_ASIDE = ".1"  # what the guardian adds to the name of a log that has grown long


class Tail:
    """One log, read line by line."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: BufferedReader | None = None
        self._begun = b""  # a line whose end has not come yet

    def begin(self) -> list[str]:
        """All lines that there are, those moved aside included."""
        self._open()
        # A log that is moved aside in this very moment would be read twice: once open, once by its new name.
        aside = self._aside() if self._is_in_place() else b""
        return [*_lines(aside), *self.more()]

    def more(self) -> list[str]:
        """The lines that have come since."""
        data = self._read()
        if not self._is_in_place():
            data += self._read()  # nothing is written to it once it is moved
            self._open()
            data += self._read()
        *whole, self._begun = (self._begun + data).split(b"\n")
        return [_text(line) for line in whole]

    def rest(self) -> list[str]:
        """A last line that has no end."""
        found, self._begun = self._begun, b""
        return [_text(found)] if found else []

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open(self) -> None:
        self.close()
        try:
            self._stream = self._file.open("rb")
        except OSError:
            pass  # nothing was said yet

    def _aside(self) -> bytes:
        try:
            return self._file.with_name(self._file.name + _ASIDE).read_bytes()
        except OSError:
            return b""

    def _read(self) -> bytes:
        if self._stream is None:
            return b""
        if os.fstat(self._stream.fileno()).st_size < self._stream.tell():  # somebody has emptied it
            self._stream.seek(0)
        return self._stream.read()

    def _is_in_place(self) -> bool:
        try:
            there = self._file.stat()
        except OSError:
            return True  # gone, and nothing has taken its place
        return self._stream is not None and os.path.samestat(os.fstat(self._stream.fileno()), there)


def _lines(data: bytes) -> list[str]:
    return [_text(line) for line in data.split(b"\n")[:-1]]


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
