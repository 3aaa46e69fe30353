"""What containers say, as the engine keeps it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime

from envman.backend import Line
from envman.project import Project
from envman_docker import engine, naming


def logs(project: Project) -> Mapping[str, Stream]:
    """One for every service of the spec."""
    return {name: Stream(naming.identity(project), name) for name in project.spec.services}


class Stream:
    """The lines of one container."""

    def __init__(self, project: str, name: str) -> None:
        self._label = [f"{naming.PROJECT}={project}", f"{naming.SERVICE}={name}"]
        self._last = ""  # the engine's own time of the last line, to a billionth of a second

    def begin(self, since: float | None) -> Sequence[Line]:
        """The lines that there are."""
        return self._read(since)

    def more(self) -> Sequence[Line]:
        """Those that have come since."""
        return self._read(float(_moment(self._last) or 0) if self._last else None)

    def rest(self) -> Sequence[Line]:
        """The engine tells whole lines alone."""
        return []

    def close(self) -> None:
        """Nothing stays open."""

    def _read(self, since: float | None) -> list[Line]:
        with engine.api(os.environ) as asked:
            found = asked.containers(all=True, filters={"label": self._label})
            if not found:
                return []
            whole = asked.logs(found[0]["Id"], timestamps=True, **({"since": since} if since else {}))
        lines: list[Line] = []
        for one in whole.decode("utf-8", "replace").splitlines():
            moment, _, text = one.partition(" ")
            if moment > self._last:
                self._last = moment
                lines.append(Line(text=text.rstrip("\r"), time=_moment(moment)))
        return lines


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    except ValueError:
        return None
