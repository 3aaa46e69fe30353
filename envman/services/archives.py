"""Folders as streams: how files come out of a container or a machine, and into one."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from envman.errors import StepFailed

_PIECE = 1 << 20
_OURS = ".envman-"  # notes that a copy carries, and a server has no use for


class _Pieces(io.RawIOBase):
    """Pieces, read as a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        """That is all that it is."""
        return True

    def readinto(self, target: Any) -> int:
        """As many bytes as there are of one piece."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        now, self._left = self._left[: len(target)], self._left[len(target) :]
        target[: len(now)] = now
        return len(now)


def _opened(pieces: Iterable[bytes]) -> tarfile.TarFile:
    return tarfile.open(mode="r|", fileobj=io.BufferedReader(_Pieces(pieces), _PIECE))


def unpack(pieces: Iterable[bytes], target: Path) -> None:
    """Put what is in the folder of a stream into a folder of this machine, owned by whoever we are."""
    target.mkdir(mode=0o700)
    try:
        with _opened(pieces) as stream:
            for member in stream:
                inner = member.name.partition("/")[2]
                if inner:
                    _take(stream, member, target / inner, target)
    except (tarfile.TarError, OSError) as error:
        raise StepFailed(f"the files cannot be copied: {error}") from error


# Not tarfile's own: the first Pythons that we support have no filter that keeps a stream in its folder.
def _take(stream: tarfile.TarFile, member: tarfile.TarInfo, where: Path, target: Path) -> None:
    # What comes from inside was written by others: neither a name nor a link leads out.
    linked = where.parent / member.linkname if member.issym() else target / member.linkname.partition("/")[2]
    for path in (where.parent, linked):
        if not path.resolve().is_relative_to(target.resolve()):
            raise OSError(f"{member.name} leads out of its folder")
    if member.isdir():
        where.mkdir(mode=0o700, exist_ok=True)
    elif member.issym():
        where.symlink_to(member.linkname)
    elif member.islnk():
        where.hardlink_to(linked)
    elif content := stream.extractfile(member):
        with content, where.open("xb") as file:
            shutil.copyfileobj(content, file, _PIECE)
        where.chmod(member.mode & 0o777 | 0o600)


def owner(pieces: Iterable[bytes]) -> tuple[int, int]:
    """Whose the folder of a stream is."""
    with _opened(pieces) as stream:
        first = stream.next()
    return (first.uid, first.gid) if first else (0, 0)


def packed(folder: Path, whose: tuple[int, int]) -> Iterator[bytes]:
    """What is in a folder of this machine, as a stream of files that belong to somebody."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted([*names, *folders]):
            file = Path(here, name)
            if not name.startswith(_OURS):
                yield from _one(file, os.path.relpath(file, folder), whose)
    yield b"\0" * 1024


def _one(file: Path, name: str, whose: tuple[int, int]) -> Iterator[bytes]:
    facts = file.lstat()
    told = tarfile.TarInfo(name)
    told.mode, told.mtime, (told.uid, told.gid) = facts.st_mode & 0o7777, facts.st_mtime, whose
    if file.is_symlink():
        told.type, told.linkname = tarfile.SYMTYPE, os.readlink(file)
    elif file.is_dir():
        told.type = tarfile.DIRTYPE
    elif file.is_file():
        told.size = facts.st_size
    else:
        return  # a socket of a server that was killed
    yield told.tobuf(tarfile.PAX_FORMAT)
    if told.size:
        yield from _content(file, told.size)


def _content(file: Path, size: int) -> Iterator[bytes]:
    left = size
    with file.open("rb") as stream:
        while left and (piece := stream.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece
    yield b"\0" * (left + -size % 512)
