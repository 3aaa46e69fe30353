"""An engine's socket in front of the engine: it can go away, and it knows what was asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType


class Proxy:
    """Passes everything on, for as long as it lives."""

    def __init__(self, place: Path, engine: str) -> None:
        self.address = f"unix://{place}"
        self.asked: list[str] = []  # the first line of every connection
        self._engine = engine
        self._lines: list[socket.socket] = []
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(place))
        self._door.listen(32)
        self._closed = False
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """As an engine that stops: every connection ends, and no new one begins."""
        self._closed = True
        for one in (self._door, *self._lines):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        while not self._closed:
            try:
                caller, _ = self._door.accept()
            except OSError:
                return
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(self._engine)
            self._lines += [caller, behind]
            threading.Thread(target=self._pass, args=(caller, behind), kwargs={"note": True}, daemon=True).start()
            threading.Thread(target=self._pass, args=(behind, caller), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, *, note: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if note:
                    self.asked.append(data.split(b"\r\n", 1)[0].decode("utf-8", "replace"))
                    note = False
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
