"""[docker]: what only containers can honour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from envman.frozen import frozen
from envman.spec.model import Spec
from envman.spec.shape import Either, Fault, ListOf, Path, Refused, Report, Scalar, Table, key
from envman.spec.values import flag, words


def _size(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)? ?([kKmMgG][bB]?|[bB])?", value):
        raise Refused(f'"{value}" is not a size', 'write, for example, "2 GB"')
    return value.replace(" ", "").lower()


def _cpus(value: object) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?", str(value)) or float(str(value)) == 0:
        raise Refused(f'"{value}" is not a number of processors', 'write, for example, "1.5"')
    return str(value)


_MODES = frozenset(("ro", "rw", "z", "Z", "cached", "delegated", "consistent"))


def _mount(value: str) -> str:
    source, _, rest = value.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or (mode and not _MODES.issuperset(mode.split(","))):
        raise Refused(f'"{value}" is not a mount', 'write, for example, "~/.aws:/home/dev/.aws:ro"')
    if not source.startswith(("/", "~", ".")) and not re.fullmatch(r"[A-Za-z0-9][\w.-]*", source, re.ASCII):
        raise Refused(f'"{source}" is neither a folder nor the name of a volume', f'a folder: "./{source}"')
    return value


class _AnyTable:
    says = "a table, as in a compose file"

    def parse(self, value: object, path: Path, report: Report) -> Mapping[str, Any] | None:
        if not isinstance(value, dict):
            report(Fault(path, f"should be {self.says}"))
            return None
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


@frozen
class Options:
    """[docker]: what only containers can honour."""

    base: str | None = key(
        words,
        None,
        doc="The image to begin with: Debian or Ubuntu, with the Python asked for. Default: python:X.Y-slim-bookworm.",
        example='"python:3.12-slim-bookworm"',
    )
    dockerfile: str | None = key(
        words, None, doc="A Dockerfile of the project's own, whose image is the base.", example='"docker/Dockerfile"'
    )
    join: tuple[str, ...] = key(
        ListOf(words),
        (),
        doc="Networks shared with other projects; made when missing, removed when the last one leaves.",
        example='["shared-net"]',
    )
    mounts: tuple[str, ...] = key(
        ListOf(Scalar(str, "a mount", _mount)),
        (),
        doc="More mounts, as compose writes them; folders are seen from the project.",
        example='["~/.aws:/home/dev/.aws:ro"]',
    )
    cpus: str | None = key(
        Either(
            (str, Scalar(str, "a string", _cpus), lambda text: text),
            (int, Scalar(int, "a number", _cpus), lambda text: text),
            (float, Scalar(float, "a number", _cpus), lambda text: text),
            says="a number of processors",
        ),
        None,
        doc="Processors that each container of the project's own may use.",
        example="2",
    )
    memory: str | None = key(
        Scalar(str, "a string", _size), None, doc="Memory that each of them may use.", example='"2 GB"'
    )
    gpus: bool = key(flag, False, doc="Give it the graphics processors.", example="true")
    drop: tuple[str, ...] = key(
        ListOf(words), (), doc="Capabilities of the kernel that it loses.", example='["NET_RAW"]'
    )
    ssh_agent: bool = key(flag, False, doc="Forward the agent of ssh.", example="true")
    git_identity: bool = key(flag, False, doc="Let git inside know your name and address.", example="true")
    compose: Mapping[str, Any] = key(
        _AnyTable(),
        doc="Merged last into the compose file, for what nobody foresaw.",
        example='{services = {db = {shm_size = "1gb"}}}',
        factory=dict,
    )


SHAPE: Table[Options] = Table(Options)
_DEFAULT = Options()


def of(spec: Spec) -> Options:
    """The project's own table."""
    found = spec.options.get("docker")
    return found if isinstance(found, Options) else _DEFAULT
