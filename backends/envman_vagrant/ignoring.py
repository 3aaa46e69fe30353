"""What of a project's folder git ignores: that belongs to the side that made it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from envman import process
from envman.files import content
from envman_vagrant.folder import GENERATED, GIT

_MOST_LEFT = 64  # what neither side looks into: each name is compared with each file


def is_git(name: str) -> bool:
    """Whether a name is that of a repository, or of something in it."""
    return GIT in name.rstrip("/").split("/")


def is_repository(root: str, place: str) -> bool:
    """Whether one begins in that folder."""
    return os.path.lexists(os.path.join(root, place, GIT))


def repositories(names: Iterable[str]) -> list[str]:
    """The folders that a repository of their own begins in."""
    found = (name.rstrip("/") for name in names)
    return sorted({name[: -len(GIT)] for name in found if name == GIT or name.endswith(f"/{GIT}")})


def ignored(
    place: Mapping[str, str], environ: Mapping[str, str], names: Iterable[str], inner: Iterable[str]
) -> set[str]:
    """Which of these git ignores; everything below a folder that it ignores is among them."""
    asked = [name for name in names if not is_git(name) and name.partition("/")[0] != GENERATED]
    if not asked:
        return set()
    wanted = set(place.get("wanted", "").split("\n"))
    inner = sorted(one for one in inner if one)
    found: set[str] = set()
    for base in ["", *inner]:
        mine = [name for name in asked if _innermost(name, inner) == base] if inner else asked
        told = "\0".join(name[len(base) :] for name in mine)
        if told:
            found |= {f"{base}{name}" for name in _asked(place, environ, base, told)}
    return {name for name in found if name not in wanted}


def _innermost(name: str, repositories: Sequence[str]) -> str:
    return max((one for one in repositories if name.startswith(one) and name != one), key=len, default="")


def _asked(place: Mapping[str, str], environ: Mapping[str, str], base: str, told: str) -> set[str]:
    """What the repository ignores of these names; what it knows already it does not."""
    where = os.path.join(place["root"], base)
    # What a repository says is to be started by git is not.
    words = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", where]
    asked = Path(f"{place['copied']}.asked")
    asked.write_bytes(os.fsencode(told))
    # With the index, each name would be compared with every other.
    found = _names(place, environ, [*words, "check-ignore", "--no-index", "-z", "--stdin"], asked)
    return found - _names(place, environ, [*words, "ls-files", "-z"], Path(os.devnull)) if found else found


def _names(place: Mapping[str, str], environ: Mapping[str, str], words: Sequence[str], source: Path) -> set[str]:
    answer = Path(f"{place['copied']}.answer")
    answer.unlink(missing_ok=True)
    env = {name: environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME") if name in environ}
    try:
        done = process.piped(words, env=env, cwd="/", source=source, target=answer)
    except OSError:  # git is not here
        return set()
    return set(os.fsdecode(content(answer)).split("\0")[:-1]) if done.code == 0 else set()


def topmost(ignored: set[str], carried: set[str]) -> tuple[str, ...]:
    """What need not be looked into: folders that git ignores, with nothing in them that it knows; then single files."""
    within = {above for name in carried for above in folders_of(name)}
    folders = {name for name in ignored if name.endswith("/") and name not in within}
    found = [one for one in sorted(ignored, key=lambda one: (not one.endswith("/"), one)) if one not in within]
    return tuple(sorted([one for one in found if not folders & set(folders_of(one))][:_MOST_LEFT]))


def folders_of(name: str) -> Iterator[str]:
    """The folders that it stands in, the highest first."""
    parts = name.rstrip("/").split("/")[:-1]
    return ("/".join(parts[: count + 1]) + "/" for count in range(len(parts)))
