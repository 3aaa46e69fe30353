"""Whether a server answers in its own protocol: the few bytes that tell `it listens` from `it is ready`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

_PATIENCE = 2.0  # seconds for one answer


def _talk(address: tuple[str, int], said: bytes, *, first: int = 64) -> bytes:
    with socket.create_connection(address, timeout=_PATIENCE) as line:
        if said:
            line.sendall(said)
        return line.recv(first)


def _tcp(address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
    socket.create_connection(address, timeout=_PATIENCE).close()
    return None


def _postgres(address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
    # The start of a session: a server that is ready asks for the password.
    words = f"user\0{facts['user']}\0database\0{facts['name']}\0\0".encode()
    said = (196608).to_bytes(4, "big") + words
    answer = _talk(address, (len(said) + 4).to_bytes(4, "big") + said, first=512)
    if answer[:1] == b"R":
        return None
    texts = [part[1:].decode("utf-8", "replace") for part in answer[5:].split(b"\0") if part[:1] == b"M"]
    return texts[0] if texts else "it closed the connection"


def _redis(address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
    # While it still reads its files it takes a password, and nothing else; without one, nobody could tell.
    with socket.create_connection(address, timeout=_PATIENCE) as line:
        if facts.get("password"):
            line.sendall(f"AUTH {facts['password']}\r\n".encode())
            line.recv(64)
        line.sendall(b"PING\r\n")
        answer = line.recv(64)
    said = answer.decode("utf-8", "replace").strip()
    return None if answer.startswith(b"+PONG") else said or "it closed the connection"


def _mysql(address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
    # A server that is ready begins with version 10 of its protocol, one that is not with an error.
    answer = _talk(address, b"", first=256)
    return None if answer[4:5] == b"\n" else answer[7:].decode("utf-8", "replace") or "it closed the connection"


def _greeting(sign: bytes, said: bytes = b"") -> Callable[[tuple[str, int], Mapping[str, str]], str | None]:
    def probe(address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
        answer = _talk(address, said)
        return None if sign in answer else repr(answer)

    return probe


def http(address: tuple[str, int], path: str) -> str | None:
    """Why a request does not succeed; None when it does."""
    return _answer(lambda: _get(address, path))


def _get(address: tuple[str, int], path: str) -> str | None:
    request = f"GET {path} HTTP/1.0\r\nHost: {address[0]}:{address[1]}\r\n\r\n"
    line = _talk(address, request.encode(), first=256).split(b"\r\n")[0].decode("latin-1")
    status = line.split(" ")[1:2]
    return None if status and status[0][:1] in ("2", "3") else f"{path} answers {line or 'nothing'}"


def _http(address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
    answer = _talk(address, f"GET / HTTP/1.0\r\nHost: {address[0]}:{address[1]}\r\n\r\n".encode())
    return None if answer.startswith(b"HTTP/") else repr(answer)


_PROBES: dict[str, Callable[[tuple[str, int], Mapping[str, str]], str | None]] = {
    "tcp": _tcp,
    "http": _http,
    "postgres": _postgres,
    "redis": _redis,
    "mysql": _mysql,
    "amqp": _greeting(b"\x01", b"AMQP\0\0\x09\x01"),
    "memcached": _greeting(b"VERSION", b"version\r\n"),
    "nats": _greeting(b"INFO"),
    "smtp": _greeting(b"220"),
    # A session without a name and a password: whatever the answer, it is one.
    "mqtt": _greeting(b"\x20", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
}


def ask(kind: str, address: tuple[str, int], facts: Mapping[str, str]) -> str | None:
    """Why a server is not ready; None when it is."""
    return _answer(lambda: _PROBES[kind](address, facts))


def _answer(probe: Callable[[], str | None]) -> str | None:
    try:
        return probe()
    except ConnectionRefusedError:
        return "nothing listens there yet"
    except OSError as error:
        return str(error)
