"""Carrying out a plan. Nothing is decided here: each step is done, shown, and recorded once it succeeded."""

from __future__ import annotations

import os
import time
from pathlib import Path

from envman import hooks, inside, process, state
from envman.backend import Backend, Job, Observed, enter_of
from envman.dependencies import resolve
from envman.dependencies.resolve import Resolve
from envman.errors import EnvmanError, StepFailed
from envman.frozen import frozen
from envman.hooks import RunHook
from envman.plan import Plan, Step
from envman.problem import Problem
from envman.project import Project
from envman.request import Request
from envman.secrets import Masker

_LOG_LIMIT = 2_000_000


@frozen
class Log:
    """The file that keeps everything the steps said."""

    file: Path
    masker: Masker
    descriptor: int  # open for as long as we live: tools say hundreds of lines, and each is kept at once

    def write(self, text: str) -> None:
        """Add a line, secrets masked."""
        line = self.masker.mask(text).rstrip("\n") + "\n"
        try:
            os.write(self.descriptor, line.encode("utf-8", "replace"))
        except OSError as error:  # a full disk is met while writing, and then nobody says where
            raise OSError(error.errno, error.strerror, str(self.file)) from error


def open_log(folder: Path, command: str, masker: Masker) -> Log:
    """The log of one command, continued; the one before it is kept when it grew long."""
    file = folder / "logs" / f"{command}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > _LOG_LIMIT:
        file.replace(file.with_suffix(".log.1"))
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    log = Log(file=file, masker=masker, descriptor=descriptor)
    log.write(f"\n=== envman {command}, {time.strftime('%Y-%m-%d %H:%M:%S')}")
    return log


class Executor:
    """One plan being carried out on one backend."""

    def __init__(self, request: Request, project: Project, backend: Backend, log: Log) -> None:
        self._request = request
        self._project = project
        self._backend = backend
        self._log = log
        self._folder = log.file.parent.parent
        self._observed: Observed | None = None

    def run(self, plan: Plan) -> None:
        """Do every step; the first that fails ends it."""
        for step in plan.steps:
            self._do(step, note="\n".join(step.changes) if plan.goal.builds else "")

    def _do(self, step: Step, *, note: str) -> None:
        self._log.write(f"--- {step.name}: {step.title} # {step.reason}")
        with self._request.console.step(step.name, step.title) as line:
            job = Job(
                project=self._project,
                environ=self._request.environ,
                offline=self._request.offline,
                locked=self._request.locked,
                line=line,
                log=self._log.write,
                masker=self._log.masker,
            )
            try:
                title = self._operate(step, job)
            except EnvmanError as error:
                self._log.write("\n".join(problem.message for problem in error.problems))
                raise self._with_log(error) from error
            line.done(title, note=note)

    def _look(self) -> Observed:
        # Hooks change nothing that is observed here, and a look may cost a second on other backends.
        if self._observed is None:
            self._observed = self._backend.observe(self._project, self._request.environ)
        return self._observed

    def _operate(self, step: Step, job: Job) -> str | None:
        if isinstance(step.operation, Resolve):
            return resolve.resolve(step.operation, job)
        if isinstance(step.operation, RunHook):
            return self._run_hook(step.operation, job)
        self._observed = None
        return self._backend.apply(step.operation, job)

    def _with_log(self, error: EnvmanError) -> EnvmanError:
        first, *rest = error.problems
        masked = Problem(
            message=self._log.masker.mask(first.message),
            hint="\n".join(line for line in (first.hint, f"the whole log: {self._log.file}") if line),
            file=first.file,
            line=first.line,
            column=first.column,
            key=first.key,
        )
        return type(error)([masked, *rest])

    def _run_hook(self, operation: RunHook, job: Job) -> str:
        observed = self._look()
        argv, env, cwd = self._entered(observed, operation.hook.run.argv())

        def on_line(line: str) -> None:
            job.line.progress(self._log.masker.mask(line))
            job.log(line)

        try:
            done = process.stream(argv, env=env, cwd=cwd, on_line=on_line)
        except OSError as error:
            message = f"hook {operation.moment}: {argv[0]}: {error.strerror}"
            raise StepFailed(Problem(message=message, key=f"hooks.{operation.moment}[{operation.index}]")) from error
        if done.code:
            said = self._log.masker.mask(done.last_lines(12)) or "it said nothing"
            raise StepFailed(
                Problem(
                    message=f"hook {operation.moment}: {operation.hook.run} ended with {done.code}\n{said}",
                    hint="mend it, then: envman up (it resumes here)",
                    key=f"hooks.{operation.moment}[{operation.index}]",
                )
            )
        self._record_hook(operation, observed)
        return str(operation.hook.run)

    def _entered(self, observed: Observed, argv: tuple[str, ...]) -> tuple[list[str], dict[str, str], str]:
        place = self._backend.place(self._project, observed)
        view = self._backend.viewpoint(self._project)
        values = inside.resolve(self._project, view, self._request.environ)
        enter = enter_of(self._backend.ENTER)
        inner, env, cwd = enter.enter(place, values, self._request.environ, argv, str(self._project.root))
        return list(inner), dict(env), cwd

    def _record_hook(self, operation: RunHook, observed: Observed) -> None:
        if operation.moment != "setup":
            return
        record = state.read(self._folder, self._backend.NAME)
        fingerprint = hooks.fingerprint(
            self._project, operation, generation=observed.generation, packages=observed.packages_fingerprint
        )
        state.write(self._folder, self._backend.NAME, record.with_hook(hooks.name_of(operation), fingerprint))
