"""The project's folder, where it is copied into the machine: before and after every command. On the hot path."""

# What git ignores belongs to the side that made it: it is neither copied nor removed. Nothing of the user's is lost:
# what changed here after it was copied is never written over.
from __future__ import annotations

import os
import stat
import sys

from envman_vagrant import naming, ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envman.process import Completed
    from envman.project import Project

# Folders that every program makes for itself.
_OWN = (
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
_GENERATED = ".envman"
_NOT_CARRIED = (
    *(f"{name}/" for name in _OWN),
    f"/{_GENERATED}/venv*/",
    f"/{_GENERATED}/vagrant/",
    f"/{_GENERATED}/docker/",
)
_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\*?["})

Stamps = dict[str, tuple[int, int]]


def is_live(kind: str) -> bool:
    """Whether what changes here is seen there at once."""
    from envman_vagrant import providers

    return kind not in providers.folders() or providers.folders()[kind].live


def place(project: Project, kind: str) -> dict[str, str]:
    """What copying needs to know; nothing where the folder is shared."""
    if is_live(kind):
        return {"copied": ""}
    from envman_vagrant import places

    named = [name.removesuffix("?") for name in project.spec.env_files]
    return {"copied": str(places.folder(project) / "copied"), "wanted": "\n".join(named)}


def push(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Bring what changed here into the machine; whether that worked."""
    if not place.get("copied"):
        return True
    now = _stamps(place["root"])
    if _read(place["copied"]) == now:
        return True
    done = _rsync(place, environ, ["--delete", "--delete-delay"], f"{place['root']}/", f"{ssh.HOST}:{naming.ROOT}/")
    if done.code not in (0, _VANISHED):
        sys.stderr.write(f"the folder could not be copied into the machine: {done.last_lines(2)}\n")
        return False
    _write(place["copied"], now)
    return True


_VANISHED = 24  # files that went while rsync was at work: the next time


def pull(place: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Bring what was made or changed in the machine back."""
    if not place.get("copied"):
        return
    there, here = f"{ssh.HOST}:{naming.ROOT}/", f"{place['root']}/"
    listed = _rsync(
        place, environ, ["--dry-run", "--omit-dir-times", "--exclude=/.git/", "--out-format=%n"], there, here
    )
    names = [_plain(line) for line in listed.output.splitlines() if line and not line.startswith("skipping ")]
    before, now = _read(place["copied"]), _stamps(place["root"])
    changed = [name for name in names if not name.endswith("/") and name != "./"]
    kept = [name for name in changed if now.get(name) != before.get(name)]
    for name in kept:
        if name in now:
            sys.stderr.write(f"{name} changed here and in the machine: yours is kept, and goes there the next time\n")
    wanted = [name for name in changed if name not in kept]
    if listed.code in (0, _VANISHED) and wanted:
        told = "".join(f"{name}\0" for name in wanted)
        done = _rsync(place, environ, ["--files-from=-", "--from0"], there, here, said=told)
        if done.code not in (0, _VANISHED):
            sys.stderr.write(f"what was made in the machine could not be brought back: {done.last_lines(2)}\n")
            return
        _write(place["copied"], {**_stamps(place["root"]), **{name: before.get(name, (0, 0)) for name in kept}})


def _plain(name: str) -> str:
    """A name as rsync writes it, without its way to write what is no letter."""
    parts = name.split("\\#")
    out = parts[0].encode("utf-8", "surrogateescape")
    for part in parts[1:]:
        number = part[:3]
        rest = part[3:].encode("utf-8", "surrogateescape")
        out += bytes([int(number, 8)]) + rest if number.isdigit() else b"\\#" + part.encode("utf-8", "surrogateescape")
    return out.decode("utf-8", "surrogateescape")


def _rsync(
    place: Mapping[str, str],
    environ: Mapping[str, str],
    words: Sequence[str],
    source: str,
    target: str,
    *,
    said: str = "",
) -> Completed:
    from envman import process

    rules = "".join(f"{line}\n" for line in _rules(place, environ))
    file = f"{place['copied']}.rules"
    with open(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(rules)
    shell = f"ssh -F '{place['config']}'"
    own = ["rsync", "--archive", "--no-owner", "--no-group", "-z", "-e", shell, f"--filter=merge {file}"]
    env = {**ssh.variables(environ), "LC_ALL": "C"}
    return process.capture([*own, *words, source, target], env=env, cwd="/", said=said)


def _rules(place: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[str]:
    """What is copied and what is not, the first that fits counts."""
    for name in filter(None, place.get("wanted", "").split("\n")):
        yield f"+ /{name.translate(_SPECIAL)}"
    yield from (f"- {name}" for name in _NOT_CARRIED)
    yield f"+ /{_GENERATED}/"
    yield f"+ /{_GENERATED}/**"
    yield from (f"- /{name.translate(_SPECIAL)}" for name in _ignored(place["root"], environ))


def _ignored(root: str, environ: Mapping[str, str]) -> list[str]:
    from envman import process

    words = ["git", "-C", root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    env = {name: environ[name] for name in ("PATH", "HOME") if name in environ}
    try:
        done = process.capture(words, env={**env, "GIT_OPTIONAL_LOCKS": "0"}, limit=60)
    except OSError:  # git is not here
        return []
    return [name for name in done.output.split("\0") if name] if done.code == 0 else []


def _stamps(root: str) -> Stamps:
    """Size and time of every file that might be copied."""
    found: Stamps = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(os.path.join(root, folder)))
        except OSError:
            continue
        for entry in entries:
            name = f"{folder}{entry.name}"
            try:
                facts = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                if entry.name not in _OWN and name != f"{_GENERATED}/venv":
                    folders.append(f"{name}/")
            else:
                found[name] = (facts.st_size, facts.st_mtime_ns // 1_000_000_000)
    return found


def _read(file: str) -> Stamps:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            rows = [line.split("\t") for line in stream.read().split("\0") if line]
        return {name: (int(size), int(time)) for name, size, time in rows}
    except (OSError, ValueError):
        return {}


def _write(file: str, stamps: Stamps) -> None:
    staged = f"{file}.new"
    with open(staged, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write("\0".join(f"{name}\t{size}\t{time}" for name, (size, time) in stamps.items()))
    os.replace(staged, file)
