"""What the processes of a service take of this machine's memory."""

from __future__ import annotations

import os
from collections.abc import Iterator


def of_session(leader: int) -> int | None:
    """The bytes that a service and all that it started take; None where nobody can say."""
    sizes = [_share(pid) for pid in _members(leader)]
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def _members(leader: int) -> Iterator[int]:
    # Each service has a session of its own, which its processes stay in even when their parents are gone.
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            yield int(name)


def _share(pid: int) -> int | None:
    """Its own memory, and its part of what it shares: a server's processes share most of theirs."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as stream:
            for line in stream:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
