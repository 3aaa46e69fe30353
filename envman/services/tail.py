"""The end of a log that still grows, and that is moved aside when it has grown long."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path

from envman.backend import Line

# What the guardian adds to the name of a log that has grown long, and to that of the index beside each log.
_ASIDE, _TIMES = ".1", ".times"
# Ten digits of an epoch last until 2286. What a full disk has cut off becomes one line with the next, which then has
# too many digits or too many words.
_NOTE = re.compile(rb"([0-9]{10}) ([0-9]{1,18})")


class Tail:
    """One log, read line by line; the time of a line is that at which it began."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: BufferedReader | None = None
        self._times: _Times | None = None
        self._begun = b""  # a line whose end has not come yet
        self._began: int | None = None  # and when it began

    def begin(self, since: float | None) -> Sequence[Line]:
        """The lines that there are, those moved aside included; with a moment, none that is known to be older."""
        self._open()
        # A log that is moved aside in this very moment would be read twice: once open, once by its new name.
        lines = self._aside() if self._is_in_place() else []
        lines += self.more()
        return lines if since is None else _not_older(lines, since)

    def more(self) -> list[Line]:
        """The lines that have come since."""
        lines = self._new()
        if not self._is_in_place():
            lines += self._new()  # nothing is written to it once it is moved
            self._open()
            lines += self._new()
        return lines

    def rest(self) -> Sequence[Line]:
        """A last line that has no end."""
        found, self._begun = self._begun, b""
        return [Line(_text(found), self._began)] if found else []

    def close(self) -> None:
        """Let go of the files."""
        if self._stream is not None:
            self._stream.close()
        if self._times is not None:
            self._times.close()
        self._stream = self._times = None

    def _open(self) -> None:
        self.close()
        self._stream = _opened(str(self._file))

    def _aside(self) -> list[Line]:
        file = f"{self._file}{_ASIDE}"
        stream = _opened(file)
        if stream is None:
            return []
        with stream:
            data = stream.read()
        times = _Times(file + _TIMES)
        try:
            times.learn()
        finally:
            times.close()
        return self._cut(data, 0, times)

    def _new(self) -> list[Line]:
        if self._stream is None:
            return []
        if os.fstat(self._stream.fileno()).st_size < self._stream.tell():  # somebody has emptied it
            self._stream.seek(0)
        start = self._stream.tell()
        data = self._stream.read()
        return self._cut(data, start, self._learned()) if data else []

    def _learned(self) -> _Times:
        if self._times is None or self._times.are_gone:
            if self._times is not None:
                self._times.close()
            self._times = self._index()
        self._times.learn()
        return self._times

    def _index(self) -> _Times:
        found = _Times(f"{self._file}{_TIMES}")
        # It is moved aside after the log: what was found while the log is in its place belongs to it.
        if self._is_in_place():
            return found
        found.close()
        return _Times(f"{self._file}{_ASIDE}{_TIMES}")

    def _cut(self, data: bytes, start: int, times: _Times) -> list[Line]:
        lines: list[Line] = []
        *whole, left = data.split(b"\n")
        for part in whole:
            began = self._began if self._begun else times.at(start)
            lines.append(Line(_text(self._begun + part), began))
            self._begun = b""
            start += len(part) + 1
        if not self._begun:
            self._began = times.at(start)
        self._begun += left
        return lines

    def _is_in_place(self) -> bool:
        try:
            there = self._file.stat()
        except OSError:
            return True  # gone, and nothing has taken its place
        return self._stream is not None and os.path.samestat(os.fstat(self._stream.fileno()), there)


class _Times:
    """When the parts of one log came: the index that the guardian keeps."""

    def __init__(self, file: str) -> None:
        self._stream = _opened(file)
        self._begun = b""
        self._offsets: list[int] = []
        self._seconds: list[int] = []

    @property
    def are_gone(self) -> bool:
        """Whether there is no such file, or not any more."""
        return self._stream is None or os.fstat(self._stream.fileno()).st_nlink == 0

    def learn(self) -> None:
        """Read what was noted since."""
        if self._stream is None:
            return
        *whole, self._begun = (self._begun + self._stream.read()).split(b"\n")
        for line in whole:
            note = _NOTE.fullmatch(line)
            if note:
                self._learn(int(note[2]), int(note[1]))

    def at(self, offset: int) -> int | None:
        """When that byte came; None where nothing tells: the index was lost, or an older guardian kept none."""
        place = bisect_right(self._offsets, offset)
        return self._seconds[place - 1] if place else None

    def close(self) -> None:
        """Let go of the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _learn(self, offset: int, seconds: int) -> None:
        # What was noted for this offset or a later one spoke of output that is not there any more.
        place = bisect_left(self._offsets, offset)
        self._offsets[place:] = [offset]
        self._seconds[place:] = [seconds]


def _not_older(lines: Sequence[Line], since: float) -> list[Line]:
    # A line of unknown time is older, too, when one that comes after it is: what remains is in doubt, and marked so.
    old = max((place for place, line in enumerate(lines) if line.time is not None and line.time < since), default=-1)
    return [line for place, line in enumerate(lines) if (place > old if line.time is None else line.time >= since)]


def _opened(file: str) -> BufferedReader | None:
    try:
        return open(file, "rb")
    except OSError:
        return None  # nothing was said yet


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
