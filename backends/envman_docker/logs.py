"""What containers say, as the engine keeps it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from envman.backend import Line
from envman.project import Project
from envman_docker import engine, naming, sockets

_AGAIN = 0.5  # seconds after which a container that says nothing any more is looked for anew


def logs(project: Project) -> Mapping[str, Stream]:
    """One for every service of the spec."""
    return {name: Stream(naming.identity(project), name) for name in project.spec.services}


class Stream:
    """The lines of a service, from whichever container is its own at the time."""

    def __init__(self, project: str, name: str) -> None:
        self._labels = [f"{naming.PROJECT}={project}", f"{naming.SERVICE}={name}"]
        self._engine = ""
        self._last = ""  # the engine's own time of the last line, to a billionth of a second
        self._line: socket.socket | None = None
        self._take = _Frames()
        self._looked = 0.0

    def begin(self, since: float | None) -> Sequence[Line]:
        """The lines that there are."""
        self._engine = engine.find(os.environ).address
        box = self._box()
        if not box:
            return []
        more = f"&since={since:.9f}" if since else ""
        _, answer = sockets.ask(self._engine, "GET", f"/containers/{box}/logs?{_WANTED}{more}")
        self._take = self._frames(box)
        return self._new(self._take.take(answer))

    def more(self) -> Sequence[Line]:
        """Those that have come since, over a connection that stays open."""
        if self._line is None and time.monotonic() - self._looked > _AGAIN:
            self._open()
        if self._line is None:
            return []
        found: list[Line] = []
        try:
            while data := self._line.recv(65536):
                found += self._new(self._take.take(data))
            self.close()  # the container has ended: another one may come
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        return found

    def rest(self) -> Sequence[Line]:
        """A line whose end has not come."""
        return [Line(text=text, time=_second(moment)) for moment, text in self._take.rest()]

    def close(self) -> None:
        """Let go of the connection."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _box(self) -> str:
        """The container of this moment: while one is made anew, there are two of them."""
        asked = quote(json.dumps({"label": self._labels}))
        status, answer = sockets.ask(self._engine, "GET", f"/containers/json?all=1&filters={asked}")
        found: list[dict[str, Any]] = json.loads(answer) if status == 200 else []
        found.sort(key=lambda one: (one["State"] == "running", one["Created"]))
        return str(found[-1]["Id"]) if found else ""

    def _frames(self, box: str) -> _Frames:
        _, answer = sockets.ask(self._engine, "GET", f"/containers/{box}/json")
        return _Frames(plain=bool(json.loads(answer).get("Config", {}).get("Tty")))

    def _open(self) -> None:
        self._looked = time.monotonic()
        try:
            box = self._box()
            if not box:
                return
            self._take = self._frames(box)
            since = f"&since={_exact(self._last)}" if self._last else ""
            line = sockets.connect(self._engine)
            line.sendall(sockets.head("GET", f"/containers/{box}/logs?follow=1&{_WANTED}{since}", b""))
        except (OSError, ValueError):  # the engine is not there in this moment
            return
        head = b""
        while not head.endswith(b"\r\n\r\n") and (letter := line.recv(1)):
            head += letter
        line.setblocking(False)
        self._line = line

    def _new(self, told: Iterator[tuple[str, str]]) -> list[Line]:
        found: list[Line] = []
        for moment, text in told:
            if moment > self._last:  # what is asked for anew begins with the last one
                self._last = moment
                found.append(Line(text=text, time=_second(moment)))
        return found


_WANTED = "stdout=1&stderr=1&timestamps=1"


class _Frames:
    """Lines with their times, out of the pieces that the engine sends."""

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain  # a container with a terminal has one stream, without frames
        self._pending = b""
        self._begun: dict[int, tuple[str, str]] = {}  # a long line comes in parts, each with a time of its own

    def take(self, data: bytes) -> Iterator[tuple[str, str]]:
        self._pending += data
        for stream, piece in self._pieces():
            moment, _, text = piece.decode("utf-8", "replace").partition(" ")
            if stream in self._begun:
                moment, text = self._begun[stream][0], self._begun.pop(stream)[1] + text
            if text.endswith("\n"):
                yield moment, text.rstrip("\r\n")
            else:
                self._begun[stream] = (moment, text)

    def rest(self) -> Iterator[tuple[str, str]]:
        while self._begun:
            yield self._begun.popitem()[1]

    def _pieces(self) -> Iterator[tuple[int, bytes]]:
        while self._plain and b"\n" in self._pending:
            line, _, self._pending = self._pending.partition(b"\n")
            yield 1, line + b"\n"
        while not self._plain and len(self._pending) >= 8:
            # Eight bytes before each piece: the stream, three zeros, its length.
            length = int.from_bytes(self._pending[4:8], "big")
            if len(self._pending) < 8 + length:
                return
            stream, piece = self._pending[0], self._pending[8 : 8 + length]
            self._pending = self._pending[8 + length :]
            yield stream, piece


def _second(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    except ValueError:
        return None


def _exact(text: str) -> str:
    """A moment of the engine's in the form in which it is asked for one."""
    return f"{int(_second(text) or 0)}.{text[20:29]}"
