"""A copy of the project to measure with, so that nothing that runs now is touched."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envman import generated, process
from envman.project import Project
from envman.spec import load
from envman.spec.model import Spec

# What tools make anew, where no git says what is ignored.
_MADE = frozenset({".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".eggs", "node_modules", "__pycache__"})
_MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")  # in whose company everything can be made again


def fill(project: Project, target: Path, environ: Mapping[str, str]) -> None:
    """Bring everything over that somebody who joins the project would have, and the files of variables."""
    env = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    history = _with_history(project.root, target, env)
    if not history:
        target.mkdir(parents=True)
    for name in _names(project.root, env):
        _bring(project.root / name, target / name)
    for name in (load.LOCAL_FILE, *(file.removesuffix("?") for file in project.spec.env_files)):
        if not Path(name).is_absolute():
            _bring(project.root / name, target / name)
    if history:
        process.capture(["git", "-C", str(target), "reset", "--quiet"], env=env)


def _with_history(root: Path, target: Path, env: Mapping[str, str]) -> bool:
    """Versions are often read from tags: a repository of its own goes along."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return False
    words = ["git", "clone", "--quiet", "--local", "--no-checkout", str(root), str(target)]
    if process.capture(words, env=env).code == 0:
        return True
    shutil.rmtree(target, ignore_errors=True)
    return False


def _names(root: Path, env: Mapping[str, str]) -> Iterator[str]:
    """The files, as seen from the folder: git's own word where there is any."""
    known = _known_to_git(root, env)
    for name in _walked(root) if known is None else known:
        place = root / name
        if known is not None and place.is_dir() and not place.is_symlink():  # a repository within
            yield from (os.path.join(name, below) for below in _names(place, env))
        elif Path(name).parts[0] != generated.FOLDER:
            yield name


def _known_to_git(root: Path, env: Mapping[str, str]) -> Sequence[str] | None:
    if shutil.which("git") is None:
        return None
    words = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = process.capture(words, env=env)
    names = [name for name in done.output.split("\0") if name]
    # A folder below a repository that ignores it would be empty.
    return names if done.code == 0 and names else None


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        below = os.path.relpath(folder, root)
        folders[:] = [name for name in folders if not _can_be_made(Path(folder, name))]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (os.path.normpath(os.path.join(below, name)) for name in (*files, *links))


def _can_be_made(folder: Path) -> bool:
    if folder.name in _MADE or folder.name == generated.FOLDER:
        return True
    return any((folder / mark).is_file() for mark in _MARKS)


def _bring(source: Path, target: Path) -> None:
    try:
        kind = source.lstat().st_mode
    except OSError:  # removed, and git does not know yet
        return
    if stat.S_ISREG(kind) or stat.S_ISLNK(kind):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def choose(root: Path, name: str, spec: Spec, profiles: Sequence[str] | None) -> None:
    """Make a backend the usual one of a copy: what is typed all day comes without flags, and is quicker for it."""
    import tomlkit

    file = root / load.LOCAL_FILE
    own = tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")
    own["backend"] = name
    if profiles is not None:
        own["profiles"] = list(profiles)
    strict = [port for port, one in spec.ports.items() if one.strict]
    if strict:  # the project itself may be listening there
        ports = own.setdefault("ports", tomlkit.table())
        for port in strict:
            kept = ports.get(port)
            ports[port] = {**(kept if isinstance(kept, dict) else {"port": kept} if kept else {}), "strict": False}
    file.write_text(tomlkit.dumps(own), encoding="utf-8")
