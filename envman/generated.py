"""The project's `.envman` folder: what envman generates there can be made again, and git does not see it."""

from __future__ import annotations

from pathlib import Path

from envman.files import write_staged

FOLDER = ".envman"
SCHEMA = "envman.schema.json"
_SCHEMA_LINE = f"#:schema {FOLDER}/{SCHEMA}"


def make(root: Path) -> Path:
    """The folder, made where it is missing."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    if not (folder / ".gitignore").exists():
        write_staged(folder / ".gitignore", "# made by envman; everything here can be made again\n*\n")
    return folder


def write_schema(root: Path) -> None:
    """Put the schema where the spec's first line says it is."""
    import json

    from envman import backend
    from envman.spec import describe

    write_staged(make(root) / SCHEMA, json.dumps(describe.schema(backend.options()), indent=1) + "\n")


def renew_schema(root: Path, spec_file: Path) -> None:
    """Bring back a schema that the spec names and that `git clean` took away."""
    if (root / FOLDER / SCHEMA).exists():
        return
    with spec_file.open(encoding="utf-8") as stream:
        if stream.readline().strip() == _SCHEMA_LINE:
            write_schema(root)
