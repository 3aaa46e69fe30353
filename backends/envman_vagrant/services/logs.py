"""What services in the machine say, as its journal keeps it."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence

from envman.backend import Line
from envman.project import Project
from envman_vagrant import guest, naming, ssh
from envman_vagrant.services import asking, layout

_AGAIN = 0.5  # seconds between two questions about all services
_WANTED = "--quiet --no-pager --all --output=json --output-fields=MESSAGE,_SYSTEMD_UNIT"


def logs(project: Project) -> Mapping[str, Stream]:
    """One for every service of the spec."""
    if project.folder is None:
        return {}
    journal = Journal(guest.place(project), list(project.spec.services))
    return {name: Stream(journal, name) for name in project.spec.services}


class Journal:
    """The lines of all services, asked for together."""

    def __init__(self, place: Mapping[str, str], names: Sequence[str]) -> None:
        self._place = place
        self._names = names
        self._cursor = ""  # of the last line that was read
        self._lines: dict[str, list[Line]] = {name: [] for name in names}
        self._asked = 0.0
        self._begun = False

    def begin(self, since: float | None) -> None:
        """Read what there is, once for all."""
        if not self._begun:
            self._begun = True
            self._ask(f"--since=@{int(since)}" if since is not None else "")

    def take(self, name: str) -> list[Line]:
        """The lines of a service that nobody has taken yet."""
        found, self._lines[name] = self._lines[name], []
        return found

    def go_on(self) -> None:
        """Read what has come since, but not all the time."""
        if time.monotonic() - self._asked > _AGAIN:
            # A journal that had nothing of them has no place to go on from: all that is in it now is new.
            self._ask(f"--after-cursor={shlex.quote(self._cursor)}" if self._cursor else "")

    def _ask(self, where: str) -> None:
        self._asked = time.monotonic()
        if not ssh.is_open(self._place):
            return  # the machine does not run, or nobody is connected: there is nothing to say
        units = " ".join(f"_SYSTEMD_UNIT={layout.unit(name)}" for name in self._names)
        done = asking.ask(self._place, os.environ, f"exec journalctl {_WANTED} {where} {units}\n")
        if done.code:
            return
        found, cursor = read(done.output.splitlines())
        self._cursor = cursor or self._cursor
        for name, line in found:
            self._lines.setdefault(name, []).append(line)


class Stream:
    """The lines of one service."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name

    def begin(self, since: float | None) -> Sequence[Line]:
        """The lines that there are."""
        self._journal.begin(since)
        lines = self._journal.take(self._name)
        return lines if since is None else [line for line in lines if line.time is None or line.time >= since]

    def more(self) -> Sequence[Line]:
        """Those that have come since."""
        self._journal.go_on()
        return self._journal.take(self._name)

    def rest(self) -> Sequence[Line]:
        """The journal takes whole lines."""
        return ()

    def close(self) -> None:
        """Nothing stays open."""


def read(lines: Iterable[str]) -> tuple[list[tuple[str, Line]], str]:
    """Whose lines they are, and where the journal goes on after them."""
    found: list[tuple[str, Line]] = []
    cursor = ""
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # cut off
            continue
        cursor = str(entry.get("__CURSOR", cursor))
        name = str(entry.get("_SYSTEMD_UNIT", "")).removeprefix(naming.UNIT).removesuffix(".service")
        found.append((name, Line(text=_text(entry.get("MESSAGE")), time=_second(entry.get("__REALTIME_TIMESTAMP")))))
    return found, cursor


def _text(message: object) -> str:
    # What is no text comes as the numbers of its bytes.
    if isinstance(message, list):
        return bytes(one for one in message if isinstance(one, int)).decode("utf-8", "replace").rstrip("\r")
    return message.rstrip("\r") if isinstance(message, str) else ""


def _second(text: object) -> float | None:
    return int(text) / 1_000_000 if isinstance(text, str) and text.isdigit() else None
