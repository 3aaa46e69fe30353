"""Virtual environments as copies: virtualenv makes one for each interpreter, and every project gets its files."""

# Importing virtualenv and reading its plugins takes longer than installing forty packages; copying files does not.
from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from envman import paths
from envman.errors import StepFailed
from envman.files import digest, read_json, remove_tree, write_json
from envman.problem import Problem

_PROMPT = "envman-prompt"
_FACTS = "facts.json"
_MOVABLE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


def _run_virtualenv(prefix: Path, interpreter: Path, prompt: str, seed: list[str]) -> str:
    from virtualenv import session_via_cli

    arguments = [str(prefix), "--python", str(interpreter), *seed, "--no-download", f"--prompt={prompt}"]
    try:
        session = session_via_cli(arguments, setup_logging=False)
        session.run()
    except (RuntimeError, SystemExit) as error:
        message = f"{interpreter} cannot make a virtual environment: {error}"
        raise StepFailed(Problem(message=message, hint="choose another [python] version")) from error
    return ".".join(map(str, session.interpreter.version_info[:3]))


def _is_plain(text: str) -> bool:
    # Activation scripts quote what is special to their shell, each in its own way: only plain text can be replaced.
    return bool(text) and _MOVABLE.issuperset(text)


def _key(interpreter: Path) -> str:
    facts = interpreter.stat()
    tool = find_spec("virtualenv")
    made_by = Path(tool.origin).stat().st_mtime_ns if tool and tool.origin else 0
    return digest([str(interpreter), str(facts.st_size), str(facts.st_mtime_ns), str(made_by)])[:24]


def _template(interpreter: Path) -> tuple[Path, str] | None:
    """The environment to copy and its Python version; None where copies would not do."""
    folder = Path(paths.cache_folder()) / "venv" / _key(interpreter)
    if not _is_plain(str(folder)):
        return None
    version = read_json(folder / _FACTS).get("python")
    if isinstance(version, str):
        return folder / "venv", version
    staging = folder.with_name(f"{folder.name}.{os.getpid()}")
    remove_tree(staging)
    # The scripts carry the path that the template was made at, whatever it is renamed to: it is recorded as it was.
    version = _run_virtualenv(staging / "venv", interpreter, _PROMPT, ["--no-seed"])
    if not (staging / "venv" / "bin" / "python").is_symlink():
        remove_tree(staging)
        return None
    write_json(staging / _FACTS, {"python": version, "path": str(staging / "venv")})
    try:
        staging.rename(folder)
    except OSError:
        remove_tree(staging)  # another envman was quicker
    return folder / "venv", version


def _copy_file(source: str, target: str) -> str:
    # At an OSError copytree would go on, and in the end answer with the list of all that failed.
    try:
        return shutil.copy2(source, target)
    except OSError as error:
        raise StepFailed(f"could not create {target}: {error.strerror}") from error


def _copy(template: Path, prefix: Path, prompt: str) -> None:
    made_at = str(read_json(template.parent / _FACTS).get("path"))
    shutil.copytree(template, prefix, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
    for file in (*(prefix / "bin").iterdir(), prefix / "pyvenv.cfg"):
        if file.is_symlink():
            continue
        text = file.read_bytes()
        changed = text.replace(made_at.encode(), str(prefix).encode()).replace(_PROMPT.encode(), prompt.encode())
        if changed != text:
            file.write_bytes(changed)


def create(prefix: Path, interpreter: Path, name: str, *, with_pip: bool) -> str:
    """Make the environment; answers with its Python version."""
    prompt = "".join(letter for letter in name if letter.isalnum() or letter in "-_. ") or "envman"
    if not with_pip and os.name == "posix" and _is_plain(str(prefix)) and _is_plain(prompt):
        found = _template(interpreter)
        if found is not None:
            template, version = found
            _copy(template, prefix, prompt)
            return version
    return _run_virtualenv(prefix, interpreter, prompt, ["--no-periodic-update"] if with_pip else ["--no-seed"])
