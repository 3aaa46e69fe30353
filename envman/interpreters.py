"""The Python interpreters of this machine, found by where they stand and what they are called, without running them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from envman import process, versions
from envman.frozen import frozen
from envman.versions import Version

_OLDEST = (3, 9)  # what virtualenv can still make an environment for


@frozen
class Interpreter:
    """One interpreter; the version has two parts where only running it would tell the third."""

    path: Path
    version: Version
    origin: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} ({self.origin})"


@frozen
class Request:
    """The Python that the project asks for, and who asks."""

    text: str  # "3.12", "3.12.4", ">=3.11"; "" is any
    asked_by: str

    def __str__(self) -> str:
        return f"Python {self.text}" if self.text else "any Python"

    @property
    def names_patch(self) -> bool:
        """Whether it says anything about the third part of a version."""
        return any(clause.count(".") > 1 and not clause.endswith(".0") for clause in self.text.split(","))

    @property
    def is_range(self) -> bool:
        """Whether it leaves the choice of X.Y open."""
        return not self.text[:1].isdigit()

    def accepts(self, version: Version) -> bool:
        """Whether an interpreter of this version is one of those asked for; an unknown patch level counts as any."""
        if not self.is_range:
            asked = tuple(int(part) for part in self.text.split("."))
            length = min(len(asked), len(version))
            return asked[:length] == version[:length]
        if not self.text:
            return True
        patches = range(100) if len(version) < 3 and self.names_patch else (0, 99)
        candidates = [version] if len(version) > 2 else [(*version, patch) for patch in patches]
        return any(versions.contains(self.text, candidate) for candidate in candidates)


def _version_in(name: str) -> Version | None:
    # "3.12.1", "python3.12", "cpython-3.12.4-linux-x86_64-gnu"; free-threaded and unfinished builds have other names,
    # and are for those who ask.
    text = name.removeprefix("python").removesuffix(".exe")
    if name.startswith("cpython-"):
        text = name.split("-")[1]
    parts = text.split(".")
    if 2 <= len(parts) <= 3 and all(part.isdigit() for part in parts):
        return tuple(int(part) for part in parts)
    return None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _can_run(file: Path) -> bool:
    return file.is_file() and os.access(file, os.X_OK)


def _in_version_folders(folder: Path, origin: str) -> Iterable[Interpreter]:
    for entry in _entries(folder):
        version = _version_in(entry.name)
        executable = entry / ("python.exe" if sys.platform == "win32" else "bin/python3")
        if version and _can_run(executable):
            yield Interpreter(path=executable.resolve(), version=version, origin=origin)


def _pyenv_root(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _uv_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("UV_PYTHON_INSTALL_DIR"):
        return Path(environ["UV_PYTHON_INSTALL_DIR"])
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "uv" / "python"


def _on_path(environ: Mapping[str, str]) -> Iterable[Interpreter]:
    shims = _pyenv_root(environ) / "shims"
    for word in environ.get("PATH", "").split(os.pathsep):
        folder = Path(word)
        if not word or folder == shims:
            continue
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        # A folder of programs holds thousands: only those that may be meant are looked at.
        for entry in [folder / name for name in sorted(names) if name == "python3" or name.startswith("python3.")]:
            # A name that is a link tells the version by what it leads to; a virtual environment leads to its base.
            real = entry.resolve()
            version = _version_in(real.name)
            if version and _can_run(real):
                yield Interpreter(path=real, version=version, origin="system")


def _chosen_by_pyenv(environ: Mapping[str, str]) -> Version | None:
    root = _pyenv_root(environ)
    if str(root / "shims") not in environ.get("PATH", "").split(os.pathsep):
        return None
    named = environ.get("PYENV_VERSION")
    if not named:
        try:
            named = (root / "version").read_text(encoding="utf-8")
        except OSError:
            return None
    words = named.replace(":", " ").split()
    return _version_in(words[0]) if words else None


def installed(environ: Mapping[str, str]) -> list[Interpreter]:
    """Every interpreter, once each: pyenv's and uv's (whose names tell the version), the PATH's, ours."""
    own = Path(getattr(sys, "_base_executable", sys.executable))
    candidates = [
        *_in_version_folders(_pyenv_root(environ) / "versions", "pyenv"),
        *_in_version_folders(_uv_folder(environ), "uv"),
        *_on_path(environ),
        Interpreter(path=own.resolve(), version=sys.version_info[:3], origin="envman's own"),
    ]
    usable = [one for one in candidates if one.version >= _OLDEST]
    return list({one.path: one for one in reversed(usable)}.values())[::-1]


def choose(
    request: Request, found: Iterable[Interpreter], environ: Mapping[str, str], *, before: Version | None = None
) -> Interpreter | None:
    """The interpreter to use: the X.Y used before, else the one that `python3` means here, else the newest."""
    fitting = [one for one in found if request.accepts(one.version)]
    while fitting:
        best = _preferred(fitting, environ, before=before)
        # Where the name tells only X.Y, a request down to the patch level needs the interpreter's own word.
        if len(best.version) > 2 or not request.names_patch:
            return best
        exact = exact_version(best)
        if len(exact) > 2 and request.accepts(exact):
            return best
        fitting.remove(best)
    return None


def _preferred(fitting: list[Interpreter], environ: Mapping[str, str], *, before: Version | None) -> Interpreter:
    usual = _chosen_by_pyenv(environ) or next((one.version for one in _on_path(environ)), None)
    for wanted in (before, usual):
        same = [one for one in fitting if wanted and one.version[:2] == wanted[:2]]
        if same:
            return max(same, key=lambda one: (one.version == wanted, one.version))
    return max(fitting, key=lambda one: one.version)


def exact_version(interpreter: Interpreter) -> Version:
    """All three parts, for which an interpreter of the system has to be run; two where it cannot be."""
    if len(interpreter.version) > 2:
        return interpreter.version
    script = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        said = process.capture([str(interpreter.path), "-I", "-S", "-c", script])
    except OSError:  # a program for another processor, for example
        return interpreter.version
    return _version_in(said.output.strip()) or interpreter.version
