"""Whether a server answers, asked of a listener that says what the test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from envman.services import probe
from envman.spec.recipe import PROBES

FACTS = {"user": "app", "name": "shop"}


class Listener:
    """Accepts one connection after the other, and gives each the same answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(0.2)
                try:
                    self.heard.append(line.recv(1024))
                except OSError:
                    self.heard.append(b"")
                try:
                    line.sendall(self.answer)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], Listener]]:
    """Listeners with an answer."""
    made: list[Listener] = []

    def make(answer: bytes) -> Listener:
        made.append(Listener(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[[bytes], Listener]


def _nobody() -> tuple[str, int]:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        found: tuple[str, int] = line.getsockname()
        return found


@pytest.mark.parametrize("kind", PROBES)
def test_where_nobody_listens_nothing_is_ready(kind: str) -> None:
    assert probe.ask(kind, _nobody(), FACTS) == "nothing listens there yet"


@pytest.mark.parametrize("kind", [kind for kind in PROBES if kind != "tcp"])
def test_a_connection_that_is_closed_without_a_word_is_not_ready(answering: Make, kind: str) -> None:
    assert probe.ask(kind, answering(b"").address, FACTS) is not None


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("tcp", b""),
        ("postgres", b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
        ("redis", b"+PONG\r\n"),
        ("memcached", b"VERSION 1.6.1\r\n"),
        ("nats", b'INFO {"server_id":"x"}\r\n'),
        ("smtp", b"220 here ESMTP\r\n"),
        ("http", b"HTTP/1.1 404 Not Found\r\n\r\n"),
    ],
)
def test_the_answer_of_a_server_that_is_ready_is_understood(answering: Make, kind: str, answer: bytes) -> None:
    assert probe.ask(kind, answering(answer).address, FACTS) is None


def test_a_server_that_wants_a_password_cannot_be_told_from_one_that_still_reads(answering: Make) -> None:
    said = probe.ask("redis", answering(b"-NOAUTH Authentication required.\r\n").address, FACTS)
    assert said == "-NOAUTH Authentication required."


def test_a_database_that_is_starting_says_so(answering: Make) -> None:
    answer = b"E\0\0\0\x50SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    assert probe.ask("postgres", answering(answer).address, FACTS) == "the database system is starting up"


def test_a_database_is_asked_for_the_projects_own_role_and_database(answering: Make) -> None:
    listener = answering(b"R")
    probe.ask("postgres", listener.address, FACTS)
    (heard,) = listener.heard
    assert int.from_bytes(heard[:4], "big") == len(heard)
    assert heard.endswith(b"user\0app\0database\0shop\0\0")


def test_a_cache_that_loads_its_data_says_so(answering: Make) -> None:
    said = b"-LOADING Redis is loading the dataset in memory\r\n"
    assert probe.ask("redis", answering(said).address, FACTS) == said.decode().strip()


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1", False),
        (b"nonsense\r\n", False),
        (b"", False),
        (b"\xff\xfe\0\0", False),
    ],
)
def test_http_is_ready_with_a_status_of_success(answering: Make, answer: bytes, ready: bool) -> None:
    assert (probe.http(answering(answer).address, "/health") is None) is ready


def test_http_says_what_was_answered(answering: Make) -> None:
    why = probe.http(answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").address, "/health")
    assert why is not None
    assert "/health" in why
    assert "503 Service Unavailable" in why


def test_http_asks_for_the_path_at_the_right_host(answering: Make) -> None:
    listener = answering(b"HTTP/1.0 200 OK\r\n\r\n")
    assert probe.http(listener.address, "/a?b=c") is None
    assert listener.heard[0].startswith(b"GET /a?b=c HTTP/1.0\r\n")
    assert f"Host: 127.0.0.1:{listener.address[1]}\r\n".encode() in listener.heard[0]


def test_one_that_listens_and_says_nothing_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert probe.ask("redis", mute.getsockname(), FACTS) == "timed out"
        assert probe.http(mute.getsockname(), "/") == "timed out"
