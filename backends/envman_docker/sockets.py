"""One request to the engine over its socket. On the hot path: nothing but the standard library's smallest parts."""

from __future__ import annotations

import socket

_PATIENCE = 10.0  # seconds for the engine to answer


def connect(address: str, patience: float = _PATIENCE) -> socket.socket:
    """A connection to an engine of this machine; raises OSError."""
    kind, _, rest = address.partition("://")
    if kind == "unix":
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(patience)
            line.connect(rest)
        except OSError:
            line.close()
            raise
        return line
    host, _, port = rest.rstrip("/").rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=patience)


def ask(address: str, method: str, path: str, body: bytes = b"", *, patience: float = _PATIENCE) -> tuple[int, bytes]:
    """Status and body of the answer."""
    with connect(address, patience) as line:
        line.sendall(head(method, path, body) + body)
        # The answer of HTTP 1.0 ends with the connection: no lengths, no chunks.
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    start, _, rest = answer.partition(b"\r\n\r\n")
    return status(start), rest


def head(method: str, path: str, body: bytes, *, version: str = "1.0", more: str = "") -> bytes:
    """The head of a request."""
    words = f"{method} {path} HTTP/{version}\r\nHost: engine\r\nContent-Type: application/json\r\n"
    return f"{words}Content-Length: {len(body)}\r\n{more}\r\n".encode()


def status(start: bytes) -> int:
    """The status in the first line of an answer."""
    words = start.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
