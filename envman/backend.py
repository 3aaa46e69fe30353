"""The contract of a backend: a module with a few functions. This file is the interface's one description."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from envman.console import StepLine
from envman.errors import EngineMissing, UsageError
from envman.frozen import field, frozen, frozen_in_order, replace
from envman.inside import Viewpoint
from envman.plan import Goal, Step
from envman.problem import Problem
from envman.process import Completed
from envman.project import Project
from envman.secrets import Masker
from envman.spec.model import Spec
from envman.spec.recipe import Recipe
from envman.spec.shape import Fault, Shape, suggestion

GROUP = "envman.backends"


class State(StrEnum):
    """What is there of a project on a backend."""

    ABSENT = "absent"
    PARTIAL = "partial"
    STOPPED = "stopped"
    RUNNING = "running"
    DEGRADED = "degraded"


@frozen
class Observed:
    """One look at a project on a backend; planning uses nothing else."""

    state: State
    generation: str = ""  # changes whenever the environment is created anew
    python: str = ""  # of the environment as it is
    target_python: str = ""  # of the environment as it will be after an up, as far as that is known before
    executable: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    packages_fingerprint: str = ""  # of the source that the packages were installed from
    drift: tuple[Drift, ...] = ()
    # Ports of this machine that it holds now. None: it never holds any, the project's own programs do.
    ports: frozenset[int] | None = None
    services: Mapping[str, Serving] = field(default_factory=dict)  # those of the spec, and others that still run
    stops: bool = False  # whether all this can end without a trace in any file: then the hot path asks `alive`
    detail: Any = None  # the backend's own findings


@frozen
class Serving:
    """A service as it is found."""

    state: State
    title: str = ""  # as people call it: PostgreSQL 18.6
    source: str = ""  # binary, wheel, container, process
    version: str = ""
    port: int | None = None  # of this machine
    since: int | None = None  # seconds of the epoch
    why: str = ""  # it is not running, as far as that is known
    made_from: str = ""  # a digest of what it was started with


@frozen
class Vitals:
    """How a running service is in this moment."""

    memory: int | None = None  # bytes; None: unknown
    why: str = ""  # it does not answer


@frozen
class Offer:
    """How a backend would run one version of a server of the catalogue."""

    version: str  # as a spec asks for it
    source: str  # binary, wheel, container; empty: it cannot
    title: str = ""  # PostgreSQL 18.6, as far as it is known before
    how: str = ""  # where it stands, or what brings it here


@frozen
class Drift:
    """Something that is not as the spec says: what, why, and the command that mends it."""

    input: str
    why: str
    fix: str


@frozen
class Job:
    """What an operation may use while it is carried out."""

    project: Project
    environ: Mapping[str, str]
    offline: bool
    locked: bool
    line: StepLine
    log: Callable[[str], None]
    masker: Masker
    uv: Callable[[Sequence[str]], Completed] | None = None  # how uv is run, where it is not on this machine


@frozen
class Usage:
    """What a project costs on a backend, in bytes."""

    disk: Mapping[str, int] = field(default_factory=dict)  # by the names that the steps of a destroy list as changes
    memory: int | None = None  # None: unknown


@frozen_in_order
class Line:
    """What a service has said, without its end."""

    text: str
    time: float | None  # the second of the epoch in which it was said; None: nobody knows


class Log(Protocol):
    """What one service says: first what there is, then, asked again and again, what has come since."""

    def begin(self, since: float | None) -> Sequence[Line]:
        """The lines that there are, in the order in which they were said.

        With a moment, none that is known to be older; what may be older or not is given.
        """

    def more(self) -> Sequence[Line]:
        """The lines that have come since the last call. Does not wait for any."""

    def rest(self) -> Sequence[Line]:
        """A last line whose end has not come, for somebody who does not wait for it."""

    def close(self) -> None:
        """Let go of files and connections; may be called before `begin`, and again."""


class Backend(Protocol):
    """An isolation level. A module is one; built-in backends register through the entry points that everybody has."""

    NAME: str
    SUMMARY: str  # what it isolates, in one line
    RANK: int  # the lowest is used where nobody chose
    ENTER: str  # the import-light module with `enter` and `change`, which the hot path loads
    OPTIONS: Shape[Any] | None  # the shape of its own table in the spec
    GROWS: bool  # whether what it made grows without a trace in any file
    DEPENDS: Sequence[str]  # variables that lead to another engine: what is known holds for their values
    # What `compare` shows, in at most twenty letters each:
    ISOLATES: Mapping[str, str]  # files, processes, kernel, network: "shared", or what begins with "own"
    REPEATS: str  # what is the same again on another machine
    NEEDS: str  # what a machine must have for it
    # Beyond what stands here, a backend may have:
    # CONTAINERS, a module, where it runs servers for other levels too: `services.containers` describes it;
    # BORROWS, true where its own servers in containers are those that such a module runs;
    # machines(project, environ), the names of snapshots of a whole machine, where it carries out `services.snapshots`'
    # SaveMachine and its like;
    # ssh_config(project, environ), what ssh has to know to reach the inside, as names and values;
    # isolates(spec, environ), where a spec changes what ISOLATES says.

    def missing(self, environ: Mapping[str, str]) -> Sequence[Problem]:
        """What keeps this machine from running it, each with the command that mends it. Quick."""

    def taken(self, environ: Mapping[str, str]) -> Mapping[int, str]:
        """Ports of this machine that its engine has given away, and to whom. Quick; empty where none answers."""

    def facts(self, environ: Mapping[str, str]) -> Sequence[str]:
        """What `doctor` shows of what the backend finds here; may take its time."""

    def check(self, spec: Spec) -> Sequence[Fault]:
        """The keys of the spec that it cannot honour."""

    def observe(self, project: Project, environ: Mapping[str, str]) -> Observed:
        """What is there now: the engine's word before our own notes."""

    def plan(self, project: Project, observed: Observed, goal: Goal) -> tuple[Step, ...]:
        """The steps to the goal. Pure: decided from the arguments alone."""

    def apply(self, operation: Any, job: Job) -> str | None:
        """Carry out one operation of its own plan, or one of `services.snapshots` or `services.upgrades`.

        Answers with a better title for the row, if there is one.
        """

    def place(self, project: Project, observed: Observed) -> Mapping[str, str]:
        """The strings that `enter` needs to find the environment again."""

    def watched(self, project: Project, observed: Observed) -> Sequence[str]:
        """Files whose size and time tell that nothing happened behind our back."""

    def viewpoint(self, project: Project) -> Viewpoint:
        """How things look from inside. Pure."""

    def usage(self, project: Project, environ: Mapping[str, str]) -> Usage:
        """Disk and memory that it takes here."""

    def vitals(self, project: Project, observed: Observed, environ: Mapping[str, str]) -> Mapping[str, Vitals]:
        """How each running service is in this moment. Runs nothing of the project."""

    def offers(self, recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
        """How it would run each version of a server; for one that it cannot run, the way to change that."""

    def logs(self, project: Project) -> Mapping[str, Log]:
        """What each service says, those included that have said nothing; nothing is opened yet."""


class Enter(Protocol):
    """The hot half of a backend."""

    def execute(
        self,
        place: Mapping[str, str],
        variables: Mapping[str, str],
        environ: Mapping[str, str],
        argv: Sequence[str],
        cwd: str,
    ) -> int | None:
        """Run a command of the user's inside, with the caller's streams, terminal and signals.

        Becomes the command, or answers with its exit code; None when there is nothing to run it in any more. Raises
        OSError when the command cannot be started, FileNotFoundError when there is no such program.
        """

    def enter(
        self,
        place: Mapping[str, str],
        variables: Mapping[str, str],
        environ: Mapping[str, str],
        argv: Sequence[str],
        cwd: str,
    ) -> tuple[Sequence[str], Mapping[str, str], str]:
        """Argument vector, variables and folder of a process that runs a command inside, without a terminal. Pure."""

    def change(self, place: Mapping[str, str], variables: Mapping[str, str]) -> Any:
        """What a shell of this machine must change to be inside; None where only a process inside can be."""


class Stopping(Enter, Protocol):
    """The hot half of a backend whose environment can stop."""

    def alive(self, place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
        """Whether it still runs. The question must cost a few milliseconds."""


def registered() -> dict[str, str]:
    """Name and module of every backend installed beside envman."""
    # importlib.metadata takes 40 ms for this question; the files that it reads are these.
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                found.update(_entry_points(Path(folder, name, "entry_points.txt")))
    return dict(sorted(found.items()))


def _entry_points(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return {}
    inside = False
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{GROUP}]"
        elif inside and "=" in line:
            name, _, module = line.partition("=")
            found[name.strip()] = module.strip()
    return found


def load(name: str) -> Backend:
    """The backend of that name; raises UsageError when there is none."""
    known = registered()
    if name not in known:
        hint = suggestion(name, known)
        raise UsageError(Problem(message=f'there is no backend "{name}" in this envman', hint=hint, key="backend"))
    return as_backend(import_module(known[name]))


def as_backend(module: ModuleType) -> Backend:
    """The module, seen as the backend that it says it is."""
    return cast("Backend", module)


def enter_of(module: str) -> Enter:
    """The hot half of a backend, by its module's name."""
    return cast("Enter", import_module(module))


def options() -> dict[str, Shape[Any]]:
    """The shapes of the backends' own tables."""
    shapes = {name: as_backend(import_module(module)).OPTIONS for name, module in registered().items()}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def taken(environ: Mapping[str, str]) -> dict[int, str]:
    """What the engines of all backends have given away of this machine's ports, and to whom."""
    found: dict[int, str] = {}
    for module in registered().values():
        found |= as_backend(import_module(module)).taken(environ)
    return found


def choose(names: Sequence[str], environ: Mapping[str, str]) -> tuple[Backend, tuple[Problem, ...]]:
    """The first backend that this machine can run, and why the ones before it were passed over."""
    passed: list[Problem] = []
    missing: Sequence[Problem] = ()
    for name in names:
        if len(names) > 1 and name not in registered():
            passed.append(Problem(message=f'backend "{name}" is not part of this envman', key="backend"))
            continue
        backend = load(name)
        missing = backend.missing(environ)
        if not missing:
            return backend, tuple(passed)
        passed += [replace(one, message=f"{name} is passed over: {one.message}") for one in missing]
    raise EngineMissing(list(missing) if len(names) == 1 else passed)
