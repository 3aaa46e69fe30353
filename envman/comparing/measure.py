"""Measuring: the real command line, on a copy of the project, one backend after the other, round after round."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from envman import active, inside, paths, process
from envman.backend import Backend
from envman.comparing import copying
from envman.comparing.figures import BYTES, QUERY, SECONDS, Figures, Measured
from envman.console import Console, counted, shortened
from envman.dependencies.installed import normal
from envman.errors import EnvmanError
from envman.files import remove_tree
from envman.frozen import replace
from envman.problem import Problem
from envman.process import Completed
from envman.project import Project
from envman.request import Request
from envman.services import catalogue, facts, order, probe

_QUICK = 5  # times a round, of what takes a moment
_PATIENCE = 60.0  # seconds that an interrupted `up` has to clean up
_ANSWERS_WITHIN = 20.0
_COPIES = "compare"  # in the cache folder
_HELD = "held"  # beside a copy: locked as long as it is measured
# Of the caller's: it would choose for the copy, or is about another environment.
_FOREIGN = ("ENVMAN_BACKEND", "ENVMAN_PROFILE", "ENVMAN_ACTIVE", "VIRTUAL_ENV")


class _Ended(Exception):
    """A backend that cannot be measured any further."""


class Bench:
    """The copy, and the calls that are made there."""

    def __init__(self, request: Request, project: Project, root: Path) -> None:
        environ = {name: value for name, value in request.environ.items() if name not in _FOREIGN}
        self.root = root
        self.request = replace(request, folder=root, backend=None, profiles=None, environ={**environ, "NO_COLOR": "1"})
        self.profiles = request.profiles or _profiles(request.environ)
        self.spec = project.spec
        self.masker = inside.masker(project, request.environ)
        self.flags = (*(["--offline"] if request.offline else []), *(["--locked"] if request.locked else []))

    def call(self, *words: str, on_line: Callable[[str], None]) -> tuple[float, Completed]:
        """The seconds that a command takes, as whoever types it waits for them."""
        argv = [sys.executable, "-P", "-m", "envman", *words]
        started = time.perf_counter()
        done = process.stream(argv, env=self.request.environ, cwd=str(self.root), on_line=on_line, patience=_PATIENCE)
        return time.perf_counter() - started, done

    def remove(self, on_line: Callable[[str], None]) -> Completed:
        """Take away all that was made for the copy, wherever it was made."""
        return self.call("destroy", "--yes", "--data", on_line=on_line)[1]


def _profiles(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    named = environ.get("ENVMAN_PROFILE", "")
    return tuple(named.split(",")) if named else None


class Subject:
    """One backend on its way through the rounds, with what was found so far."""

    def __init__(self, backend: Backend, bench: Bench, task: str | None) -> None:
        self.backend = backend
        self._bench = bench
        self._task = task
        self._samples: dict[str, list[float]] = {}
        self._units: dict[str, str] = {}
        self._packages: Mapping[str, str] = {}
        self._python = ""
        self._code: int | None = None
        self.failed = ""

    def measured(self) -> Measured:
        """As a value."""
        return Measured(
            figures={
                key: Figures(samples=tuple(samples), unit=self._units[key]) for key, samples in self._samples.items()
            },
            packages=self._packages,
            python=self._python,
            task_code=self._code,
            failed=self.failed,
        )

    def warm(self, on_line: Callable[[str], None]) -> None:
        """Once through, uncounted: what has to be fetched or built for the first time is in the caches then."""
        self._go(on_line, self._first)

    def round(self, on_line: Callable[[str], None]) -> None:
        """From nothing to nothing, with everything that is measured between."""
        self._go(on_line, self._whole)

    def _go(self, on_line: Callable[[str], None], steps: Callable[[Callable[[str], None]], None]) -> None:
        if self.failed:
            return
        copying.choose(self._bench.root, self.backend.NAME, self._bench.spec, self._bench.profiles)
        try:
            steps(on_line)
        except (_Ended, EnvmanError, OSError) as error:
            self.failed = shortened(self._bench.masker.mask(str(error)), 300)
        done = self._bench.remove(on_line)
        if done.code and not self.failed:
            self.failed = f"destroy: {_reason(self._bench, done)}"

    def _first(self, on_line: Callable[[str], None]) -> None:
        self._need(on_line, "up", *self._bench.flags)

    def _whole(self, on_line: Callable[[str], None]) -> None:
        self._note("cold_up", self._need(on_line, "up", *self._bench.flags))
        self._queries()
        for _ in range(_QUICK):
            self._note("no_op_up", self._need(on_line, "up"))
            self._note("run_true", self._need(on_line, "run", "true"))
        self._look()
        if self._task is not None:
            taken, done = self._bench.call("run", self._task, on_line=on_line)
            self._note("task", taken)
            self._code = self._code or done.code
        self._need(on_line, "down")
        self._note("warm_up", self._need(on_line, "up", *self._bench.flags))

    def _need(self, on_line: Callable[[str], None], *words: str) -> float:
        taken, done = self._bench.call(*words, on_line=on_line)
        if done.code:
            raise _Ended(f"{' '.join(words)}: {_reason(self._bench, done)}")
        return taken

    def _note(self, key: str, value: float, unit: str = SECONDS) -> None:
        self._samples.setdefault(key, []).append(value)
        self._units[key] = unit

    def _queries(self) -> None:
        project = active.read(self._bench.request)
        here = facts.on_host(project)
        for name in order.started(project.spec.services):
            ask = _question(project, name, here[name])
            if ask is not None:
                self._note(f"{QUERY}{name}", _until_answered(name, ask))

    def _look(self) -> None:
        request, backend = self._bench.request, self.backend
        project = active.read(request)
        observed = backend.observe(project, request.environ)
        self._packages = {normal(name): version for name, version in observed.packages.items()}
        self._python = observed.python
        usage = backend.usage(project, request.environ)
        disk = sum(usage.disk.values())
        if disk:  # nothing weighs nothing: then nobody could tell
            self._note("disk", disk, BYTES)
        vitals = backend.vitals(project, observed, request.environ)
        known = [one.memory for one in vitals.values() if one.memory is not None]
        if known or usage.memory is not None:
            self._note("memory", usage.memory or sum(known), BYTES)


def _question(project: Project, name: str, known: Mapping[str, str]) -> Callable[[], str | None] | None:
    """How a service is asked in its own protocol; None where it has none that we speak."""
    service, recipe = project.spec.services[name], catalogue.of(project.spec, name)
    if not known["port"]:
        return None
    address = known["host"], int(known["port"])
    if service.health and service.health.http:
        path = service.health.http
        return lambda: probe.http(address, path)
    if recipe is None or recipe.native.probe == "tcp":
        return None
    kind = recipe.native.probe
    return lambda: probe.ask(kind, address, known)


def _until_answered(name: str, ask: Callable[[], str | None]) -> float:
    started = time.perf_counter()
    while (why := ask()) is not None:
        if time.perf_counter() - started > _ANSWERS_WITHIN:
            raise _Ended(f"{name} did not answer after up: {why}")
        time.sleep(0.005)
    return time.perf_counter() - started


def _reason(bench: Bench, done: Completed) -> str:
    """What a failed command said last, for one line."""
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    said = errors[0] if errors else lines[-1] if lines else f"exit code {done.code}"
    return shortened(bench.masker.mask(said), 300)


def measure(
    request: Request, project: Project, backends: Sequence[Backend], *, rounds: int, task: str | None
) -> tuple[dict[str, Measured], list[Problem]]:
    """All of them in turn, each round beginning with another; what could not be removed in the end is told."""
    told: list[Problem] = []
    with _copied(request, project, told) as bench:
        subjects = [Subject(one, bench, task) for one in backends]
        for one in subjects:
            _told(request.console, one, "warms the caches", one.warm)
        for index in range(rounds):
            start = index % len(subjects)
            for one in (*subjects[start:], *subjects[:start]):
                if not one.failed:
                    _told(request.console, one, f"round {index + 1} of {rounds}", one.round)
    return {one.backend.NAME: one.measured() for one in subjects}, told


def _told(console: Console, subject: Subject, title: str, work: Callable[[Callable[[str], None]], None]) -> None:
    with console.step(subject.backend.NAME, title) as line:
        work(line.progress)
        if subject.failed:
            line.failed(f"{title}: {subject.failed}")
        else:
            line.done()


@contextmanager
def _copied(request: Request, project: Project, told: list[Problem]) -> Iterator[Bench]:
    # Not in /tmp: there packages could not be linked from the caches, and not every engine sees it.
    above = Path(paths.cache_folder()) / _COPIES
    above.mkdir(parents=True, exist_ok=True)
    _sweep(request, project, above)
    place = Path(tempfile.mkdtemp(dir=above))
    with (place / _HELD).open("w") as held:
        _try_lock(held)
        bench = Bench(request, project, place / project.root.name)
        try:
            copying.fill(project, bench.root, request.environ)
            yield bench
        finally:
            _take_away(request.console, bench, place, told)


def _sweep(request: Request, project: Project, above: Path) -> None:
    """What a measurement that was killed has left; one that still goes on holds its lock."""
    for place in sorted(above.iterdir()):
        try:
            with (place / _HELD).open("r+") as held:
                roots = [one for one in place.iterdir() if one.is_dir()] if _try_lock(held) else []
                for root in roots:
                    request.console.say(f"removing what an earlier measurement left in {root}")
                    _take_away(request.console, Bench(request, project, root), place, [])
        except OSError:
            continue


def _try_lock(stream: IO[str]) -> bool:
    if sys.platform == "win32":
        return False  # nothing is swept there: nobody could tell
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _take_away(console: Console, bench: Bench, place: Path, told: list[Problem]) -> None:
    try:
        if bench.root.is_dir():
            console.detail(f"  removing the copy in {bench.root}")
            done = bench.remove(console.detail)
            if done.code:
                problem = Problem(
                    message=f"the copy in {bench.root} could not be removed: {_reason(bench, done)}",
                    hint=f"envman -C {bench.root} destroy --yes --data",
                )
                console.error(problem)
                told.append(problem)
                return
        remove_tree(place)
    except KeyboardInterrupt:
        console.say(f"left behind: envman -C {bench.root} destroy --yes --data")
        raise


def summary(backends: Sequence[Backend], rounds: int) -> str:
    """What is about to happen."""
    names = ", ".join(one.NAME for one in backends)
    return f"measuring {names} on a copy of the project: {counted(rounds, 'round')}, and one before to warm the caches"
