"""`envman run --everywhere`: a command on every backend that this machine can run, and a matrix of what came of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from envman import active, backend, beside, inside, process
from envman.active import Active
from envman.answer import Answer
from envman.backend import Backend
from envman.console import columns
from envman.errors import RUN_FAILED, EnvmanError, UsageError
from envman.files import write_staged
from envman.frozen import frozen, replace
from envman.moving import Side
from envman.problem import Problem
from envman.request import Request
from envman.secrets import Masker

_ROOM = 1 << 30  # bytes of memory that have to be free for commands to run at the same time


@frozen
class Outcome:
    """What came of the command on one backend."""

    backend: str
    code: int
    seconds: float
    output: str
    why: str = ""  # it could not even begin

    @property
    def cell(self) -> str:
        """Its place in the matrix."""
        if self.why:
            return "not up"
        return f"{'ok' if self.code == 0 else f'exit {self.code}'}  {self.seconds:.1f} s"


def run_everywhere(request: Request, words: Sequence[str], *, program: bool, junit: str | None) -> Answer:
    """Bring up what is not, run it on all at the same time, end what did not run before."""
    if request.backend or request.environ.get("ENVMAN_BACKEND"):
        message = "--everywhere means every backend"
        raise UsageError(Problem(message=message, hint="leave out --backend and ENVMAN_BACKEND"))
    found = active.find(request)
    task = None if program else found.project.spec.tasks.get(words[0])
    argv = task.argv(tuple(words[1:])) if task else tuple(words)
    able, told = _able(found, request)
    for problem in told:
        request.console.warn(problem)
    outcomes = _outcomes(request, found, able, argv)
    masker = inside.masker(active.read(request), request.environ)
    called = " ".join(words)
    if junit is not None:
        write_staged(Path(junit), _as_junit(called, found.project.name, outcomes, masker))
    return Answer(
        result={"command": list(argv), "backends": {one.backend: _as_json(one, masker) for one in outcomes}},
        text=_matrix(called, outcomes, masker),
        problems=told,
        code=max((one.code for one in outcomes), default=0),
    )


def _able(found: Active, request: Request) -> tuple[list[Backend], tuple[Problem, ...]]:
    known = [backend.load(name) for name in backend.registered()]
    missing = {one.NAME: one.missing(request.environ) for one in known}
    able = sorted((one for one in known if not missing[one.NAME]), key=lambda one: one.RANK)
    told = tuple(
        Problem(message=f"not on {name}: {problems[0].message}", hint=problems[0].hint)
        for name, problems in missing.items()
        if problems
    )
    return able, told


def _outcomes(request: Request, found: Active, able: Sequence[Backend], argv: tuple[str, ...]) -> list[Outcome]:
    cwd = os.getcwd()
    outcomes: dict[str, Outcome] = {}
    with ExitStack() as held:
        sides: list[Side] = []
        for one in able:
            request.console.say(f"{request.console.style(one.NAME, 'bold')}")
            # What was brought up before may have changed what the project remembers.
            now = replace(found, project=active.read(request))
            try:
                sides.append(held.enter_context(beside.standing(request, now, one)))
            except EnvmanError as error:
                outcomes[one.NAME] = Outcome(backend=one.NAME, code=RUN_FAILED, seconds=0.0, output="", why=str(error))
        for batch in _batches(sides):
            done = process.together([beside.command(side, argv, cwd) for side in batch])
            for side, (completed, seconds) in zip(batch, done, strict=True):
                code = completed.code if completed.code >= 0 else 128 - completed.code
                name = side.backend.NAME
                outcomes[name] = Outcome(backend=name, code=code, seconds=seconds, output=completed.output)
    return [outcomes[one.NAME] for one in able]


def _batches(sides: list[Side]) -> list[list[Side]]:
    """All at once where memory allows it, else one after the other."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        free = 0
    return [sides] if free > _ROOM else [[side] for side in sides]


def _matrix(called: str, outcomes: Sequence[Outcome], masker: Masker) -> str:
    lines = []
    for one in outcomes:
        if one.code:
            head = f"--- {one.backend}: {one.why or f'{called} ended with {one.code}'}"
            lines.append(f"{head}\n{masker.mask(one.output.rstrip())}".rstrip())
    rows = columns([("", *(one.backend for one in outcomes)), (called, *(one.cell for one in outcomes))])
    return "\n".join([*lines, *rows])


def _as_json(one: Outcome, masker: Masker) -> dict[str, object]:
    told = masker.mask(one.output)
    return {"code": one.code, "seconds": round(one.seconds, 3), "output": told, "why": masker.mask(one.why) or None}


def _as_junit(called: str, project: str, outcomes: Sequence[Outcome], masker: Masker) -> str:
    failed = sum(1 for one in outcomes if one.code and not one.why)
    errors = sum(1 for one in outcomes if one.why)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name={quoteattr(project)} tests="{len(outcomes)}" failures="{failed}" errors="{errors}">',
    ]
    for one in outcomes:
        head = f"  <testcase classname={quoteattr(project)} name={quoteattr(f'{called} [{one.backend}]')}"
        lines.append(f'{head} time="{one.seconds:.3f}">')
        said = escape(_plain(masker.mask(one.output)))
        if one.why:
            lines.append(f"    <error message={quoteattr(_plain(masker.mask(one.why)))}/>")
        elif one.code:
            lines.append(f'    <failure message="exit {one.code}"/>')
        lines += [f"    <system-out>{said}</system-out>", "  </testcase>"]
    return "\n".join([*lines, "</testsuite>", ""])


def _plain(text: str) -> str:
    """Without what no XML may hold."""
    return "".join(letter for letter in text if letter in "\n\t\r" or (letter >= " " and letter not in "\ufffe\uffff"))
