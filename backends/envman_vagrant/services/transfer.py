"""Folders that go out of the machine, or into it: whole, or with an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.services import archives
from envman_vagrant import guest, ssh

_PIECE = 1 << 20
_NOBODY = (0, 0)


def pull(folder: str, target: Path, job: Job, what: str) -> None:
    """A folder of the machine becomes one of this machine, owned by whoever we are."""
    above, _, name = folder.rpartition("/")
    packed = target.with_name(f".{target.name}.tar")
    command = f"sudo -n tar -C {above} -cf - {name}"
    try:
        piped(command, job, what, target=packed)
        archives.unpack(_pieces(packed), target)
    finally:
        packed.unlink(missing_ok=True)


def push(source: Path, folder: str, job: Job, what: str) -> None:
    """What is in a folder of this machine becomes a new folder of the machine, root's as yet."""
    packed = (job.project.folder or job.project.generated) / "machine.tar"
    command = f"sudo -n sh -c 'set -e; rm -rf {folder}; mkdir -p -m 700 {folder}; exec tar -C {folder} -xf -'"
    try:
        packed.touch(mode=0o600)
        with packed.open("wb") as stream:
            for piece in archives.packed(source, _NOBODY):
                stream.write(piece)
        piped(command, job, what, source=packed)
    finally:
        packed.unlink(missing_ok=True)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece


def piped(command: str, job: Job, what: str, *, source: Path | None = None, target: Path | None = None) -> None:
    """A command of the machine reads a file of this machine, or writes one."""
    words = ssh.words(guest.place(job.project), ssh.HOST, command)
    done = process.piped(words, env=ssh.variables(job.environ), cwd="/", source=source, target=target)
    if done.code:
        raise guest.failed(job, done, what)
