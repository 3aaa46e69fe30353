"""Which project a folder is: a random id in the checkout, cross-checked with what the user's data folder knows."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from envman import generated, paths
from envman.files import digest, read_json, remove_tree, write_json, write_staged
from envman.frozen import frozen

_ID_FILE = "id"
_RECORD = "project.json"
_DATA = "data"


@frozen
class Identity:
    """A project's id, and what envman remembers under it."""

    id: str
    moved_from: Path | None = None

    @property
    def folder(self) -> Path:
        """State, logs and data of the project."""
        return Path(paths.project_folder(self.id))

    @property
    def data(self) -> Path:
        """What services have written: the one thing here that cannot be made again."""
        return self.folder / _DATA


def _root_index(root: Path) -> Path:
    return Path(paths.data_folder()) / "roots" / digest([str(root)])[:24]


def _record(identity: str) -> dict[str, object]:
    return read_json(Path(paths.project_folder(identity)) / _RECORD)


def _id_in(root: Path) -> str | None:
    try:
        text = (root / generated.FOLDER / _ID_FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    # Nothing in a checkout is trusted: the id becomes a folder name, so it must look like one of ours.
    return text if len(text) == 16 and all(letter in "0123456789abcdef" for letter in text) else None


def _place(root: Path) -> list[int]:
    facts = root.stat()
    return [facts.st_dev, facts.st_ino]


def _is_still_there(root: Path, identity: str) -> bool:
    # Its note may be gone with `git clean -fdx`: then the folder itself is known again.
    try:
        return _id_in(root) == identity or (_id_in(root) is None and _place(root) == _record(identity).get("place"))
    except OSError:
        return False


def find(root: Path, name: str) -> Identity | None:
    """The project's identity, if it has one that is its own."""
    written = _id_in(root)
    if written is not None:
        known = _record(written).get("root")
        if known == str(root):
            return Identity(id=written)
        if isinstance(known, str):
            if _is_still_there(Path(known), written) and not Path(known).samefile(root):
                return None  # a copy: the other folder is alive and keeps the id
            return Identity(id=written, moved_from=Path(known))
        return None  # an id that this user's data folder never gave
    return _remembered(root, name)


def _remembered(root: Path, name: str) -> Identity | None:
    # After `git clean -fdx` the checkout has forgotten its id. The same folder of the same name gets it back; another
    # project that was put in its place does not inherit anything.
    try:
        identity = _root_index(root).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    record = _record(identity)
    if record.get("root") == str(root) and record.get("place") == _place(root) and record.get("name") == name:
        return Identity(id=identity)
    return None


def lives_at(identity: Identity, root: Path) -> bool:
    """Whether a folder is still this project's, and not one that took its place."""
    return root.is_dir() and _id_in(root) in (identity.id, None)


def claim(root: Path, name: str) -> Identity:
    """The project's identity, made when it has none; moved folders are adopted."""
    identity = find(root, name) or Identity(id=os.urandom(8).hex())
    folder = generated.make(root)
    if _id_in(root) != identity.id:
        write_staged(folder / _ID_FILE, identity.id + "\n")
    record = _record(identity.id)
    current = {"root": str(root), "name": name, "place": _place(root)}
    if any(record.get(key) != value for key, value in current.items()):
        record = {"created": int(time.time()), **record, **current}
        write_json(identity.folder / _RECORD, record)
        write_staged(_root_index(root), identity.id + "\n")
    return identity


def remember(identity: Identity, **facts: object) -> None:
    """Keep something about the project that belongs to no backend."""
    write_json(identity.folder / _RECORD, {**_record(identity.id), **facts})


def recall(identity: Identity | None) -> dict[str, object]:
    """What `remember` has kept."""
    return _record(identity.id) if identity else {}


def known() -> list[tuple[Identity, dict[str, object]]]:
    """Every project of the user, also those whose folder is gone."""
    try:
        folders = sorted((Path(paths.data_folder()) / "projects").iterdir())
    except OSError:
        return []
    return [(Identity(id=folder.name), record) for folder in folders if (record := read_json(folder / _RECORD))]


def forget(identity: Identity, *, data: bool) -> None:
    """Drop what is remembered, so that the folder's next id is a new one; data that stays keeps its record."""
    keeps = not data and identity.data.exists()
    if not keeps:
        root = _record(identity.id).get("root")
        (identity.folder / _RECORD).unlink(missing_ok=True)
        if isinstance(root, str):
            _root_index(Path(root)).unlink(missing_ok=True)
    if data:
        remove_tree(Path(paths.reachable_folder()) / "projects" / identity.id)
    for entry in list(identity.folder.iterdir()) if identity.folder.exists() else ():
        if not keeps or entry.name not in (_DATA, _RECORD):
            remove_tree(entry)
    if not keeps and identity.folder.exists():
        identity.folder.rmdir()


def readable(name: str) -> str:
    """The project's name in the letters that engines and networks take."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].rstrip("-") or "project"
