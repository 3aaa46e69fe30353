"""Which process is a project's service: its pid and when it started, so that a reused pid is never taken for it."""

# On the hot path: `run` and `up` ask whether the services still live.
from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

Process = tuple[int, str]  # pid, and what the kernel says of its start


def started(pid: int) -> str | None:
    """When the kernel says that a process began; None when there is none, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return _somehow(pid)
    return None if fields[0] == "Z" else fields[19]


def _somehow(pid: int) -> str | None:
    # Where there is no /proc, a pid is all that can be asked for.
    if os.path.isdir("/proc/self"):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


def is_dead(pid: int) -> bool:
    """Whether only the remains of a process are there, which nobody has collected yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[:1] == ["Z"]
    except OSError:
        return False


def is_alive(process: Process) -> bool:
    """Whether that very process still runs."""
    return started(process[0]) == process[1]


def read(file: str) -> dict[str, str]:
    """The lease; an absent or damaged one says nothing."""
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().split("\n")
    except OSError:
        return {}
    pairs = (line.partition("\t") for line in lines[:-1])
    return {key: value for key, _, value in pairs}


def write(file: str, facts: Mapping[str, str]) -> None:
    """The lease, whole or not at all."""
    staging = f"{file}.new"
    with open(staging, "w", encoding="utf-8") as stream:
        stream.write("".join(f"{key}\t{value}\n" for key, value in facts.items()))
    os.replace(staging, file)


def process(facts: Mapping[str, str], who: str) -> Process | None:
    """The process that the lease names: the `server`, or its `guardian`."""
    pid, _, began = facts.get(who, "").partition(" ")
    return (int(pid), began) if pid.isdigit() and began else None


def holds(facts: Mapping[str, str]) -> bool:
    """Whether the service of a lease runs, and somebody looks after it; or was a job, and is done."""
    if facts.get("state") == "done":
        return True
    found = [process(facts, who) for who in ("server", "guardian")]
    return facts.get("state") == "running" and all(one is not None and is_alive(one) for one in found)
