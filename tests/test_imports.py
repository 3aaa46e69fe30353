"""The import budget: what a start of envman may load, and who may know whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import engines, machines
from tests.support.scratch import Scratch

ROOT = Path(__file__).parent.parent
HEAVY = ("rich", "virtualenv", "docker", "vagrant", "packaging", "tomlkit", "jinja2", "uv", "importlib.metadata")
# What the hot path may hold beyond a bare interpreter.
HOT = {"envman", "envman.entry", "envman.hot", "envman.paths", "envman.ready"}
HOT_RUN = {
    "envman.process",
    "envman.variables",
    "envman.shells",
    "envman.shells.change",
    "envman_venv",
    "envman_venv.enter",
}
# The same in a container: one question to the engine, then the session.
DOCKER_ALIVE = {"envman_docker", "envman_docker.enter", "envman_docker.sockets"}
DOCKER_RUN = {"envman.variables", "envman.handed", "envman.start", *DOCKER_ALIVE, "envman_docker.session"}
# And in a machine: one look at the connection, then ssh.
MACHINE_ALIVE = {"envman.process", "envman_vagrant", "envman_vagrant.enter", "envman_vagrant.ssh"}
MACHINE_RUN = {
    "envman.variables",
    "envman.handed",
    *MACHINE_ALIVE,
    "envman_vagrant.naming",
    "envman_vagrant.session",
}
SDK = ("docker", "requests", "urllib3", "http", "ssl", "ruamel", "jinja2")


def _loaded(scratch: Scratch, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "envman", *words],
        cwd=scratch.root,
        env=scratch.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def _own(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0].startswith("envman")}


@pytest.fixture
def ready(scratch: Scratch) -> Scratch:
    """A project that is up, with variables and a task."""
    scratch.write({"envman.toml": '[env]\nA = "${B:-c}"\n[tasks]\nt = ["true"]\n', "requirements.txt": "alpha\n"})
    scratch.up()
    return scratch


def test_help_loads_no_sdk(scratch: Scratch) -> None:
    loaded = _loaded(scratch, "--help")
    assert "click" in loaded
    assert not [name for name in HEAVY if name in loaded]


def test_a_no_op_up_loads_nothing_but_the_hot_path(ready: Scratch) -> None:
    loaded = _loaded(ready, "up")
    assert _own(loaded) - {"envman.__main__"} == HOT
    assert not {"click", "json", "re", "typing", "dataclasses", "subprocess", "pathlib"} & (
        loaded - _loaded(ready, "-V")
    )


@pytest.mark.parametrize("words", [("run", "true"), ("run", "t")])
def test_run_loads_little_more(ready: Scratch, words: tuple[str, ...]) -> None:
    loaded = _loaded(ready, *words)
    assert _own(loaded) - {"envman.__main__"} == HOT | HOT_RUN
    assert "click" not in loaded


def test_activate_speaks_from_the_hot_path(ready: Scratch) -> None:
    loaded = _loaded(ready, "activate", "--shell", "bash")
    assert "click" not in loaded
    assert "envman.verbs.activate" not in loaded


def test_a_status_that_nothing_changed_since_speaks_from_the_hot_path(ready: Scratch) -> None:
    loaded = _loaded(ready, "status")
    assert _own(loaded) - {"envman.__main__"} == HOT | {"envman.console"}
    quick, whole = ready.envman("status"), ready.envman("status", "--verbose")
    assert quick.out == whole.out
    assert ready.envman("status", "--json").json == ready.envman("--json", "status").json


@pytest.mark.parametrize("words", [("check",), ("status", "--verbose"), ("plan",)])
def test_a_look_loads_no_tool(ready: Scratch, words: tuple[str, ...]) -> None:
    assert not [name for name in HEAVY if name in _loaded(ready, *words)]


@pytest.mark.parametrize("words", [("check",), ("check", "--json"), ("list",), ("doctor",)])
def test_a_command_without_flags_needs_no_parser(scratch: Scratch, words: tuple[str, ...]) -> None:
    scratch.write({"requirements.txt": "alpha\n"})
    assert not {"click", "dataclasses", "inspect", "argparse"} & _loaded(scratch, *words)


def _after(scratch: Scratch, statement: str) -> set[str]:
    line = f"import sys; {statement}; print(*sys.modules)"
    words = [sys.executable, "-P", "-c", line]
    return set(subprocess.run(words, env=scratch.environ, capture_output=True, text=True, check=True).stdout.split())


def test_what_runs_in_a_container_loads_no_sdk(scratch: Scratch) -> None:
    loaded = _after(scratch, "import envman_docker.enter, envman_docker.session")
    assert _own(loaded) == {"envman", "envman.start", *DOCKER_ALIVE, "envman_docker.session"}
    assert not {*SDK, "pathlib", "typing", "subprocess"} & (loaded - _after(scratch, "pass"))


def test_what_runs_in_a_machine_loads_no_tool(scratch: Scratch) -> None:
    loaded = _after(scratch, "import envman_vagrant.enter, envman_vagrant.session")
    assert _own(loaded) <= {"envman", *MACHINE_RUN}
    assert not {*SDK, "json", "pathlib", "re", "typing", "subprocess"} & (loaded - _after(scratch, "pass"))


def test_the_faces_of_backends_load_no_tool(scratch: Scratch) -> None:
    loaded = _after(scratch, "from envman import backend; backend.options()")
    assert {"envman_docker.backend", "envman_venv.backend"} <= loaded
    assert not {*HEAVY, *SDK} & loaded


@pytest.mark.engine
def test_the_hot_path_in_a_container_asks_the_engine_and_loads_little_more(scratch: Scratch) -> None:
    engines.needs("docker")
    scratch.write({"envman.toml": 'backend = "docker"\n[tasks]\nt = ["true"]\n', "requirements.txt": "alpha\n"})
    try:
        assert not {"docker", "requests"} & _loaded(scratch, "up")  # the SDK is for streams
        for words, more in ((("up",), DOCKER_ALIVE), (("run", "true"), DOCKER_RUN), (("run", "t"), DOCKER_RUN)):
            loaded = _loaded(scratch, *words)
            assert _own(loaded) - {"envman.__main__"} == HOT | more
            assert not [name for name in ("click", *HEAVY, *SDK) if name in loaded]
    finally:
        scratch.envman("destroy", "--yes", "--data")


@pytest.mark.engine
def test_the_hot_path_in_a_machine_looks_at_the_connection_and_loads_little_more(scratch: Scratch) -> None:
    machines.needs_container()
    spec = f'backend = "vagrant"\n{machines.CONTAINER}[tasks]\nt = ["true"]\n'
    scratch.write({"envman.toml": spec, "requirements.txt": "alpha\n"})
    try:
        scratch.up()
        for words, more in ((("up",), MACHINE_ALIVE), (("run", "true"), MACHINE_RUN), (("run", "t"), MACHINE_RUN)):
            loaded = _loaded(scratch, *words)
            assert _own(loaded) - {"envman.__main__"} == HOT | more
            assert not [name for name in ("click", *HEAVY, *SDK) if name in loaded]
    finally:
        scratch.envman("destroy", "--yes", "--data")


def _imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_core_knows_no_backend_by_name() -> None:
    backends = {folder.name for folder in (ROOT / "backends").iterdir() if folder.is_dir()}
    for file in (ROOT / "envman").rglob("*.py"):
        assert not {name.split(".")[0] for name in _imports(file)} & backends, file
        if file.name != "cli.py":
            assert "click" not in {name.split(".")[0] for name in _imports(file)}, file


def test_what_is_below_does_not_know_what_is_above() -> None:
    for file in (ROOT / "envman" / "spec").glob("*.py"):
        above = {name for name in _imports(file) if name.startswith("envman.") and not name.startswith("envman.spec")}
        assert above <= {"envman.errors", "envman.frozen", "envman.problem"}, file
