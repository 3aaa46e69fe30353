"""A project whose servers and processes are containers, and the looks that tests take at them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.services.support import Shop


class Stack(Shop):
    """A scratch project on the Docker level, packages from where this machine's packages come from."""

    def __init__(self, home: Path, cache: Path, *, name: str = "shop") -> None:
        super().__init__(home, cache, name=name)
        self.write({"envman.local.toml": 'backend = "docker"\n'})

    def docker(self, *words: str) -> str:
        """What the docker command answers."""
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ids(self, name: str = "") -> list[str]:
        """The containers of the project, or of one of its services."""
        mine = ["--filter", f"label=dev.envman.project={self.identity}"]
        own = ["--filter", f"label=dev.envman.service={name}"] if name else []
        return sorted(self.docker("ps", "--all", "--quiet", "--no-trunc", *mine, *own).split())

    def inspect(self, name: str) -> dict[str, Any]:
        """All that the engine tells about a service's container."""
        (box,) = self.ids(name)
        (told,) = json.loads(self.docker("inspect", box))
        found: dict[str, Any] = told
        return found

    @property
    def compose_file(self) -> Path:
        """What was written for Compose."""
        return self.root / ".envman" / "docker" / "compose.yaml"

    def composed(self) -> dict[str, Any]:
        """The stack as Compose itself reads it."""
        found: dict[str, Any] = json.loads(
            self.docker("compose", "--file", str(self.compose_file), "config", "--format", "json")
        )
        return found

    def steps(self, *words: str) -> list[str]:
        """What an up had to do."""
        return [step["name"] for step in self.up(*words)["steps"]]

    def lines(self, *names: str) -> list[str]:
        """What services have said."""
        said = self.envman("logs", *names, "--json")
        assert said.code == 0, said.err
        return [json.loads(line)["line"] for line in said.out.splitlines()]
