"""A project on levels of the tests' own, box and crate, and the looks that tests take at them."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from tests.support.scratch import Outcome, Scratch

ROOT = Path(__file__).parents[2]
_NAMES = ("box", "crate")


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Boxes:
    """A scratch project that can be at box, at crate and at venv."""

    def __init__(self, scratch: Scratch) -> None:
        self.shop = scratch
        self._known = ""
        packages = scratch.home / "packages"
        for name in _NAMES:
            metadata = packages / f"{name}-1.dist-info"
            metadata.mkdir(parents=True)
            words = f"[envman.backends]\n{name} = tests.support.{name}_backend\n"
            (metadata / "entry_points.txt").write_text(words, encoding="utf-8")
        self.engine = scratch.home / "engine"
        self.engine.mkdir()
        scratch.environ |= {"PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)]), "BOX_ENGINE": str(self.engine)}

    @property
    def identity(self) -> str:
        """The project's id, also when it is gone from the folder."""
        file = self.shop.root / ".envman" / "id"
        if file.exists():
            self._known = file.read_text(encoding="ascii").strip()
        return self._known

    @property
    def memory(self) -> dict[str, Any]:
        """What is remembered of the project."""
        found = json.loads((self.folder / "project.json").read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    @property
    def folder(self) -> Path:
        """Where that is."""
        return self.shop.data / "projects" / self.identity

    def held(self, level: str, name: str = "db") -> Path:
        """The data of a service on a level."""
        return self.engine / "here" / level / f"{self.identity}.{name}"

    def runs(self) -> list[str]:
        """The levels on which it runs."""
        return [name for name in _NAMES if (self.engine / "here" / name / self.identity / "running").exists()]

    def made(self) -> list[str]:
        """The levels on which it was made."""
        return [name for name in _NAMES if (self.engine / "here" / name / self.identity).exists()]

    def killed(self, moment: str, count: int, *words: str, interrupt: bool = False, **variables: str) -> Outcome:
        """A call that ends at a moment."""
        return self.shop.killed(moment, count, *words, interrupt=interrupt, **variables)
