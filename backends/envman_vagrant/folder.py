"""The project's folder, where it is copied into the machine: before and after every command. On the hot path."""

# Whether anything changed is told by a digest of names, sizes, times and modes: of the folder here, and of the one
# there. Only when one of them is another one than before is looked at what changed, in `copying`.
from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envman.project import Project

# Folders that every program makes for itself, on the side where it runs.
OWN = (
    "__pycache__",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".vagrant",
    "node_modules",
)
GENERATED = ".envman"
GIT = ".git"

# What is known of each file, by its name: equal where two are, as far as that can be told without reading them. The
# names of folders end with a slash.
Stamps = dict[str, str]
FOLDER = "/"


class Record:
    """What the last copying left."""

    __slots__ = ("here", "left", "there", "token")

    def __init__(self, here: str = "", there: str = "", token: str = "", left: tuple[str, ...] = ()) -> None:
        self.here = here  # a digest of the folder here
        self.there = there
        self.token = token  # stands in the machine's memory too, while nobody else has changed the copy
        self.left = left  # what git ignores, folders above all: neither side looks into them


def is_live(kind: str) -> bool:
    """Whether what changes here is seen there at once."""
    from envman_vagrant import providers

    return kind not in providers.folders() or providers.folders()[kind].live


def place(project: Project, kind: str) -> dict[str, str]:
    """What copying needs to know; nothing where the folder is shared."""
    if project.folder is None or is_live(kind):
        return {"copied": ""}
    from envman_vagrant import places

    named = [name.removesuffix("?") for name in project.spec.env_files]
    return {"copied": str(places.folder(project) / "copied"), "wanted": "\n".join(named)}


def is_carried(place: Mapping[str, str]) -> bool:
    """Whether nothing changed here since it was copied."""
    if not place.get("copied"):
        return True
    record = read(place["copied"])
    return bool(record.here) and record.here == look(place["root"], record.left)[1]


def push(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Bring what changed here into the machine; whether that worked."""
    if is_carried(place):
        return True
    from envman_vagrant import copying

    worked, said = copying.bring(place, environ)
    tell(said)
    return worked


def pull(place: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Bring what was made or changed in the machine back."""
    if not place.get("copied"):
        return
    from envman_vagrant import copying

    if not copying.is_as_before(place, environ):
        tell(copying.bring(place, environ)[1])


def tell(said: Sequence[str]) -> None:
    """Say it to the user, beside what the command says."""
    sys.stderr.write("".join(f"{line}\n" for line in said))


def look(root: str, left: tuple[str, ...]) -> tuple[Stamps, str]:
    """What is known of every file that might be copied, and a digest of that."""
    import hashlib

    found: Stamps = {}
    beyond = set(left)
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as opened:
                entries = list(opened)
        except OSError:
            continue  # it has gone, or is not the user's to read: what was in there stays as it is in the machine
        within_git = f"/{folder}".find(f"/{GIT}/") >= 0
        for entry in entries:
            name = folder + entry.name
            try:
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    if name not in beyond:
                        found[name] = f"{facts.st_size} {facts.st_mtime_ns} {facts.st_mode & 0o7777:o}"
                elif stat.S_ISDIR(facts.st_mode):
                    name += "/"
                    # Objects of git never change, and a new one is followed by something that does.
                    if entry.name in OWN or name in beyond or (within_git and entry.name == "objects"):
                        continue
                    if folder == f"{GENERATED}/":
                        continue
                    found[name] = FOLDER
                    folders.append(name)
                elif stat.S_ISLNK(facts.st_mode) and name not in beyond:
                    found[name] = f"-> {os.readlink(entry.path)}"
            except OSError:
                continue
    text = "\0".join([f"{name}\0{known}" for name, known in found.items()])
    return found, hashlib.sha256(os.fsencode(text)).hexdigest()


def read(file: str) -> Record:
    """The record; an empty one where there is none."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            here, there, token, *left = stream.read().split("\0")
        return Record(here, there, token, tuple(left))
    except (OSError, ValueError):
        return Record()


def write(file: str, record: Record) -> None:
    """Keep it."""
    staged = f"{file}.new"
    with open(staged, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
        stream.write("\0".join((record.here, record.there, record.token, *record.left)))
    os.replace(staged, file)
