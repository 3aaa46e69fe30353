"""Work in the machine on the shared connection: scripts, and files that are carried there."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.problem import Problem
from envman.process import Completed
from envman.project import Project
from envman_vagrant import naming, places, ssh

_LAST_LINES = 12
_LOST = 255


def place(project: Project) -> dict[str, str]:
    """What leads to the machine."""
    return {"config": str(places.config(project)), "control": places.control(project)}


def run(
    job: Job, script: str, what: str, *, root: bool = True, variables: Mapping[str, str] | None = None, hint: str = ""
) -> Completed:
    """Let a script of sh be carried out; raises StepFailed with what it said last.

    It stops at the first command that fails. What it says, and what it is told, is seen by nobody else.
    """
    done = attempt(job, script, root=root, variables=variables)
    if done.code:
        raise failed(job, done, what, hint=hint)
    return done


def attempt(
    job: Job, script: str, *, root: bool = True, variables: Mapping[str, str] | None = None, merge: bool = True
) -> Completed:
    """The same, whatever comes of it; not merged, what it complains of is left out."""
    text = "set -eu\n" + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in (variables or {}).items())

    def on_line(line: str) -> None:
        job.line.progress(job.masker.mask(line))
        job.log(line)

    shell = ssh.AS_ROOT if root else "sh -s"
    words = ssh.words(place(job.project), ssh.HOST, shell)
    # All of it is read before any of it runs: a connection that breaks leaves no half of a script behind.
    told = f"{text}main() {{\n{script.rstrip()}\n}}\nmain </dev/null\n"
    return process.stream(words, env=ssh.variables(job.environ), cwd="/", on_line=on_line, merge=merge, told=told)


def failed(job: Job, done: Completed, what: str, *, hint: str = "") -> StepFailed:
    """What a failure in the machine comes down to."""
    if done.code == _LOST and not ssh.is_open(place(job.project)):
        message = f"{what}: the connection to the machine was lost"
        return StepFailed(Problem(message=message, hint="envman up: it goes on where it was"))
    said = job.masker.mask(done.last_lines(_LAST_LINES)) or f"it ended with {done.code}"
    return StepFailed(Problem(message=f"{what}\n{said}", hint=hint or meaning(done.output)))


def meaning(said: str) -> str | None:
    """What helps against the usual failures."""
    for sign, hint in (
        ("No space left on device", 'the machine\'s disk is full: make room (envman shell), or [vagrant] disk = "…"'),
        ("Unable to locate package", "check [system] packages: the box's system does not know it"),
        ("Temporary failure resolving", "the machine reaches no name server: check this machine's network"),
        ("Could not get lock", "the box is still updating itself: envman up, in a minute"),
        ("CERTIFICATE_VERIFY_FAILED", '[network] ca = "path/of/bundle.pem" tells whom to trust'),
        ("Read-only file system", "the machine's disk has faults: envman destroy, then envman up"),
    ):
        if sign in said:
            return hint
    return None


def carry(job: Job, source: Path, target: str, what: str, *, root: bool = True) -> None:
    """Copy a file into the machine, where it appears whole or not at all."""
    folder, name = target.rpartition("/")[::2]
    staged = f"{folder}/.{name}.new"
    inner = f"mkdir -p {folder} && cat > {staged} && chmod 755 {staged} && mv {staged} {target}"
    command = f"sudo -n sh -c {shlex.quote(inner)}" if root else f"sh -c {shlex.quote(inner)}"
    words = ssh.words(place(job.project), ssh.HOST, command)
    done = process.piped(words, env=ssh.variables(job.environ), cwd="/", source=source, target=None)
    if done.code:
        raise failed(job, done, what)


def note(name: str, value: str) -> str:
    """A line of a script that records a step as done."""
    folder = f"{naming.STATE}/notes"
    return (
        f"mkdir -p {folder}; printf %s {shlex.quote(value)} > {folder}/.{name}; mv {folder}/.{name} {folder}/{name}\n"
    )
