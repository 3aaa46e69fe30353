"""What envman remembers having done for a project on one backend, outside the environment itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envman.files import read_json, write_json
from envman.frozen import field, frozen, replace

_FORMAT = 1


@frozen
class Record:
    """The hooks that succeeded, each with the fingerprint of what it depended on."""

    hooks: Mapping[str, str] = field(default_factory=dict)

    def with_hook(self, name: str, fingerprint: str) -> Record:
        """The record after a hook succeeded."""
        return replace(self, hooks={**self.hooks, name: fingerprint})


def _file(folder: Path, backend: str) -> Path:
    return folder / f"{backend}.json"


def read(folder: Path | None, backend: str) -> Record:
    """The record; corrupt or of another format is the same as none."""
    if folder is None:
        return Record()
    content = read_json(_file(folder, backend))
    hooks = content.get("hooks")
    if content.get("format") != _FORMAT or not isinstance(hooks, dict):
        return Record()
    return Record(hooks={str(name): str(fingerprint) for name, fingerprint in hooks.items()})


def write(folder: Path, backend: str, record: Record) -> None:
    """Keep the record, whole or not at all."""
    write_json(_file(folder, backend), {"format": _FORMAT, "hooks": dict(record.hooks)})


def forget(folder: Path, backend: str) -> None:
    """Drop the record."""
    _file(folder, backend).unlink(missing_ok=True)
