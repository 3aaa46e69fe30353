"""A project with real servers, the clients that ask them, and the processes that it leaves on the machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from envman import paths
from envman.services import lease
from tests.support.scratch import Outcome, Scratch

# A real client of each server: what it answers goes to stdout, what it is refused with to stderr.
CLIENT = """\
import os, sys

kind, url, *words = sys.argv[1:]
try:
    if kind == "sql":
        import psycopg

        with psycopg.connect(url or os.environ["DATABASE_URL"], autocommit=True, connect_timeout=5) as line:
            found = line.execute(" ".join(words))
            print(found.fetchone()[0] if found.description else "")
    else:
        import redis

        print(redis.Redis.from_url(url or os.environ["REDIS_URL"], decode_responses=True).execute_command(*words))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
DATABASE = """
[services.db]
use = "postgres"
version = "18"
port = {db}
"""
CACHE = """
[services.cache]
use = "redis"
port = {cache}
"""
VARIABLES = """
[env]
DATABASE_URL = "{services.db.url}"
REDIS_URL = "{services.cache.url}"
"""


def free_port() -> int:
    """One that nobody listens on now: tests that run side by side must not want the same."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], patience: float = 20) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether anybody accepts a connection."""
    with socket.socket() as line:
        line.settimeout(2)
        return line.connect_ex(("127.0.0.1", port)) == 0


def is_one_message(outcome: Outcome) -> None:
    """A failure that a person can read: no traceback, one error."""
    assert outcome.code not in (0, 70), outcome.err
    assert "Traceback" not in outcome.err
    assert "a defect in envman" not in outcome.err
    assert outcome.err.count("error: ") == 1, outcome.err


class Shop(Scratch):
    """A scratch project whose packages come from where this machine's packages come from."""

    def __init__(self, home: Path, cache: Path, *, name: str = "shop") -> None:
        super().__init__(home, "", name=name)
        for key in ("UV_DEFAULT_INDEX", "PIP_CONFIG_FILE"):
            del self.environ[key]
        self.environ |= {key: value for key, value in os.environ.items() if key.startswith(("UV_", "PIP_"))}
        self.environ |= {"ENVMAN_CACHE": str(cache), "UV_CACHE_DIR": str(cache / "uv")}
        self.ports = {"db": free_port(), "cache": free_port()}

    def describe(self, spec: str, **more: int) -> None:
        """Write the spec; its {{name}} of a service becomes that service's port."""
        for key, port in {**self.ports, **more}.items():
            spec = spec.replace(f"port = {{{key}}}", f"port = {port}")
        self.write({"envman.toml": f'name = "shop"\n{spec}'})

    @property
    def folder(self) -> Path:
        """Where the project's state is kept."""
        return self.data / "projects" / self.identity

    @property
    def identity(self) -> str:
        """The project's id."""
        return (self.root / ".envman" / "id").read_text(encoding="ascii").strip()

    def lease(self, name: str) -> Mapping[str, str]:
        """What is noted about a service's processes."""
        return lease.read(str(self.folder / "services" / f"{name}.lease"))

    def pid(self, name: str, who: str = "server") -> int:
        """The process of a service, or its guardian."""
        found = lease.process(self.lease(name), who)
        assert found is not None, self.lease(name)
        return found[0]

    @property
    def secrets(self) -> dict[str, str]:
        """The passwords, by service."""
        (file,) = self.folder.rglob("secrets.json")
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return found

    def log(self, name: str) -> str:
        """What a service has said."""
        return (self.folder / "logs" / f"service.{name}.log").read_text(encoding="utf-8")

    def ask(self, kind: str, *words: str, url: str = "") -> Outcome:
        """Ask with the real client, from inside."""
        return self.envman("run", "--no-up", "python", "client.py", kind, url, *words)

    def sql(self, statement: str, url: str = "") -> str:
        """The first value of the answer."""
        said = self.ask("sql", statement, url=url)
        assert said.code == 0, said.err
        return said.out.strip()

    def redis(self, *words: str, url: str = "") -> str:
        """The answer."""
        said = self.ask("redis", *words, url=url)
        assert said.code == 0, said.err
        return said.out.strip()

    def variable(self, name: str) -> str:
        """A variable as the project's programs see it."""
        said = self.envman("run", "--no-up", "sh", "-c", f'printf %s "${name}"')
        assert said.code == 0, said.err
        return said.out

    def down(self) -> None:
        """Stop everything."""
        outcome = self.envman("down")
        assert outcome.code == 0, outcome.err

    def failing_up(self) -> Outcome:
        """An up that has to fail, in words."""
        outcome = self.envman("up")
        is_one_message(outcome)
        return outcome

    def destroy(self) -> None:
        """Nothing of it may be left, on the disk or running."""
        names = [folder.name for folder in (self.data / "projects").glob("*")]
        outcome = self.envman("destroy", "--yes", "--data")
        left = processes(self.home, *names)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert outcome.code == 0, outcome.err
        assert left == {}
        assert [name for name in names if (Path(paths.reachable_folder()) / "projects" / name).exists()] == []


def processes(*signs: Path | str, patience: float = 3) -> dict[int, str]:
    """The processes that have to do with a folder or a project's id, once they had a moment to end."""
    end = time.monotonic() + patience
    while True:
        found = {
            int(entry.name): told
            for entry in Path("/proc").glob("[0-9]*")
            if int(entry.name) != os.getpid() and (told := _told(entry, [str(sign) for sign in signs]))
        }
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def _told(entry: Path, signs: list[str]) -> str:
    # The guardian's command line says nothing of the project: its open log does.
    try:
        if (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "Z":
            return ""
        said = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        links = [os.readlink(link) for link in (entry / "cwd", *(entry / "fd").iterdir())]
    except OSError:
        return ""
    return said if any(sign in text for sign in signs for text in (said, *links)) else ""
