"""Ports of this machine: the one asked for, else the next free one, remembered for the project."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from envman import identity
from envman.console import shortened
from envman.errors import PortTaken, UsageError
from envman.identity import Identity
from envman.problem import Problem
from envman.project import Project
from envman.services import facts
from envman.spec.model import Port

_TRIES = 200


def is_free(port: int, address: str) -> bool:
    """Whether a program could listen there now."""
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE or (os.name == "nt" and error.errno == errno.EACCES):
            return False
        raise _cannot_bind(port, address, error) from error
    return True


def _cannot_bind(port: int, address: str, error: OSError) -> UsageError:
    if error.errno == errno.EACCES:
        message, hint = f"port {port} is for the system's own programs", "ask for one from 1024 on"
    else:
        message, hint = f"{address} is not an address of this machine: {error.strerror}", "bind to 127.0.0.1 or 0.0.0.0"
    return UsageError(Problem(message=message, hint=hint, key="ports"))


def _held_by_projects(but: Identity | None) -> dict[int, str]:
    held: dict[int, str] = {}
    for other, record in identity.known():
        ports = record.get("ports")
        root = str(record.get("root"))
        if isinstance(ports, dict) and (but is None or other.id != but.id) and Path(root).is_dir():
            held.update({port: f"the project in {root}" for port in ports.values() if isinstance(port, int)})
    return held


def holder(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    inodes = set(_listening_inodes(port))
    if inodes:
        for process in Path("/proc").glob("[0-9]*"):
            if inodes & set(_socket_inodes(process)):
                return f"process {process.name} ({_command(process)})"
    return "another program"


def _listening_inodes(port: int) -> Iterable[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _socket_inodes(process: Path) -> Iterable[str]:
    try:
        for link in (process / "fd").iterdir():
            yield os.readlink(link)
    except OSError:
        return


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "?"
    said = " ".join(word.decode("utf-8", "replace") for word in words)
    return shortened("".join(letter for letter in said if letter.isprintable() or letter.isspace()), 60)


def allocate(
    project: Project,
    held: frozenset[int] | None,
    serving: frozenset[int] = frozenset(),
    given_away: Callable[[], Mapping[int, str]] = dict,
) -> tuple[dict[str, int], list[Problem]]:
    """A port for every name of the spec, and what to tell about those that are not the asked ones.

    `held` are the ports that the backend itself holds for the project now; None where the project's programs do.
    `serving` are those of its services that run; `given_away` are those that an engine has given to somebody, where a
    program might listen all the same.
    """
    others = _held_by_projects(project.identity)
    wanted = _wanted(project)
    strict = {port.port for port in wanted.values() if port.strict}
    given_away = cache(given_away)
    given = _remembered(project, strict, held, serving, given_away)
    if len(given) < len(wanted):
        others = {**given_away(), **others}
    told: list[Problem] = []
    for name, asked in wanted.items():
        if name in given:
            continue
        taken = set(given.values()) | ((strict - {asked.port}) if asked.strict else strict)
        if _usable(asked.port, asked.bind, others, taken):
            given[name] = asked.port
            continue
        by = others.get(asked.port) or ("another port of this project" if asked.port in taken else holder(asked.port))
        if asked.strict:
            hint = f"end it, or ask for another port in ports.{name}"
            raise PortTaken(Problem(message=f"port {asked.port} is taken by {by}", hint=hint, key=f"ports.{name}"))
        given[name] = _next_free(asked.port, asked.bind, others, taken)
        if name in project.spec.ports:  # where a service listens, its row says
            message = f"port {asked.port} is taken by {by}; {name} uses {given[name]}"
            told.append(Problem(message=message, key=f"ports.{name}"))
    return {name: given[name] for name in wanted}, told


def _wanted(project: Project) -> dict[str, Port]:
    """The ports of the project's own programs, and of its services, which take the next free one in silence."""
    found = dict(project.spec.ports)
    for name in project.spec.services:
        number = facts.wanted_port(project.spec, name)
        if number is not None:
            found[facts.port_name(name)] = Port(port=number)
    return found


def asked(project: Project) -> dict[str, int]:
    """What the spec asks for, by the names under which ports are remembered."""
    return {name: port.port for name, port in _wanted(project).items()}


def _remembered(
    project: Project,
    strict: set[int],
    held: frozenset[int] | None,
    serving: frozenset[int],
    given_away: Callable[[], Mapping[int, str]],
) -> dict[str, int]:
    """The ports of before that still stand: the spec asks for the same, and nothing else has a better right."""
    before_asked = project.memory.get("asked_ports")
    kept: dict[str, int] = {}
    for name, asked in _wanted(project).items():
        before = project.ports.get(name)
        if before is None or not isinstance(before_asked, Mapping) or before_asked.get(name) != asked.port:
            continue
        if before != asked.port and (asked.strict or before in strict):
            continue
        # Where the project's own programs listen, a busy port is most likely one of them.
        ours = before in serving or (name in project.spec.ports if held is None else before in held)
        if before not in kept.values() and (ours or (is_free(before, asked.bind) and before not in given_away())):
            kept[name] = before
    return kept


def _usable(port: int, address: str, others: Mapping[int, str], taken: set[int]) -> bool:
    return port not in others and port not in taken and is_free(port, address)


def _next_free(start: int, address: str, others: Mapping[int, str], taken: set[int]) -> int:
    for port in range(start + 1, min(start + 1 + _TRIES, 65536)):
        if _usable(port, address, others, taken):
            return port
    raise PortTaken(
        Problem(message=f"no free port in the {_TRIES} after {start}", hint="ask for another one in [ports]")
    )
