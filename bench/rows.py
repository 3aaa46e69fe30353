"""The rows of the table: what is prepared for each, which commands are compared, and the bar that the design sets."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Command, Failed, Row, succeed
from bench.peers import Peers, base_interpreter
from tests.support.wheels import make_wheel

_PACKAGES = 300
_MODULES = 12
_FEW = 10
_KNOWN = (10, 100, 1000)
_KNOWN_QUICK = (10, 100)

_SPEC = """\
name = "shop"
requires = ">=0.1"
backend = "venv"
env_files = [".env?"]

[python]
version = "{version}"

[env]
PORT = "{{ports.web.inside}}"
HOST = "{{ports.web.bind}}"
SITE_URL = "http://localhost:{{ports.web.host}}"
GREETING = "${{GREETING:-hello}}"
pass = ["AWS_*"]

[ports]
web = 8000
admin = {{port = 9000}}

[hooks]
setup = [{{run = "true", inputs = ["migrations/**"]}}]

[tasks]
test = "pytest -q"
serve = ["python", "-m", "http.server"]

[network]
ca = "auto"
"""

_CLICK_PROGRAM = """\
import click


@click.command()
def main() -> None:
    pass


main()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A place where nothing of the user's is read or written, and the programs to measure."""

    folder: Path
    envman: Path
    peers: Peers
    quick: bool

    @property
    def wheels(self) -> Path:
        """The packages of every project here: local files, so that no row needs the network."""
        return self.folder / "wheels"

    def env(self, data: Path | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The same environment for every side: compiled files are written and used, no shim stands on the PATH."""
        return {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "UV_CACHE_DIR": str(self.folder / "uv-cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "PIP_CONFIG_FILE": os.devnull,
            "ENVMAN_DATA": str(data or self.folder / "data"),
            "ENVMAN_CACHE": str(self.folder / "cache"),
            **(more or {}),
        }

    def ours(self, label: str, cwd: Path, data: Path, *, before: Callable[[], None] | None = None) -> Command:
        """A command of envman's, written as it is typed; what follows a comma in the label is for the reader."""
        words = label.partition(",")[0].split()[1:]
        return Command(label=label, argv=(str(self.envman), *words), cwd=cwd, env=self.env(data), before=before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A row that can be asked for by its name."""

    name: str
    prepare: Callable[[World], Row]
    runs: int
    quick_runs: int
    slow: bool = False  # left out with --quick


def build(folder: Path, peers: Peers, *, quick: bool) -> World:
    """Make the place: a PATH of our own, and the wheels."""
    envman = Path(sys.executable).parent / "envman"
    if not envman.exists():
        raise Failed(f"envman is not installed beside {sys.executable}")
    world = World(folder=folder, envman=envman, peers=peers, quick=quick)
    for name in ("bin", "home", "wheels"):
        (folder / name).mkdir()
    for program in ("sh", "true"):
        (folder / "bin" / program).symlink_to(shutil.which(program) or program)
    (folder / "bin" / "python3").symlink_to(base_interpreter())
    for number in range(_PACKAGES):
        name = f"part_{number:03}"
        text = f'"""A module of {name}."""\n' + "VALUE = 1\n" * 20
        modules = {f"{name}/{module}.py": text for module in ("__init__", *(f"m{n}" for n in range(_MODULES - 1)))}
        make_wheel(world.wheels, name, "1.0", modules=modules)
    return world


def _names(count: int) -> list[str]:
    return [f"part-{number:03}" for number in range(count)]


def _pin(project: Path) -> None:
    # As in everybody's project; which interpreter that is, the PATH and the environments made here say.
    (project / ".python-version").write_text(f"{sys.version_info.major}.{sys.version_info.minor}\n", encoding="utf-8")


def _write_pyproject(world: World, project: Path) -> None:
    project.mkdir(parents=True)
    _pin(project)
    names = ", ".join(f'"{name}"' for name in _names(_FEW))
    text = f"""\
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"
dependencies = [{names}]

[tool.uv]
no-index = true
find-links = ["{world.wheels}"]

[tool.hatch.envs.default]
skip-install = true
python = "{base_interpreter()}"
dependencies = [{names}]
"""
    (project / "pyproject.toml").write_text(text, encoding="utf-8")


def _with_uv(world: World, project: Path) -> tuple[str, ...]:
    """The project, locked and installed by uv."""
    uv = str(world.peers.need("uv"))
    _write_pyproject(world, project)
    succeed([uv, "venv", "--python", str(base_interpreter())], cwd=project, env=world.env())
    succeed([uv, "sync"], cwd=project, env=world.env())
    return (uv,)


def _with_envman(world: World, project: Path, lock: Path, data: Path) -> None:
    """The same project from the same lock, installed by envman."""
    _write_pyproject(world, project)
    shutil.copy(lock, project)
    succeed([str(world.envman), "up"], cwd=project, env=world.env(data))


def _same_interpreter(*projects: Path) -> None:
    found = {str((project / ".venv" / "bin" / "python").resolve()) for project in projects}
    if len(found) > 1:
        raise Failed(f"the sides use different interpreters: {', '.join(sorted(found))}")


def _run(world: World) -> Row:
    folder, data = world.folder / "run", world.folder / "run-data"
    uv = _with_uv(world, folder / "uv")
    _with_envman(world, folder / "envman", folder / "uv" / "uv.lock", data)
    _same_interpreter(folder / "uv", folder / "envman")
    peers = [Command(label="uv run true", argv=(*uv, "run", "true"), cwd=folder / "uv", env=world.env())]
    # The floor: envman itself is a Python program in this environment.
    floor = (sys.executable, "-c", "pass")
    peers.append(Command(label="python -c pass", argv=floor, cwd=folder / "uv", env=world.env()))
    absent: dict[str, str] = {}
    try:
        peers.append(_hatch_run(world, folder / "hatch"))
    except Failed as error:
        absent["hatch run true"] = str(error).splitlines()[-1]
    return Row(
        name="run",
        ours=world.ours("envman run true", folder / "envman", data),
        peers=tuple(peers),
        bars={"uv run true": 1.2, "hatch run true": 0.06},
        absent=absent,
    )


def _hatch_run(world: World, project: Path) -> Command:
    program = str(world.peers.need("hatch"))
    _write_pyproject(world, project)
    own = {
        "HATCH_DATA_DIR": str(world.folder / "hatch-data"),
        "HATCH_CACHE_DIR": str(world.folder / "hatch-cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(world.wheels),
    }
    env = world.env(more=own)
    succeed([program, "run", "true"], cwd=project, env=env)
    return Command(label="hatch run true", argv=(program, "run", "true"), cwd=project, env=env)


def _up(world: World) -> Row:
    folder, data = world.folder / "up", world.folder / "up-data"
    uv = _with_uv(world, folder / "uv")
    _with_envman(world, folder / "envman", folder / "uv" / "uv.lock", data)
    _same_interpreter(folder / "uv", folder / "envman")
    return Row(
        name="up",
        ours=world.ours("envman up", folder / "envman", data),
        peers=(Command(label="uv sync", argv=(*uv, "sync"), cwd=folder / "uv", env=world.env()),),
        bars={"uv sync": 1.7},
    )


def _cold(count: int, bar: float | None, *, with_poetry: bool = False) -> Callable[[World], Row]:
    def prepare(world: World) -> Row:
        folder, data = world.folder / f"cold-{count}", world.folder / f"cold-{count}-data"
        uv = str(world.peers.need("uv"))
        theirs, mine = folder / "uv", folder / "envman"
        for project in (theirs, mine):
            project.mkdir(parents=True)
            _pin(project)
        wanted = folder / "requirements.in"
        wanted.write_text("\n".join(_names(count)) + "\n", encoding="utf-8")
        lock = [uv, "pip", "compile", "--no-index", "--find-links", str(world.wheels), "--no-header", "--no-annotate"]
        lock += ["--python", str(base_interpreter()), str(wanted), "--output-file", "pylock.toml"]
        succeed(lock, cwd=theirs, env=world.env())
        shutil.copy(theirs / "pylock.toml", mine)

        def forget_ours() -> None:
            for gone in (mine / ".venv", mine / ".envman", data):
                shutil.rmtree(gone, ignore_errors=True)

        sync = f"'{uv}' venv --python '{base_interpreter()}' && '{uv}' pip sync pylock.toml --preview-features pylock"
        peers = [_afresh(world, "uv venv + uv pip sync", (shutil.which("sh") or "/bin/sh", "-c", sync), theirs)]
        absent: dict[str, str] = {}
        if with_poetry:
            try:
                peers.append(_poetry_install(world, folder / "poetry", count))
            except Failed as error:
                absent["poetry install"] = str(error).splitlines()[-1]
        for command in peers:
            succeed(command.argv, cwd=command.cwd, env=command.env)
        ours = world.ours(f"envman up, {count} packages", mine, data, before=forget_ours)
        succeed(ours.argv, cwd=ours.cwd, env=ours.env)
        _same_interpreter(mine, theirs)
        _same_packages(mine, *(command.cwd for command in peers))
        bars = {} if bar is None else {"uv venv + uv pip sync": bar}
        return Row(name=f"cold-{count}", ours=ours, peers=tuple(peers), bars=bars, absent=absent)

    return prepare


def _afresh(
    world: World, label: str, argv: tuple[str, ...], project: Path, more: Mapping[str, str] | None = None
) -> Command:
    """A command that finds no environment."""

    def forget() -> None:
        shutil.rmtree(project / ".venv", ignore_errors=True)

    return Command(label=label, argv=argv, cwd=project, env=world.env(more=more), before=forget)


def _same_packages(*projects: Path) -> None:
    found = {
        project.name: {file.name for file in project.glob(".venv/lib/*/site-packages/part_*")} for project in projects
    }
    if len(set(map(frozenset, found.values()))) > 1:
        counts = ", ".join(f"{name} {len(files)}" for name, files in found.items())
        raise Failed(f"the sides installed different packages: {counts}")


def _poetry_install(world: World, project: Path, count: int) -> Command:
    program = str(world.peers.need("poetry"))
    project.mkdir(parents=True)
    _pin(project)
    files = [
        f'{name} = {{path = "{next(world.wheels.glob(name.replace("-", "_") + "-*"))}"}}' for name in _names(count)
    ]
    python = f">={sys.version_info.major}.{sys.version_info.minor}"
    text = f"""\
[tool.poetry]
package-mode = false

[tool.poetry.dependencies]
python = "{python}"
{chr(10).join(files)}
"""
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    more = {
        "POETRY_CACHE_DIR": str(world.folder / "poetry-cache"),
        "POETRY_CONFIG_DIR": str(world.folder / "poetry-config"),
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_NO_INTERACTION": "1",
    }
    succeed([program, "lock"], cwd=project, env=world.env(more=more))
    return _afresh(world, "poetry install", (program, "install"), project, more)


def _check(world: World) -> Row:
    project = world.folder / "check"
    project.mkdir()
    (project / "envman.toml").write_text(
        _SPEC.format(version=f"{sys.version_info.major}.{sys.version_info.minor}"), encoding="utf-8"
    )
    program = project / "nothing.py"
    program.write_text(_CLICK_PROGRAM, encoding="utf-8")
    label = "a click program that does nothing"
    return Row(
        name="check",
        ours=world.ours("envman check", project, world.folder / "check-data"),
        peers=(Command(label=label, argv=(sys.executable, str(program)), cwd=project, env=world.env()),),
        bars={label: 2.5},
    )


def _substitute(file: Path, changes: Mapping[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _known_folders(world: World) -> tuple[Path, Path]:
    """A provisioned project, and a data folder that knows nothing else."""
    folder, data = world.folder / "known", world.folder / "known-data-1"
    project = folder / "original"
    if not project.exists():
        project.mkdir(parents=True)
        _pin(project)
        (project / "requirements.txt").write_text("", encoding="utf-8")
        succeed([str(world.envman), "up"], cwd=project, env=world.env(data))
    return project, data


def _knowing(world: World, count: int) -> tuple[Path, Path]:
    """The project, and a data folder that knows it and others like it: folders, environments and records are real."""
    project, alone = _known_folders(world)
    data = world.folder / f"known-data-{count}"
    if data.exists():
        return project, data
    shutil.copytree(alone, data)
    own = (project / ".envman" / "id").read_text(encoding="ascii").strip()
    for number in range(1, count):
        other = hashlib.sha256(str(number).encode()).hexdigest()[:16]
        root = project.parent / f"other-{number:04}"
        changes = {str(project): str(root), own: other}
        if not root.exists():
            shutil.copytree(project, root, symlinks=True)
            for file in (root / ".envman" / "id", root / ".venv" / "envman.json"):
                _substitute(file, changes)
        shutil.copytree(alone / "projects" / own, data / "projects" / other)
        for file in (data / "projects" / other).iterdir():
            if file.is_file():
                _substitute(file, changes)
    return project, data


def _growth(name: str, command: str, *, linear: bool) -> Callable[[World], Row]:
    def prepare(world: World) -> Row:
        counts = _KNOWN_QUICK if world.quick else _KNOWN
        commands = {}
        for count in counts:
            project, data = _knowing(world, count)
            commands[count] = world.ours(f"{command}, {count} known", project, data)
        *fewer, most = commands.values()
        # Linear is the worst that may be; what asks for one project must not notice the others.
        bars = {
            commands[count].label: float(counts[-1] // count) if linear else 1.2 for count in counts[:-1]
        }  # fmt: skip
        return Row(name=name, ours=most, peers=tuple(reversed(fewer)), bars=bars)

    return prepare


ROWS = (
    Planned(name="run", prepare=_run, runs=31, quick_runs=7),
    Planned(name="up", prepare=_up, runs=31, quick_runs=7),
    Planned(name="cold-10", prepare=_cold(10, None), runs=7, quick_runs=3),
    Planned(name="cold-40", prepare=_cold(40, 2.5, with_poetry=True), runs=7, quick_runs=3),
    Planned(name="cold-100", prepare=_cold(100, None), runs=7, quick_runs=3, slow=True),
    Planned(name="cold-300", prepare=_cold(300, 1.3), runs=7, quick_runs=3, slow=True),
    Planned(name="check", prepare=_check, runs=21, quick_runs=7),
    Planned(name="status", prepare=_growth("status", "envman status", linear=False), runs=21, quick_runs=7),
    Planned(name="list", prepare=_growth("list", "envman list", linear=True), runs=21, quick_runs=7),
    Planned(name="run-known", prepare=_growth("run-known", "envman run true", linear=False), runs=31, quick_runs=7),
)
