"""The hot path: what can be answered from the ready file alone, before click or anything else is imported."""

from __future__ import annotations

import os
import sys

from envman import paths, ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envman.ready import Ready

_SPEC = "envman.toml"
_MARKERS = ("pyproject.toml", "uv.lock", "pylock.toml", "requirements.txt", ".python-version", "setup.py", "setup.cfg")
_OVERRIDES = ("ENVMAN_BACKEND", "ENVMAN_PROFILE")


def dispatch(arguments: Sequence[str]) -> int | None:
    """The exit code of a command that was answered here; None leaves it to the command line proper."""
    if any(os.environ.get(name) for name in _OVERRIDES):
        return None
    if "_ENVMAN_COMPLETE" in os.environ:
        return _complete(os.environ["_ENVMAN_COMPLETE"])
    if not arguments or arguments[0] not in _COMMANDS:
        return None
    found = _find_here()
    if found is None:
        return None
    return _COMMANDS[arguments[0]](found, arguments[1:])


def _find_here() -> Ready | None:
    try:
        return find(os.getcwd())
    except FileNotFoundError:  # the folder was removed under our feet
        return None


def find(folder: str) -> Ready | None:
    """The ready file of the project that a folder belongs to, if nothing has changed since it was written."""
    passed: list[str] = []
    while True:
        try:
            with open(os.path.join(folder, ".envman", "id"), encoding="ascii") as stream:
                identity = stream.read().strip()
            break
        except (OSError, ValueError):
            above = os.path.dirname(folder)
            # A project inside another one has not been up yet: only the whole search can tell.
            if above == folder or os.path.exists(os.path.join(folder, _SPEC)):
                return None
            passed.append(folder)
            folder = above
    if not identity.isalnum():
        return None
    found = ready.read(paths.project_folder(identity))
    if found is None or found.root != folder or not ready.unchanged(found):
        return None
    if any(_could_be_a_project(inner, with_spec=bool(found.facts.get("spec"))) for inner in passed):
        return None
    return found


def _could_be_a_project(folder: str, *, with_spec: bool) -> bool:
    if not with_spec:
        return any(os.path.exists(os.path.join(folder, marker)) for marker in _MARKERS)
    try:
        with open(os.path.join(folder, "pyproject.toml"), "rb") as stream:
            return b"envman" in stream.read()
    except OSError:
        return False


def _used(found: Ready) -> None:
    # `list` shows when an environment was last used: the ready file's time is that note.
    try:
        os.utime(os.path.join(paths.project_folder(found.identity), ready.FILE))
    except OSError:
        pass


def _alive(found: Ready) -> bool:
    if not found.facts.get("stops"):
        return True
    enter = __import__(found.enter, fromlist=["alive"])
    return bool(enter.alive(found.place, os.environ))


def _run(found: Ready, words: Sequence[str]) -> int | None:
    from envman import variables

    program = words[:1] == ["--"]
    words = words[1:] if program else words
    if not words or (words[0].startswith("-") and not program):
        return None
    argv = list(words)
    if not program and words[0] in found.tasks:
        kind, *task = found.tasks[words[0]]
        if kind and len(words) > 1:
            return None  # arguments of a shell line are put together in one place only
        argv = ["sh", "-c", *task] if kind else [*task, *words[1:]]
    try:
        values = variables.resolve(found.env_files, found.variables, os.environ)
    except variables.VariableError:
        return None
    enter = __import__(found.enter, fromlist=["execute"])
    _used(found)
    try:
        answer: int | None = enter.execute(found.place, values, os.environ, argv, os.getcwd())
    except OSError:
        return None  # the long way round says why
    return answer


def _up(found: Ready, words: Sequence[str]) -> int | None:
    if words or found.facts.get("start") or not _alive(found):
        return None
    _used(found)
    sys.stderr.write(f"{found.summary} · ready, nothing to do\n")
    return 0


def _status(found: Ready, words: Sequence[str]) -> int | None:
    if list(words) not in ([], ["--json"]):
        return None
    text = found.facts.get(" ".join(["status", *words]))
    if not text or not _alive(found):
        return None
    from envman.console import Console

    console = Console()
    head, _, rest = text.partition("\n")
    if not words:
        name, _, told = head.partition(" · ")
        told = told.replace("running", console.style("running", "green", out=True), 1)
        head = f"{console.style(name, 'bold', out=True)} · {told}"
    console.answer(f"{head}\n{rest}")
    return 0


def _activate(found: Ready, words: Sequence[str]) -> int | None:
    if len(words) not in (0, 2) or (words and words[0] != "--shell"):
        return None
    from envman import shells, variables

    name = words[1] if words else shells.detect(os.environ, shells.parent_name())
    if name not in shells.SHELLS:
        return None
    try:
        values = variables.resolve(found.env_files, found.variables, os.environ)
    except variables.VariableError:
        return None
    change = __import__(found.enter, fromlist=["change"]).change(found.place, values)
    if change is None:
        return None
    sys.stdout.write(shells.module(name).activate(change))
    return 0


def _complete(instruction: str) -> int | None:
    """The names of tasks after `envman run`, as the completion scripts expect them; the rest is click's."""
    shell = instruction.removesuffix("_complete")
    words = os.environ.get("COMP_WORDS", "").split()
    begun = words[2] if len(words) > 2 else ""
    if shell not in ("bash", "zsh", "fish") or words[1:2] != ["run"] or len(words) > 3 or begun.startswith("-"):
        return None
    at = os.environ.get("COMP_CWORD", "")
    if at != (begun if shell == "fish" else "2"):
        return None
    found = _find_here()
    names = [name for name in found.tasks if name.startswith(begun)] if found else []
    if not names:
        return None
    line = "plain\n{}\n_\n" if shell == "zsh" else "plain,{}\n"
    sys.stdout.write("".join(line.format(name) for name in names))
    return 0


_COMMANDS = {"run": _run, "up": _up, "status": _status, "activate": _activate}
