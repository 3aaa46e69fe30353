"""Questions to an engine that answers what a test wants: the real one does not fail on demand."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from envman.errors import EngineMissing, StepFailed
from envman_docker.asking import Asking

Answering = Callable[[str, bytes], tuple[Asking, list[str]]]


@contextmanager
def _engine(place: Path, answer: bytes) -> Iterator[list[str]]:
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(place))
        door.listen()

        def serve() -> None:
            while True:
                try:
                    line, _ = door.accept()
                except OSError:
                    return
                with line:
                    heard.append(line.recv(65536).decode().split("\r\n", 1)[0].removesuffix(" HTTP/1.0"))
                    line.sendall(answer)

        waiting = threading.Thread(target=serve)
        waiting.start()
        try:
            yield heard
        finally:
            door.shutdown(socket.SHUT_RDWR)
            waiting.join()


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """Makes an engine that says the same to everybody, and tells what it was asked."""
    with ExitStack() as stack:

        def make(status: str, body: bytes) -> tuple[Asking, list[str]]:
            place = tmp_path / "engine.sock"
            head = f"HTTP/1.0 {status}\r\n\r\n".encode() if status else b""
            heard = stack.enter_context(_engine(place, head + body))
            return Asking({"DOCKER_HOST": f"unix://{place}"}), heard

        yield make


def test_filters_are_lists_whatever_was_given(answering: Answering) -> None:
    asking, heard = answering("200 OK", b"[]")
    assert asking.containers(label=("a=b", "c=d"), status="paused") == []
    told = parse_qs(urlsplit(heard[0].removeprefix("GET ")).query)
    assert (told["all"], told["size"]) == (["1"], ["0"])
    assert json.loads(told["filters"][0]) == {"label": ["a=b", "c=d"], "status": ["paused"]}


def test_what_it_refuses_is_said_in_its_own_words(answering: Answering) -> None:
    asking, _ = answering("409 Conflict", b'{"message": "volume is in use"}')
    with pytest.raises(StepFailed, match="the engine says: volume is in use"):
        asking.remove_volume("v")


def test_what_it_refuses_without_a_word_is_its_number(answering: Answering) -> None:
    asking, _ = answering("500 Internal Server Error", b"")
    with pytest.raises(StepFailed, match="the engine says: 500"):
        asking.unpause("box")


def test_an_image_that_is_not_here_is_no_failure(answering: Answering) -> None:
    asking, heard = answering("404 Not Found", b'{"message": "No such image"}')
    assert asking.image("example.test:5000/it:v1") is None
    assert heard == ["GET /images/example.test%3A5000/it%3Av1/json"]
    with pytest.raises(StepFailed, match="No such image"):
        asking.remove_image("it:v1")


def test_one_that_has_stopped_already_is_stopped(answering: Answering) -> None:
    asking, heard = answering("304 Not Modified", b"")
    asking.stop("box", 3)
    assert heard == ["POST /containers/box/stop?t=3"]


@pytest.mark.parametrize(("status", "body"), [("", b""), ("200 OK", b'[{"Id": "12'), ("", b"no words of ours")])
def test_an_answer_that_breaks_off_is_an_engine_that_went_away(answering: Answering, status: str, body: bytes) -> None:
    asking, _ = answering(status, body)
    with pytest.raises(EngineMissing, match="no engine answers at unix://"):
        asking.networks(label="a=b")


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="no engine answers"):
        Asking({"DOCKER_HOST": f"unix://{tmp_path}/nowhere"}).containers()
