"""What a Redis or Valkey holds: the number of its keys, and one digest of all that is under them."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from envman.errors import StepFailed

KEYS = "keys|"  # begins the line with their number
_AT_ONCE = 500
_PATIENCE = 60.0  # seconds for one answer: a key may hold a lot
# How the whole of a value is read, by its kind.
_READ: Mapping[bytes, tuple[bytes, ...]] = {
    b"string": (b"GET", b""),
    b"list": (b"LRANGE", b"", b"0", b"-1"),
    b"set": (b"SMEMBERS", b""),
    b"zset": (b"ZRANGE", b"", b"0", b"-1", b"WITHSCORES"),
    b"hash": (b"HGETALL", b""),
    b"stream": (b"XRANGE", b"", b"-", b"+"),
}


def of(address: tuple[str, int], password: str) -> dict[str, list[str]]:
    """For each database that holds something."""
    with socket.create_connection(address, timeout=_PATIENCE) as line, line.makefile("rb") as answers:
        talk = _Talk(line, answers)
        if password:
            talk.ask([(b"AUTH", password.encode())])
        (told,) = talk.ask([(b"INFO", b"keyspace")])
        names = [word.split(b":")[0] for word in told.splitlines() if word.startswith(b"db")]
        return {name.decode(): _database(talk, name) for name in names}


def count(lines: Sequence[str]) -> int:
    """The number of keys that such lines tell."""
    return sum(int(line.removeprefix(KEYS)) for line in lines if line.startswith(KEYS))


def _database(talk: _Talk, name: bytes) -> list[str]:
    talk.ask([(b"SELECT", name.removeprefix(b"db"))])
    seen: dict[bytes, bytes] = {}
    for found in _all_keys(talk):
        kinds = talk.ask([(b"TYPE", key) for key in found])
        values = talk.ask([_reading(kind, key) for kind, key in zip(kinds, found, strict=True)])
        for key, kind, value in zip(found, kinds, values, strict=True):
            seen[key] = hashlib.sha256(repr((key, kind, _settled(kind, value))).encode()).digest()
    whole = hashlib.sha256(b"".join(seen[key] for key in sorted(seen))).hexdigest()
    return [f"{KEYS}{len(seen)}", f"digest|{whole}"]


def _all_keys(talk: _Talk) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        ((cursor, found),) = talk.ask([(b"SCAN", cursor, b"COUNT", str(_AT_ONCE).encode())])
        if found:
            yield found
        if cursor == b"0":
            return


def _reading(kind: bytes, key: bytes) -> tuple[bytes, ...]:
    # What a module has made is known by its name alone.
    return tuple(word or key for word in _READ.get(kind, (b"EXISTS", b"")))


def _settled(kind: bytes, value: Any) -> Any:
    # Members of a set and fields of a hash have no order.
    if kind == b"set":
        return sorted(value)
    if kind == b"hash":
        return sorted(zip(value[::2], value[1::2], strict=True))
    return value


class _Talk:
    """One connection, and the protocol that it speaks."""

    def __init__(self, line: socket.socket, answers: IO[bytes]) -> None:
        self._line = line
        self._answers = answers

    def ask(self, commands: Sequence[Sequence[bytes]]) -> list[Any]:
        """The answer to each."""
        said = bytearray()
        for words in commands:
            said += b"*%d\r\n" % len(words)
            for word in words:
                said += b"$%d\r\n%s\r\n" % (len(word), word)
        self._line.sendall(said)
        return [self._answer() for _ in commands]

    def _answer(self) -> Any:
        head = self._answers.readline()
        kind, rest = head[:1], head[1:-2]
        if kind == b"-" or not head:
            raise StepFailed(
                f"the server does not answer: {rest.decode('utf-8', 'replace') or 'it closed the connection'}"
            )
        if kind == b"$":
            return self._answers.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return rest
