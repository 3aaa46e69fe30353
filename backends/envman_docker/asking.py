"""What is asked of the engine again and again: plain questions, one connection each.

Not the SDK, which is for streams and for what is rare: importing it takes longer than an up's questions together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from envman.errors import EngineMissing, StepFailed
from envman_docker import engine, sockets

_PATIENCE = 30.0  # seconds for an engine with much to do
_FINE = range(200, 400)  # a container that is stopped already answers 304
_ABSENT = 404

Found = Mapping[str, Any]


class Asking:
    """An engine of this machine. What it refuses raises StepFailed; EngineMissing, when it goes away."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = engine.find(environ).address

    def containers(self, *, size: bool = False, **filters: str | Sequence[str]) -> Sequence[Found]:
        """Those that match, whether they run or not."""
        return self._list("/containers/json", filters, all="1", size=str(int(size)))

    def container(self, box: str) -> Found:
        """All that is known of one."""
        return dict(self._ask("GET", f"/containers/{box}/json"))

    def stats(self, box: str) -> Found:
        """What one uses in this moment."""
        return dict(self._ask("GET", f"/containers/{box}/stats?stream=0&one-shot=1"))

    def stop(self, box: str, patience: int) -> None:
        """Tell one to end; whoever does not within so many seconds is killed."""
        self._ask("POST", f"/containers/{box}/stop?t={patience}", patience=patience + _PATIENCE)

    def unpause(self, box: str) -> None:
        """Let one go on."""
        self._ask("POST", f"/containers/{box}/unpause")

    def remove_container(self, box: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove one; with the volumes that nobody has named, if they shall go."""
        self._ask("DELETE", f"/containers/{box}?force={int(force)}&v={int(volumes)}")

    def images(self, **filters: str | Sequence[str]) -> Sequence[Found]:
        """Those that match."""
        return self._list("/images/json", filters)

    def image(self, name: str) -> Found | None:
        """All that is known of one, if it is here."""
        found = self._ask("GET", f"/images/{quote(name)}/json", absent=True)
        return found if found is None else dict(found)

    def remove_image(self, name: str, *, force: bool = False) -> None:
        """Take a name away, and with the last one the image."""
        self._ask("DELETE", f"/images/{quote(name)}?force={int(force)}")

    def networks(self, **filters: str | Sequence[str]) -> Sequence[Found]:
        """Those that match; a name matches all that it is a part of."""
        return self._list("/networks", filters)

    def make_network(self, name: str, labels: Mapping[str, str]) -> None:
        """A new network."""
        self._ask("POST", "/networks/create", {"Name": name, "Labels": labels})

    def remove_network(self, name: str) -> None:
        """Remove one that nobody is in."""
        self._ask("DELETE", f"/networks/{quote(name)}")

    def volumes(self, **filters: str | Sequence[str]) -> Sequence[Found]:
        """Those that match."""
        query = urlencode({"filters": _filters(filters)})
        return self._ask("GET", f"/volumes?{query}")["Volumes"] or ()

    def weighed_volumes(self) -> Sequence[Found]:
        """All that the engine has, each with its size; asked for the rest, it measures the whole machine."""
        return self._ask("GET", "/system/df?type=volume")["Volumes"] or ()

    def make_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """A volume; one that is there already stays as it is."""
        self._ask("POST", "/volumes/create", {"Name": name, "Labels": labels})

    def remove_volume(self, name: str) -> None:
        """Remove one, with what is in it."""
        self._ask("DELETE", f"/volumes/{quote(name)}")

    def _list(self, path: str, filters: Mapping[str, str | Sequence[str]], **more: str) -> Sequence[Found]:
        return list(self._ask("GET", f"{path}?{urlencode({**more, 'filters': _filters(filters)})}"))

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        patience: float = _PATIENCE,
        absent: bool = False,
    ) -> Any:
        sent = json.dumps(body).encode() if body is not None else b""
        try:
            status, answer = sockets.ask(self._address, method, path, sent, patience=patience)
            told = json.loads(answer) if answer.strip() else None
        except (OSError, ValueError) as error:
            raise EngineMissing(engine.silent(self._address)) from error
        if absent and status == _ABSENT:
            return None
        if not status:  # it ended before it could say anything
            raise EngineMissing(engine.silent(self._address))
        if status not in _FINE:
            raise StepFailed(f"the engine says: {told['message'] if isinstance(told, dict) else status}")
        return told


def _filters(filters: Mapping[str, str | Sequence[str]]) -> str:
    return json.dumps({name: [one] if isinstance(one, str) else list(one) for name, one in filters.items()})
