"""The rows: what is measured, against what, and the bar that the design sets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from bench.measure import Figure, Subject, measure
from tests.support.wheels import make_wheel

_FILES_A_PACKAGE = 12
# What `hatch new` and `uv init --package` write: a package, installed editable, with one dependency.
_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["click"]
"""
_FOREIGN = ("VIRTUAL_ENV", "UV_PYTHON", "PYTHONDONTWRITEBYTECODE", "ENVMAN_DATA", "ENVMAN_BACKEND", "ENVMAN_PROFILE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A place to measure in, and the tools to measure."""

    folder: Path
    peers: Path

    @property
    def python(self) -> str:
        """One interpreter for everybody: finding it is not what is measured."""
        return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())

    @property
    def env(self) -> dict[str, str]:
        """The variables that every subject gets."""
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        # Shims of version managers start a shell for every program: nobody's time to answer for.
        path = [part for part in kept["PATH"].split(os.pathsep) if "shims" not in part]
        return {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(self.peers), *path]),
            "ENVMAN_DATA": str(self.folder / "data"),
            "HATCH_DATA_DIR": str(self.folder / "hatch"),
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_CACHE_DIR": str(self.folder / "poetry"),
        }

    def subject(
        self, name: str, argv: Sequence[str], cwd: Path, *, prepare: Callable[[], None] | None = None, **more: str
    ) -> Subject:
        """A subject with the common variables."""
        return Subject(name=name, argv=argv, cwd=cwd, env={**self.env, **more}, prepare=prepare)

    def envman(self, *words: str) -> list[str]:
        """Our command as it is installed: the console script."""
        return [str(Path(sys.executable).with_name("envman")), *words]

    def call(self, argv: Sequence[str], cwd: Path) -> None:
        """A command of the preparation."""
        subprocess.run(argv, cwd=cwd, env=self.env, check=True, capture_output=True)


def _project(bench: Bench, name: str) -> Path:
    root = bench.folder / name
    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text(_PYPROJECT, encoding="utf-8")
    (root / "src" / "shop").mkdir(parents=True)
    (root / "src" / "shop" / "__init__.py").touch()
    return root


def _wheels(bench: Bench, count: int) -> Path:
    house = bench.folder / "wheels"
    house.mkdir(exist_ok=True)
    for number in range(count):
        name = f"package{number:03}"
        if not list(house.glob(f"{name}-*")):
            modules = {f"{name}/m{index}.py": f"value = {index}\n" * 40 for index in range(_FILES_A_PACKAGE)}
            make_wheel(house, name, "1.0", modules={f"{name}/__init__.py": "", **modules})
    return house


def run_nothing_to_do(bench: Bench, runs: int) -> list[Figure]:
    """`run true` in an environment that is as it should be."""
    ours, theirs = _project(bench, "run-ours"), _project(bench, "run-theirs")
    bench.call(bench.envman("up"), ours)
    bench.call([uv.find_uv_bin(), "sync"], theirs)
    hatched = _project(bench, "run-hatch")
    bench.call(["hatch", "run", "true"], hatched)
    return measure(
        bench.subject("envman run true", bench.envman("run", "true"), ours),
        [
            (bench.subject("uv run true", [uv.find_uv_bin(), "run", "true"], theirs), 1.2),
            (bench.subject("hatch run true", ["hatch", "run", "true"], hatched), 0.06),
        ],
        runs=runs,
    )


def up_nothing_to_do(bench: Bench, runs: int) -> list[Figure]:
    """`up` with nothing to do."""
    ours, theirs = _project(bench, "up-ours"), _project(bench, "up-theirs")
    bench.call(bench.envman("up"), ours)
    bench.call([uv.find_uv_bin(), "sync"], theirs)
    return measure(
        bench.subject("envman up", bench.envman("up"), ours),
        [(bench.subject("uv sync", [uv.find_uv_bin(), "sync"], theirs), 1.7)],
        runs=runs,
    )


def _up_cold(bench: Bench, runs: int, count: int, bar: float | None) -> list[Figure]:
    tool, house = uv.find_uv_bin(), _wheels(bench, count)
    ours, theirs = bench.folder / f"cold-{count}-ours", bench.folder / f"cold-{count}-theirs"
    for root in (ours, theirs):
        root.mkdir()
    names = "".join(f"package{number:03}==1.0\n" for number in range(count))
    (theirs / "requirements.in").write_text(names, encoding="utf-8")
    lock = [tool, "pip", "compile", "-q", "--no-index", "--find-links", str(house), "--format", "pylock.toml"]
    bench.call([*lock, "--no-header", "requirements.in", "-o", "pylock.toml"], theirs)
    shutil.copy(theirs / "pylock.toml", ours / "pylock.toml")

    def afresh(root: Path) -> Callable[[], None]:
        def remove() -> None:
            for place in (root / ".venv", root / ".envman", bench.folder / "data"):
                shutil.rmtree(place, ignore_errors=True)

        return remove

    # --python everywhere: `uv pip sync` on anything but a throw-away environment empties it.
    create = f"'{tool}' venv -q --python '{bench.python}' .venv"
    pair = f"{create} && '{tool}' pip sync -q --python .venv/bin/python --preview-features pylock pylock.toml"
    others = [(bench.subject("uv venv + uv pip sync", ["sh", "-c", pair], theirs, prepare=afresh(theirs)), bar)]
    return measure(
        bench.subject(f"envman up, {count} packages", bench.envman("up"), ours, prepare=afresh(ours)), others, runs=runs
    )


def up_cold_poetry(bench: Bench, runs: int) -> list[Figure]:
    """`up` from nothing at 40 packages, against Poetry with its own lock."""
    house = _wheels(bench, 40)
    ours, theirs = bench.folder / "poetry-ours", bench.folder / "poetry-theirs"
    for root in (ours, theirs):
        root.mkdir()
    names = [f"package{number:03}" for number in range(40)]
    links = "".join(f'{name} = {{path = "{next(house.glob(name + "-*"))}"}}\n' for name in names)
    text = f'[tool.poetry]\nname = "shop"\npackage-mode = false\n[tool.poetry.dependencies]\npython = ">=3.11"\n{links}'
    (theirs / "pyproject.toml").write_text(text, encoding="utf-8")
    bench.call(["poetry", "lock", "--quiet"], theirs)
    (ours / "requirements.in").write_text("".join(f"{name}==1.0\n" for name in names), encoding="utf-8")
    lock = [
        uv.find_uv_bin(),
        "pip",
        "compile",
        "-q",
        "--no-index",
        "--find-links",
        str(house),
        "--format",
        "pylock.toml",
    ]
    bench.call([*lock, "--no-header", "requirements.in", "-o", "pylock.toml"], ours)

    def afresh(root: Path) -> Callable[[], None]:
        def remove() -> None:
            for name in (".venv", ".envman"):
                shutil.rmtree(root / name, ignore_errors=True)

        return remove

    return measure(
        bench.subject("envman up, 40 packages", bench.envman("up"), ours, prepare=afresh(ours)),
        [(bench.subject("poetry install", ["poetry", "install", "--quiet"], theirs, prepare=afresh(theirs)), None)],
        runs=runs,
    )


def check(bench: Bench, runs: int) -> list[Figure]:
    """`check` of a valid spec, against a click program that does nothing."""
    root = _project(bench, "check")
    (root / "envman.toml").write_text(
        'name = "shop"\n[env]\nA = "${B:-c}"\nPORT = "{ports.web.inside}"\n[ports]\nweb = 8000\n'
        '[tasks]\ntest = "pytest -q"\n[hooks]\nsetup = [{run = "true", inputs = ["migrations/**"]}]\n',
        encoding="utf-8",
    )
    nothing = root / "nothing.py"
    nothing.write_text("import click\n@click.command()\ndef main(): pass\nmain()\n", encoding="utf-8")
    return measure(
        bench.subject("envman check", bench.envman("check"), root),
        [(bench.subject("a click program that does nothing", [sys.executable, str(nothing)], root), 2.5)],
        runs=runs,
    )


def known_environments(bench: Bench, runs: int) -> list[Figure]:
    """The price of many known environments: `run`, `status` and `list` with 10, 100 and 1,000 of them."""
    figures: list[Figure] = []
    for count in (10, 100, 1000):
        here = Bench(folder=bench.folder / f"known-{count}", peers=bench.peers)
        root = _project(here, "shop")
        here.call(here.envman("up"), root)
        _register(here, count)
        for words in (("run", "true"), ("status",), ("list",)):
            name = f"envman {' '.join(words)}, {count} known"
            figures += measure(here.subject(name, here.envman(*words), root), [], runs=runs)
    return figures


def _register(bench: Bench, count: int) -> None:
    # The records of other projects, as `up` leaves them; their folders exist, so that nothing is pruned.
    projects = bench.folder / "data" / "projects"
    (own,) = projects.iterdir()
    for number in range(count - 1):
        root = bench.folder / "others" / f"{number:04}"
        root.mkdir(parents=True)
        folder = projects / f"{number:016x}"
        folder.mkdir()
        record = {"root": str(root), "name": root.name, "place": [0, number], "created": 1_700_000_000}
        (folder / "project.json").write_text(json.dumps(record), encoding="utf-8")
        shutil.copy(own / "ready", folder / "ready")


ROWS: dict[str, Callable[[Bench, int], list[Figure]]] = {
    "run": run_nothing_to_do,
    "up": up_nothing_to_do,
    "check": check,
    "cold-10": lambda bench, runs: _up_cold(bench, max(runs // 3, 3), 10, None),
    "cold-40": lambda bench, runs: _up_cold(bench, max(runs // 3, 3), 40, 2.5),
    "cold-100": lambda bench, runs: _up_cold(bench, max(runs // 3, 3), 100, None),
    "cold-300": lambda bench, runs: _up_cold(bench, max(runs // 3, 3), 300, 1.3),
    "cold-poetry": lambda bench, runs: up_cold_poetry(bench, max(runs // 5, 3)),
    "known": lambda bench, runs: known_environments(bench, max(runs // 2, 3)),
}
