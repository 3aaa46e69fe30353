"""Every console block of the README and the tutorial, typed in order, and compared with what it shows."""

# The rule: what a block shows is all that the command says, line by line. Two lines are the same when their words are,
# where any word with a path and any number with its unit stand for every other; a line "..." stands for any lines.
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from envman.dependencies import pip_settings
from tests.support import engines

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/tutorial.md")
# What stands behind it needs an engine.
CONTAINERS = "\n## 9. The same in containers\n"
NO_ENGINE, NO_PROVIDER = "unix:///nowhere/docker.sock", "nowhere"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(Write|Add to) `([^`]+)`:\s*$")
_EXIT_CODE = re.compile(r"# exit code (\d+)")
_PATH = re.compile(r"\S*/\S*")
_NUMBER = re.compile(r"\d[\d.,:]*(\s?(B|kB|MB|GB|ms|s)\b)?")
# Whether a port is busy, or a step takes long enough to be announced, is the machine's affair: no document can know it.
_OF_THE_MACHINE = re.compile(r"^warning: port .* is taken by |^  … ")


@dataclass(kw_only=True)
class Typed:
    """One command of a block, and what the document says of it."""

    line: int
    command: str
    shown: list[str] = field(default_factory=list)
    code: int = 0


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that the document tells the reader to write."""

    name: str
    text: str
    appended: bool


def _typed(body: str, line: int) -> Iterator[Typed]:
    current: Typed | None = None
    for number, text in enumerate(body.splitlines(), line):
        code = _EXIT_CODE.fullmatch(text)
        if text.startswith("$ "):
            if current:
                yield current
            current = Typed(line=number, command=text[2:])
        elif current is None:
            raise ValueError(f"line {number}: a console block begins with a command")
        elif code:
            current.code = int(code.group(1))
        else:
            current.shown.append(text)
    if current:
        yield current


def _actions(document: str) -> Iterator[Typed | Written]:
    for block in _FENCE.finditer(document):
        before = document[: block.start()]
        file = _FILE.search(before)
        if block.group(1) == "console":
            yield from _typed(block.group(2), before.count("\n") + 2)
        elif file:
            yield Written(name=file.group(2), text=block.group(2), appended=file.group(1) == "Add to")


def _same_words(line: str) -> str:
    return " ".join(_NUMBER.sub("#", _PATH.sub("#", line)).split())


def matches(shown: Sequence[str], said: Sequence[str]) -> bool:
    """Whether the lines said are the lines shown."""
    if not shown:
        return not said
    first, *rest = shown
    if first == "...":
        return any(matches(rest, said[start:]) for start in range(len(said) + 1))
    return bool(said) and _same_words(first) == _same_words(said[0]) and matches(rest, said[1:])


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not _OF_THE_MACHINE.match(line)]


class Reader:
    """Somebody with a home folder of their own, who types what a document shows."""

    def __init__(self, home: Path, **variables: str) -> None:
        home.mkdir()
        self._folder = home
        self._note = home / ".folder"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ENVMAN_")}
        for name in ("VIRTUAL_ENV", "GREETING", "PYTHONHOME", "FORCE_COLOR", "CI"):
            kept.pop(name, None)
        user = Path.home()
        # The packages come from wherever this machine gets its packages.
        (home / ".config").mkdir()
        for name in (".config/pip", ".config/uv", ".pip"):
            if (user / name).is_dir():
                (home / name).symlink_to(user / name)
        self._environ = {
            "UV_CACHE_DIR": str(user / ".cache" / "uv"),
            "PYENV_ROOT": str(user / ".pyenv"),
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "ENVMAN_DATA": str(home / "data"),
            "ENVMAN_CACHE": str(home / "cache"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }

    def write(self, written: Written) -> None:
        """Write a file, or add to it."""
        with (self._folder / written.name).open("a" if written.appended else "w", encoding="utf-8") as stream:
            stream.write(written.text)

    def type(self, typed: Typed) -> tuple[int, list[str]]:
        """The exit code of a command and the lines it said; the folder it ends in is the next one's."""
        done = subprocess.run(
            ["bash", "-c", f"trap 'pwd > \"{self._note}\"' EXIT\n{typed.command}"],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self._folder = Path(self._note.read_text(encoding="utf-8").strip())
        return done.returncode, _lines(done.stdout)


def _do_what_it_shows(name: str, document: str, reader: Reader) -> None:
    for action in _actions(document):
        if isinstance(action, Written):
            reader.write(action)
            continue
        code, said = reader.type(action)
        where = f"{name}:{action.line}: $ {action.command}"
        assert code == action.code, f"{where}\nended with {code}\n" + "\n".join(said)
        shown = [line for line in action.shown if line.strip()]
        assert matches(shown, said), f"{where}\n--- shown\n" + "\n".join(shown) + "\n--- said\n" + "\n".join(said)


speaks_to_bash = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("bash"), reason="the documents speak to bash"
)


@speaks_to_bash
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_does_what_it_shows(name: str, tmp_path: Path) -> None:
    document = (ROOT / name).read_text(encoding="utf-8")
    reader = Reader(tmp_path / "home", DOCKER_HOST=NO_ENGINE, VAGRANT_DEFAULT_PROVIDER=NO_PROVIDER)
    _do_what_it_shows(name, document.partition(CONTAINERS)[0], reader)


@speaks_to_bash
@pytest.mark.engine
def test_the_tutorial_goes_on_in_containers(tmp_path: Path) -> None:
    engines.needs("docker")
    name = "docs/tutorial.md"
    document = (ROOT / name).read_text(encoding="utf-8")
    assert CONTAINERS in document
    # Folders of this machine that pip takes packages from are not there in a container.
    settings = pip_settings.read(os.environ)
    index = {"PIP_INDEX_URL": settings["index-url"]} if "index-url" in settings else {}
    reader = Reader(tmp_path / "home", PIP_CONFIG_FILE=os.devnull, PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="", **index)
    try:
        _do_what_it_shows(name, document, reader)
    finally:
        reader.type(Typed(line=0, command="envman destroy --yes --data"))


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        (["Ready in 0.9 s."], ["Ready in 12 ms."], True),
        (["folder  /home/ann/shop"], ["folder /tmp/x"], True),
        (["12 from uv.lock"], ["12 from pylock.toml"], False),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b"], False),
        ([], ["a"], False),
    ],
)
def test_the_rule_itself(shown: list[str], said: list[str], same: bool) -> None:
    assert matches(shown, said) is same
