"""A scratch project with a user's data folder of its own, driven through the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import alive

# What the developer's own shell may hold must not reach a test.
_FOREIGN = ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "CONDA_PREFIX")
_FOREIGN_PREFIXES = ("ENVMAN_", "UV_", "PIP_")
_COMMAND = (sys.executable, "-m", "envman")
_KILLER = Path(__file__).with_name("killer.py")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call of envman ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def result(self) -> dict[str, Any]:
        """The result in the document, of a call that succeeded."""
        assert self.json["ok"], self.json
        found: dict[str, Any] = self.json["result"]
        return found


class Scratch:
    """A folder, the variables of its user, and the calls made there."""

    patience = 120  # seconds that a call may take

    def __init__(self, home: Path, index: str, *, name: str = "shop") -> None:
        self.home = home
        self.root = home / name
        self.data = home / "data"
        self.root.mkdir(parents=True, exist_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in _FOREIGN and not name.startswith(_FOREIGN_PREFIXES)
        }
        self.environ = {
            **kept,
            "HOME": str(home),
            "ENVMAN_DATA": str(self.data),
            "ENVMAN_CACHE": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "UV_CACHE_DIR": os.environ.get("ENVMAN_TEST_UV_CACHE", str(home / "uv-cache")),
            "UV_DEFAULT_INDEX": index,
            "PIP_CONFIG_FILE": os.devnull,
            "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
        }

    def write(self, files: Mapping[str, str]) -> None:
        """Put files into the project."""
        for name, text in files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def start(self, *words: str, cwd: Path | None = None, **variables: str) -> subprocess.Popen[str]:
        """Begin a call, and leave it running."""
        return subprocess.Popen(
            [*_COMMAND, *words],
            cwd=cwd or self.root,
            env={**self.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def envman(self, *words: str, cwd: Path | None = None, stdin: str = "", **variables: str) -> Outcome:
        """Call envman as a user would."""
        return self.call(words, variables, cwd=cwd, stdin=stdin)

    def call(
        self, words: Sequence[str], variables: Mapping[str, str], *, cwd: Path | None = None, stdin: str = ""
    ) -> Outcome:
        """The same, with the variables as one value."""
        done = subprocess.run(
            [*_COMMAND, *words],
            cwd=cwd or self.root,
            env={**self.environ, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def killed(self, moment: str, count: int, *words: str, interrupt: bool = False, **variables: str) -> Outcome:
        """A call that a signal ends at a moment of its own: of `up`, where nothing else is said."""
        known = self.environ.get("PYTHONPATH")
        options = ["--interrupt"] if interrupt else []
        # Not into pipes: what goes on alone afterwards would keep them open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            call = subprocess.Popen(
                [sys.executable, str(_KILLER), *options, moment, str(count), "--", *(words or ("up",))],
                cwd=self.root,
                env={
                    **self.environ,
                    "PYTHONPATH": os.pathsep.join([*([known] if known else []), str(_ROOT)]),
                    **variables,
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            code = call.wait(timeout=self.patience)
            if interrupt:
                assert alive(call.pid) == []
            out.seek(0)
            err.seek(0)
            return Outcome(code, out.read(), err.read())

    def up(self, *words: str, **variables: str) -> dict[str, Any]:
        """Bring it up; the result of `up --json`."""
        outcome = self.call(("up", "--json", *words), variables)
        assert outcome.code == 0, outcome.err
        return outcome.result

    def status(self, **variables: str) -> dict[str, Any]:
        """The result of `status --json`."""
        outcome = self.call(("status", "--json"), variables)
        assert outcome.code == 0, outcome.err
        return outcome.result

    def installed(self) -> dict[str, str]:
        """What the environment's own interpreter finds."""
        script = (
            "import importlib.metadata as m, json;"
            "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
        )
        outcome = self.envman("run", "--no-up", "python", "-c", script)
        assert outcome.code == 0, outcome.err
        found: dict[str, str] = json.loads(outcome.out)
        return found
