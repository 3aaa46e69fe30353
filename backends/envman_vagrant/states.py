"""How a machine is: asked of its provider in milliseconds, and of Vagrant only where there is no such way."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from envman import process
from envman.errors import EnvmanError
from envman_vagrant import providers
from envman_vagrant.driver import NAME, Driver
from envman_vagrant.providers import Provider, Source

_PREPARING = "preparing"  # what Vagrant notes of a container until it has its name; a kill leaves that
_ID = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_LIMIT = 10.0  # seconds: a provider that hangs tells nothing


class State(StrEnum):
    """What there is of a machine."""

    ABSENT = "absent"
    RUNNING = "running"
    SAVED = "saved"
    POWEROFF = "poweroff"
    ABORTED = "aborted"  # it ended without being shut down
    GHOST = "ghost"  # Vagrant knows it, its provider does not
    UNKNOWN = "unknown"


# What providers call the same through `vagrant status`.
_WORDS = {
    "running": State.RUNNING,
    "saved": State.SAVED,
    "paused": State.SAVED,
    "suspended": State.SAVED,
    "frozen": State.SAVED,
    "pmsuspended": State.SAVED,
    "poweroff": State.POWEROFF,
    "shutoff": State.POWEROFF,
    "off": State.POWEROFF,
    "stopped": State.POWEROFF,
    "not_running": State.POWEROFF,
    "aborted": State.ABORTED,
    "crashed": State.ABORTED,
    "gurumeditation": State.ABORTED,
    "not_created": State.GHOST,
    "host_state_unknown": State.UNKNOWN,
}


def identity(provider: Provider, dotfiles: Path) -> str:
    """The provider's own name for the machine; empty where there is none."""
    try:
        found = note(provider, dotfiles).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if found == _PREPARING else found


def note(provider: Provider, dotfiles: Path) -> Path:
    """Where Vagrant keeps that name."""
    return dotfiles / "machines" / NAME / provider.name / "id"


def named(provider: Provider, name: str, environ: Mapping[str, str]) -> str:
    """The same, asked of the provider; empty where it has no machine that is called so."""
    if not provider.find or shutil.which(provider.find[0], path=environ.get("PATH")) is None:
        return ""
    argv = [word.replace("{name}", name) for word in provider.find]
    done = process.capture(argv, env={**environ, "LC_ALL": "C", "LANGUAGE": "C"}, limit=_LIMIT)
    found = _ID.search(done.output) if done.code == 0 else None
    return found[0] if found else ""


def of(
    provider: Provider, dotfiles: Path, environ: Mapping[str, str], driver: Driver | None = None
) -> tuple[State, str]:
    """The state and the provider's name of the machine. With a driver, Vagrant is asked where nobody else tells."""
    known = identity(provider, dotfiles)
    if not known:
        return State.ABSENT, ""
    found = _asked(provider.state, known, environ) if provider.state else State.UNKNOWN
    if found is State.UNKNOWN and driver is not None:
        try:
            found = _WORDS.get(driver.status(), State.UNKNOWN)
        except EnvmanError:
            pass  # unknown is what it is; who needs it in a known state is told by the next command
    return found, known


def question(source: Source, known: str, path: str | None = None) -> list[str]:
    """The short command that tells how the machine is; nothing where its program is not here."""
    name, *words = source.argv
    program = shutil.which(name, path=path) or _elsewhere(name)
    return [program, *(word.replace("{id}", known) for word in words)] if program else []


def _asked(source: Source, known: str, environ: Mapping[str, str]) -> State:
    argv = question(source, known, environ.get("PATH"))
    if not argv:
        return State.UNKNOWN
    try:
        # In English, whatever the user speaks; Ctrl-C of the terminal is not for it.
        done = process.capture(argv, env={**environ, "LC_ALL": "C", "LANGUAGE": "C"}, limit=_LIMIT)
    except OSError:
        return State.UNKNOWN
    if done.code == -9:
        return State.UNKNOWN
    for word, pattern in source.words.items():
        if re.search(pattern.replace("{id}", re.escape(known)), done.output, re.MULTILINE):
            return State.GHOST if word == "gone" else State(word)
    return State.UNKNOWN


def _elsewhere(name: str) -> str | None:
    """Programs that bring a folder of their own, and do not add it to PATH."""
    known = (program for one in providers.table().values() for program in one.programs)
    return next((one for one in known if Path(one).name == name and "/" in one and Path(one).is_file()), None)
