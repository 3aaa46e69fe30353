"""The rows of containers: beside compose, the devcontainer CLI, and a Dockerfile that somebody has tuned by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uv

from bench import peers
from bench.measure import Figure, Subject, absent, measure, sizes
from bench.rows import Bench
from envman.dependencies import pip_settings

_X_Y = f"{sys.version_info[0]}.{sys.version_info[1]}"
_BASE = f"python:{_X_Y}-slim-bookworm"
# With what these need: 40 packages, as a web application has them.
_WANTED = (
    "flask", "requests", "httpx", "psycopg[binary]", "redis", "pydantic", "rich", "celery",
)  # fmt: skip
# Small packages that need nothing; each run adds another one, because a layer that was built once is never built again.
_MORE = (
    "humanize", "toml", "colorama", "tabulate", "pytz", "attrs", "wrapt", "decorator", "cachetools", "filelock",
    "zipp", "xmltodict",
)  # fmt: skip
# Compose's own words for the same: system with today's updates, a user's tools, packages in a layer of their own,
# caches in mounts, sources last.
_DOCKERFILE = f"""\
FROM {_BASE}
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\
    rm -f /etc/apt/apt.conf.d/docker-clean; apt-get update && apt-get upgrade -y --no-install-recommends \\
    && apt-get install -y --no-install-recommends ca-certificates
COPY uv /usr/local/bin/uv
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH UV_LINK_MODE=copy PYTHONUNBUFFERED=1
RUN --mount=type=bind,source=pylock.toml,target=/tmp/pylock.toml \\
    --mount=type=cache,id=bench-uv,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=index \\
    set -a; . /run/secrets/index; set +a; [ ! -s /run/secrets/ca ] || export SSL_CERT_FILE=/run/secrets/ca; \\
    uv venv -q /opt/venv && uv pip sync -q --preview-features pylock /tmp/pylock.toml
WORKDIR /app
COPY app.py .
CMD ["sleep", "infinity"]
"""
_PROBED = {"interval": "5s", "start_period": "60s", "start_interval": "100ms"}  # as often as compose can ask
_VALKEY: Mapping[str, object] = {
    "image": "valkey/valkey:9",
    "healthcheck": {"test": ["CMD", "valkey-cli", "ping"], **_PROBED},
}
_POSTGRES: Mapping[str, object] = {
    "image": "postgres:17",
    "environment": {"POSTGRES_PASSWORD": "bench"},
    "healthcheck": {"test": ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "postgres"], **_PROBED},
}
_QUESTION = "import os, psycopg, redis; c = psycopg.connect(os.environ['DB']); c.execute('SELECT 1')"
_QUESTION += "; redis.from_url(os.environ['CACHE']).ping()"


class Missing(Exception):
    """What we would be compared with is not here."""


def missing() -> str:
    """Why nothing can be measured here; empty when it can."""
    for words in (["docker", "info"], ["docker", "compose", "version"], ["docker", "buildx", "version"]):
        if not shutil.which("docker") or subprocess.run(words, capture_output=True, check=False).returncode:
            return f"{' '.join(words)} fails; bash tests/lab/docker.sh starts an engine"
    return ""


def _measured(row: Callable[[Pair, int], list[Figure]], divisor: int) -> Callable[[Bench, int], list[Figure]]:
    def call(bench: Bench, runs: int) -> list[Figure]:
        if why := missing():
            return [absent("not measured", why)]
        pair = Pair(bench)
        try:
            return row(pair, max(runs // divisor, 3))
        finally:
            pair.remove()

    return call


class Pair:
    """The same project twice: ours, and what somebody has written by hand for compose."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.name = f"bench{os.getpid()}"
        self.ours, self.theirs = bench.folder / "ours", bench.folder / "theirs"
        for root in (self.ours, self.theirs):
            root.mkdir()
            (root / "app.py").write_text("print('hello')\n", encoding="utf-8")
        self._lock = self.locked(())
        self.use(self._lock)
        shutil.copy2(uv.find_uv_bin(), self.theirs / "uv")
        (self.theirs / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
        (self.theirs / ".dockerignore").write_text("*\n!uv\n!pylock.toml\n!app.py\n", encoding="utf-8")
        (self.theirs / "index.env").write_text(self._index(), encoding="utf-8")
        bundle = os.environ.get("SSL_CERT_FILE", "")
        (self.theirs / "ca.pem").write_bytes(Path(bundle).read_bytes() if bundle else b"")
        self.write_compose({})
        self.write_spec("")

    def _index(self) -> str:
        # What leads into this machine's own folders leads nowhere in a container, for both.
        told = {**pip_settings.as_uv_variables(os.environ), **os.environ}
        kept = {name: told.get(name, "") for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INSECURE_HOST")}
        return "".join(f"{name}='{value}'\n" for name, value in kept.items() if value)

    def locked(self, more: Sequence[str]) -> str:
        """A lock of 40 packages, and of those that are added."""
        folder = self.bench.folder / "lock"
        folder.mkdir(exist_ok=True)
        (folder / "in.txt").write_text("".join(f"{name}\n" for name in (*_WANTED, *more)), encoding="utf-8")
        words = [uv.find_uv_bin(), "pip", "compile", "-q", "--format", "pylock.toml", "--no-header", "--no-build"]
        words += ["--python-version", _X_Y, "in.txt", "-o", "pylock.toml"]
        self.bench.call(words, folder)
        # Or the layer of another day's run would be found in the engine's cache.
        return (folder / "pylock.toml").read_text(encoding="utf-8") + f'\n[tool.bench]\nrun = "{os.urandom(4).hex()}"\n'

    @property
    def packages(self) -> int:
        """How many there really are."""
        return self._lock.count("[[packages]]")

    def use(self, lock: str, *roots: Path) -> None:
        """Give a lock to both, or to one."""
        for root in roots or (self.ours, self.theirs):
            (root / "pylock.toml").write_text(lock, encoding="utf-8")

    def write_spec(self, more: str) -> None:
        """Our half."""
        text = f'name = "{self.name}"\nbackend = "docker"\n[python]\nversion = "{_X_Y}"\n{more}'
        (self.ours / "envman.toml").write_text(text, encoding="utf-8")

    def write_compose(self, services: Mapping[str, Mapping[str, object]], **variables: str) -> None:
        """Theirs. JSON is YAML too."""
        build = {"context": ".", "secrets": ["ca", "index"]}
        app: dict[str, object] = {"build": build, "volumes": [".:/app"], "init": True, "environment": variables}
        app["depends_on"] = {name: {"condition": "service_healthy"} for name in services}
        document = {
            "name": f"{self.name}-theirs",
            "services": {"app": app, **services},
            "secrets": {"ca": {"file": "./ca.pem"}, "index": {"file": "./index.env"}},
            "volumes": {name: {} for name in services},
        }
        (self.theirs / "compose.yaml").write_text(json.dumps(document, indent=1), encoding="utf-8")

    def up(self) -> None:
        """Both stand, so that a row begins with what it measures."""
        self.bench.call(self.bench.envman("up"), self.ours)
        self.bench.call(["docker", "compose", "up", "-d", "--build"], self.theirs)

    def envman(self, name: str, *words: str, prepare: Callable[[], None] | None = None) -> Subject:
        """A subject of ours."""
        return self.bench.subject(name, self.bench.envman(*words), self.ours, prepare=prepare)

    def docker(self, name: str, *words: str, prepare: Callable[[], None] | None = None) -> Subject:
        """One of theirs."""
        return self.bench.subject(name, ["docker", *words], self.theirs, prepare=prepare)

    def said(self, *words: str) -> str:
        """What docker answers."""
        return subprocess.run(
            ["docker", *words], cwd=self.theirs, env=self.bench.env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def devcontainers(self) -> list[tuple[str, list[str]]]:
        """What brings up a devcontainer of their image, and one of their compose file; raises Missing."""
        program, why = peers.devcontainer()
        if program is None:
            raise Missing(why)
        settings = {
            "image": {"image": f"{self.name}-theirs-app"},
            "compose file": {"dockerComposeFile": "compose.yaml", "service": "app", "workspaceFolder": "/app"},
        }
        found = []
        for name, told in settings.items():
            file = self.theirs / ".devcontainer" / name.split()[0] / "devcontainer.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({**told, "updateRemoteUserUID": False}), encoding="utf-8")
            words = [str(program), "up", "--workspace-folder", str(self.theirs), "--config", str(file)]
            found.append((f"devcontainer up, of the {name}", words))
        # A stack of its own: the CLI changes what it starts, and compose would change it back.
        app = {"image": f"{self.name}-theirs-app", "volumes": [f"{self.theirs}:/app"], "init": True}
        document = {"name": f"{self.name}-devcontainer", "services": {"app": app}}
        self._stack_of_devcontainer.write_text(json.dumps(document), encoding="utf-8")
        return found

    @property
    def _stack_of_devcontainer(self) -> Path:
        return self.theirs / ".devcontainer" / "compose" / "compose.yaml"

    def mine(self, *words: str) -> list[str]:
        """What of a kind carries the label of our project."""
        identity = (self.ours / ".envman" / "id").read_text(encoding="ascii").strip()
        return self.said(*words, "--filter", f"label=dev.envman.project={identity}").split()

    def remove(self) -> None:
        """Take everything away that this row has made, and nothing else."""
        if self._stack_of_devcontainer.exists():
            self.said("compose", "--file", str(self._stack_of_devcontainer), "down", "--timeout", "1")
            label = f"label=devcontainer.local_folder={self.theirs}"
            for one in self.said("ps", "--all", "--quiet", "--filter", label).split():
                self.said("rm", "--force", "--volumes", one)
        self.bench.call(["docker", "compose", "down", "--volumes", "--rmi", "local", "--timeout", "1"], self.theirs)
        self.bench.call(self.bench.envman("destroy", "--yes", "--data"), self.ours)


def up_nothing_to_do(pair: Pair, runs: int) -> list[Figure]:
    """`up` with nothing to do."""
    pair.up()
    ours = pair.envman("envman up, nothing to do", "up")
    others: list[tuple[Subject, float | None]] = [(pair.docker("docker compose up -d", "compose", "up", "-d"), 0.5)]
    try:
        others += [(pair.bench.subject(name, words, pair.theirs), 0.04) for name, words in pair.devcontainers()]
    except Missing as why:
        return [*measure(ours, others, runs=runs), absent("devcontainer up", str(why))]
    return measure(ours, others, runs=runs)


def run_nothing_to_do(pair: Pair, runs: int) -> list[Figure]:
    """`run true` in a container that stands."""
    pair.up()
    box = pair.said("compose", "ps", "--quiet", "app")
    return measure(
        pair.envman("envman run true", "run", "true"),
        [
            (pair.docker("docker exec … true", "exec", box, "true"), 1.4),
            (pair.docker("docker compose exec app true", "compose", "exec", "-T", "app", "true"), 0.85),
        ],
        runs=runs,
    )


def one_more_package(pair: Pair, runs: int) -> list[Figure]:
    """A dependency is added: ours is the whole `up`, with the new container; a build alone is half of the other way."""
    runs = min(runs, len(_MORE) // 2 - 1)
    locks = [pair.locked((name,)) for name in _MORE]
    pair.up()

    def next_for(root: Path, first: int) -> Callable[[], None]:
        waiting = iter(locks[first:])
        return lambda: pair.use(next(waiting), root)

    build = [
        "build",
        "--secret",
        "id=ca,src=ca.pem",
        "--secret",
        "id=index,src=index.env",
        "--tag",
        f"{pair.name}-by-hand",
    ]
    figures = measure(
        pair.envman("envman up, one package added", "up", prepare=next_for(pair.ours, 0)),
        [
            (pair.docker("docker build, tuned by hand", *build, ".", prepare=next_for(pair.theirs, 0)), 1.1),
            (
                pair.docker(
                    "docker compose up -d --build", "compose", "up", "-d", "--build",
                    prepare=next_for(pair.theirs, len(_MORE) // 2),
                ),
                None,
            ),
        ],
        runs=runs,
    )  # fmt: skip
    pair.said("image", "rm", f"{pair.name}-by-hand")
    return figures


def cold(pair: Pair, runs: int) -> list[Figure]:
    """From nothing, no layer built before; what the caches of packages hold is there for both. And what it weighs."""
    pair.up()

    def without_theirs() -> None:
        pair.said("compose", "down", "--timeout", "1")

    def without_ours() -> None:
        pair.bench.call(pair.bench.envman("destroy", "--yes"), pair.ours)

    line = "docker compose build --no-cache && docker compose up -d"
    by_hand = pair.bench.subject("compose build + up, by hand", ["sh", "-c", line], pair.theirs, prepare=without_theirs)
    figures = measure(
        pair.envman(f"envman up --refresh, {pair.packages} packages", "up", "--refresh", prepare=without_ours),
        [(by_hand, None)],
        runs=runs,
    )
    (image,) = pair.said("images", "--quiet", f"envman-{pair.name}*:dev").split()
    theirs = pair.said("images", "--quiet", f"{pair.name}-theirs-app").split()[0]
    weights = [int(pair.said("image", "inspect", "--format", "{{.Size}}", one)) for one in (image, theirs)]
    return [*figures, *sizes(("image of envman", weights[0]), [("image of the Dockerfile by hand", weights[1])])]


def changed_source(pair: Pair, runs: int) -> list[Figure]:
    """A file of the project changes: nothing has to be built for it, here or there."""
    pair.up()

    def change(root: Path) -> Callable[[], None]:
        def write() -> None:
            (root / "app.py").write_text(f"print({os.urandom(4).hex()!r})\n", encoding="utf-8")

        return write

    words = ("compose", "up", "-d", "--build")
    return measure(
        pair.envman("envman up, a source file changed", "up", prepare=change(pair.ours)),
        [(pair.docker("docker compose up -d --build", *words, prepare=change(pair.theirs)), None)],
        runs=runs,
    )


def stack(pair: Pair, runs: int) -> list[Figure]:
    """PostgreSQL and Valkey: images there, no containers and no data, until the project's own query is answered."""
    spec = '[services.db]\nuse = "postgres"\nversion = "17"\n[services.cache]\nuse = "redis"\nversion = "9"\n'
    pair.write_spec(f'{spec}[env]\nDB = "{{services.db.url}}"\nCACHE = "{{services.cache.url}}"\n')
    database, cache = {**_POSTGRES, "volumes": ["db:/var/lib/postgresql/data"]}, {**_VALKEY, "volumes": ["cache:/data"]}
    pair.write_compose(
        {"db": database, "cache": cache}, DB="postgresql://postgres:bench@db/postgres", CACHE="redis://cache"
    )
    pair.up()

    def without_ours() -> None:
        for one in pair.mine("ps", "--all", "--quiet"):
            pair.said("rm", "--force", "--volumes", one)
        for one in pair.mine("volume", "ls", "--quiet"):
            pair.said("volume", "rm", one)

    def without_theirs() -> None:
        pair.said("compose", "down", "--volumes", "--timeout", "1")

    (pair.ours / "ask.py").write_text(_QUESTION, encoding="utf-8")
    (pair.theirs / "ask.py").write_text(_QUESTION, encoding="utf-8")
    envman = pair.bench.envman()[0]
    ours = ["sh", "-c", f"'{envman}' up && '{envman}' run python ask.py"]
    theirs = ["sh", "-c", "docker compose up -d --wait && docker compose exec -T app python ask.py"]
    return measure(
        pair.bench.subject("envman up, until a query is answered", ours, pair.ours, prepare=without_ours),
        [(pair.bench.subject("compose up -d --wait, the same", theirs, pair.theirs, prepare=without_theirs), None)],
        runs=runs,
    )


def servers_without_containers(pair: Pair, runs: int) -> list[Figure]:
    """Servers at venv level, beside compose: started again with the data that they have."""
    figures: list[Figure] = []
    for count in (1, 5):
        names = [f"s{number}" for number in range(count)]
        root = pair.bench.folder / f"venv-{count}"
        root.mkdir()
        spec = "".join(f'[services.{name}]\nuse = "redis"\n' for name in names)
        (root / "envman.toml").write_text(spec, encoding="utf-8")
        pair.write_compose({name: {**_VALKEY, "volumes": [f"{name}:/data"]} for name in names})
        document = json.loads((pair.theirs / "compose.yaml").read_text(encoding="utf-8"))
        del document["services"]["app"]
        (pair.theirs / "compose.yaml").write_text(json.dumps(document), encoding="utf-8")
        pair.bench.call(pair.bench.envman("up"), root)
        try:
            figures += measure(
                pair.bench.subject(
                    f"envman up at venv level, {count} Valkey", pair.bench.envman("up"), root,
                    prepare=_calls(pair.bench, pair.bench.envman("down"), root),
                ),
                [
                    (
                        pair.docker(
                            f"docker compose up -d --wait, {count}", "compose", "up", "-d", "--wait",
                            prepare=_calls(pair.bench, ["docker", "compose", "down", "--timeout", "1"], pair.theirs),
                        ),
                        None,
                    )
                ],
                runs=runs,
            )  # fmt: skip
        finally:
            pair.bench.call(pair.bench.envman("destroy", "--yes", "--data"), root)
            pair.bench.call(["docker", "compose", "down", "--volumes", "--timeout", "1"], pair.theirs)
    return figures


def _calls(bench: Bench, argv: Sequence[str], root: Path) -> Callable[[], None]:
    return lambda: bench.call(argv, root)


ROWS: dict[str, Callable[[Bench, int], list[Figure]]] = {
    "docker-up": _measured(up_nothing_to_do, 1),
    "docker-run": _measured(run_nothing_to_do, 1),
    "docker-package": _measured(one_more_package, 3),
    "docker-cold": _measured(cold, 5),
    "docker-source": _measured(changed_source, 1),
    "docker-stack": _measured(stack, 3),
    "docker-servers": _measured(servers_without_containers, 3),
}
