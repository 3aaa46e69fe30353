"""Ports of this machine, with real listeners in the way."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from envman import identity, ports
from envman.errors import PortTaken, UsageError
from envman.frozen import replace
from envman.problem import Problem
from envman.project import Project, open_project
from tests.support.folders import claimed, opened

Listen = Callable[..., int]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Somebody who listens on a port until the test ends."""
    with ExitStack() as stack:

        def start(port: int = 0, address: str = "127.0.0.1") -> int:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.bind((address, port))
            listener.listen()
            taken: int = listener.getsockname()[1]
            return taken

        yield start


@pytest.fixture
def free() -> int:
    """A port with free ones around it, outside the range that the system gives out by itself."""
    for block in range(20_000 + os.getpid() % 1000 * 10, 32_000, 10):
        if all(ports.is_free(port, "0.0.0.0") for port in range(block, block + 10)):
            return block + 1
    pytest.fail("this machine has no free ports")


def allocate(project: Project, held: frozenset[int] | None = None) -> tuple[dict[str, int], list[Problem]]:
    """What a project gets on a backend that holds these ports for it."""
    return ports.allocate(project, held)


def remembered(project: Project, given: dict[str, int]) -> Project:
    """The project at its next up, the spec unchanged."""
    assert project.identity
    asked = {name: port.port for name, port in project.spec.ports.items()}
    identity.remember(project.identity, ports=given, asked_ports=asked)
    return reopened(project)


def reopened(project: Project, spec: str | None = None) -> Project:
    again = opened(project.root, spec if spec is not None else (project.root / "envman.toml").read_text("utf-8"))
    assert again.identity
    return again


def test_the_asked_port_is_given_where_it_is_free(tmp_path: Path, free: int) -> None:
    assert allocate(opened(tmp_path, f"[ports]\nweb = {free}\n")) == ({"web": free}, [])
    assert allocate(opened(tmp_path)) == ({}, [])


def test_a_busy_port_gives_the_next_free_one_and_says_so(tmp_path: Path, free: int, listen: Listen) -> None:
    listen(free)
    listen(free + 1)
    given, (told,) = allocate(opened(tmp_path, f"[ports]\nweb = {free}\n"))
    assert given == {"web": free + 2}
    assert told.message.startswith(f"port {free} is taken by process {os.getpid()} (")
    assert told.message.endswith(f"; web uses {free + 2}")
    assert told.key == "ports.web"


def test_a_strict_port_that_is_busy_names_its_holder_and_ends_with_five(
    tmp_path: Path, free: int, listen: Listen
) -> None:
    listen(free)
    with pytest.raises(PortTaken) as caught:
        allocate(opened(tmp_path, f"[ports]\nweb = {{port = {free}, strict = true}}\n"))
    (problem,) = caught.value.problems
    assert caught.value.exit_code == 5
    assert problem.message.startswith(f"port {free} is taken by process {os.getpid()} (")
    assert problem.key == "ports.web"


def test_names_that_ask_for_one_port_get_different_ones(tmp_path: Path, free: int) -> None:
    given, told = allocate(opened(tmp_path, f"[ports]\na = {free}\nb = {free}\nc = {free}\n"))
    assert given == {"a": free, "b": free + 1, "c": free + 2}
    assert [problem.message for problem in told] == [
        f"port {free} is taken by another port of this project; b uses {free + 1}",
        f"port {free} is taken by another port of this project; c uses {free + 2}",
    ]


def test_a_strict_port_is_kept_free_for_whoever_asks_strictly(tmp_path: Path, free: int) -> None:
    spec = f"[ports]\na = {free}\nb = {free - 1}\nc = {{port = {free}, strict = true}}\n"
    given, _ = allocate(opened(tmp_path, spec))
    assert given["c"] == free
    assert free not in (given["a"], given["b"])


def test_a_given_port_stays_though_the_asked_one_is_free_again(tmp_path: Path, free: int) -> None:
    project = remembered(claimed(tmp_path, f"[ports]\nweb = {free}\n"), {"web": free + 3})
    assert allocate(project) == ({"web": free + 3}, [])


def test_a_given_port_stays_while_the_project_itself_listens_there(tmp_path: Path, free: int, listen: Listen) -> None:
    project = remembered(claimed(tmp_path, f"[ports]\nweb = {free}\n"), {"web": free})
    listen(free)
    assert allocate(project) == ({"web": free}, [])


def test_a_given_port_stays_while_the_backend_holds_it_and_else_gives_way(
    tmp_path: Path, free: int, listen: Listen
) -> None:
    project = remembered(claimed(tmp_path, f"[ports]\nweb = {free}\n"), {"web": free})
    nothing: frozenset[int] = frozenset()
    assert allocate(project, nothing) == ({"web": free}, [])
    listen(free)
    assert allocate(project, frozenset({free})) == ({"web": free}, [])
    given, (told,) = allocate(project, nothing)
    assert given == {"web": free + 1}
    assert told.message.endswith(f"; web uses {free + 1}")


def test_another_wish_in_the_spec_is_followed(tmp_path: Path, free: int) -> None:
    project = remembered(claimed(tmp_path, f"[ports]\nweb = {free}\n"), {"web": free + 3})
    assert allocate(reopened(project, f"[ports]\nweb = {free + 1}\n")) == ({"web": free + 1}, [])
    strict = reopened(project, f"[ports]\nweb = {{port = {free}, strict = true}}\n")
    assert allocate(strict) == ({"web": free}, [])


def test_what_one_project_was_given_no_other_gets_though_nobody_listens(tmp_path: Path, free: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    spec = f"[ports]\nweb = {free}\n"
    first = remembered(claimed(tmp_path / "a", spec), {"web": free})
    given, (told,) = allocate(claimed(tmp_path / "b", spec))
    assert given == {"web": free + 1}
    assert told.message == f"port {free} is taken by the project in {first.root}; web uses {free + 1}"
    with pytest.raises(PortTaken, match=f"taken by the project in {first.root}"):
        allocate(claimed(tmp_path / "b", f"[ports]\nweb = {{port = {free}, strict = true}}\n"))
    shutil.rmtree(first.root)
    assert allocate(claimed(tmp_path / "b", spec)) == ({"web": free}, [])


@pytest.mark.parametrize("record", [{"ports": "x"}, {"ports": {"web": "8000"}}, {"ports": {"web": None}}, {}])
def test_another_projects_damaged_record_holds_no_port(tmp_path: Path, free: int, record: dict[str, object]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = claimed(tmp_path / "a")
    assert first.identity
    identity.remember(first.identity, **record)
    assert allocate(claimed(tmp_path / "b", f"[ports]\nweb = {free}\n")) == ({"web": free}, [])


def test_past_the_last_port_there_is_none(tmp_path: Path) -> None:
    project = opened(tmp_path, "[ports]\na = 65535\nb = 65535\n")
    with pytest.raises(PortTaken, match="no free port in the 200 after 65535"):
        allocate(project)


@pytest.mark.parametrize(
    ("listens", "asks", "is_free"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "0.0.0.0", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("127.0.0.2", "127.0.0.1", True),
        ("127.0.0.1", "localhost", False),
        ("::1", "::1", False),
        ("::1", "127.0.0.1", True),
    ],
)
def test_a_port_is_free_for_the_address_that_is_asked_for(
    listen: Listen, listens: str, asks: str, is_free: bool
) -> None:
    try:
        port = listen(0, listens)
    except OSError:  # a machine without such an address has to say so
        with pytest.raises(UsageError, match=f"{listens} is not an address of this machine"):
            ports.is_free(1, listens)
        return
    assert ports.is_free(port, asks) is is_free


def test_a_port_that_was_just_left_is_free(free: int) -> None:
    with socket.create_server(("127.0.0.1", free)) as server:
        client = socket.create_connection(("127.0.0.1", free))
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    assert ports.is_free(free, "127.0.0.1")


def test_the_address_of_the_spec_is_the_one_that_is_tried(tmp_path: Path, free: int, listen: Listen) -> None:
    listen(free, "127.0.0.2")
    spec = "[ports]\nweb = {{port = {port}, bind = '{bind}'}}\n"
    assert allocate(opened(tmp_path, spec.format(port=free, bind="127.0.0.1")))[0] == {"web": free}
    assert allocate(opened(tmp_path, spec.format(port=free, bind="127.0.0.2")))[0] == {"web": free + 1}


def test_an_identity_of_its_own_does_not_count_as_another_project(tmp_path: Path, free: int) -> None:
    project = remembered(claimed(tmp_path, f"[ports]\nweb = {free}\n"), {"web": free})
    forgotten = replace(project, ports={}, memory={})
    assert allocate(forgotten) == ({"web": free}, [])


def test_the_holder_of_a_port_that_nobody_has_is_another_program(free: int) -> None:
    assert ports.holder(free) == "another program"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVMAN_DATA", str(tmp_path / "data"))


def after_up(root: Path, spec: str, given: dict[str, int]) -> Project:
    project = claimed(root, spec)
    assert project.identity
    asked = {name: port.port for name, port in project.spec.ports.items()}
    identity.remember(project.identity, ports=given, asked_ports=asked)
    return project


def test_a_new_name_does_not_get_the_port_that_a_later_name_was_given(tmp_path: Path, free: int) -> None:
    after_up(tmp_path, f"[ports]\nweb = {free}\n", {"web": free + 1})  # web's own port was busy once
    given, _ = ports.allocate(opened(tmp_path, f"[ports]\napi = {free + 1}\nweb = {free}\n"), None)
    assert given["web"] == free + 1
    assert given["api"] != given["web"]


def test_a_remembered_port_gives_way_to_a_strict_one(tmp_path: Path, free: int) -> None:
    after_up(tmp_path, f"[ports]\nweb = {free}\n", {"web": free + 1})
    spec = f"[ports]\nweb = {free}\napi = {{port = {free + 1}, strict = true}}\n"
    given, _ = ports.allocate(opened(tmp_path, spec), None)
    assert given["api"] == free + 1
    assert given["web"] != given["api"]


@pytest.mark.parametrize("kept", [{"web": "x"}, {"web": None}, {"web": []}])
def test_a_damaged_record_of_ports_is_the_same_as_none(tmp_path: Path, free: int, kept: dict[str, object]) -> None:
    project = claimed(tmp_path, f"[ports]\nweb = {free}\n")
    assert project.identity
    identity.remember(project.identity, ports=kept, asked_ports={"web": free})
    again = open_project(tmp_path, {})
    assert ports.allocate(again, None)[0] == {"web": free}


@pytest.mark.parametrize("bind", ["192.0.2.1", "no such address"])
def test_an_address_that_is_not_this_machines_is_not_a_taken_port(tmp_path: Path, free: int, bind: str) -> None:
    project = opened(tmp_path, f'[ports]\nweb = {{port = {free}, strict = true, bind = "{bind}"}}\n')
    with pytest.raises(UsageError) as caught:
        ports.allocate(project, None)
    assert "taken" not in str(caught.value)
    assert bind in str(caught.value)
