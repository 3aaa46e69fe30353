"""The docker command, for what the engine's interface cannot do: builds and compose."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.dependencies import uv
from envman.errors import EngineMissing, StepFailed
from envman.files import write_staged
from envman.network import proxies
from envman.problem import Problem
from envman_docker import engine, naming, stack, taken

_FAILED_STEP = re.compile(r"^#(\d+) ERROR", re.MULTILINE)
_LAST_LINES = 12
_OF_BUILD = re.compile(r"^#\d+ [\d.]+ envman: (.*)$", re.MULTILINE)  # what our own steps say when they refuse


def run(job: Job, words: Sequence[str], what: str) -> process.Completed:
    """Run docker; raises StepFailed with the last lines that it said."""
    done = attempt(job, words)
    if done.code:
        raise failed(job, done, what)
    return done


def attempt(job: Job, words: Sequence[str]) -> process.Completed:
    """Run docker, whatever comes of it."""
    found = engine.find(job.environ)
    env = engine.variables(job.environ, found) | proxies.given(job.environ)
    env["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1"  # they would make another image of the same content
    env["BUILDX_BUILDER"] = "default"  # the engine's own, as docker build has it

    def on_line(line: str) -> None:
        job.line.progress(job.masker.mask(line))
        job.log(line)

    job.log(f"$ docker {' '.join(words)}")
    argv = _argv(words, job.environ)
    try:
        return process.stream(argv, env=env, cwd=str(job.project.root), on_line=on_line)
    except OSError as error:
        if error.filename != argv[0]:
            raise
        raise EngineMissing(engine.missing(job.environ) or engine.broken(argv[0], error)) from None


def _argv(words: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    # A part of its own is called without docker in front, which asks all its parts what they are first.
    part = {"build": "docker-buildx", "compose": "docker-compose"}.get(words[0])
    program = engine.plugin(part, environ) if part else None
    if program is None:
        return ["docker", *words]
    return [program, *(words if words[0] == "build" else words[1:])]


def failed(job: Job, done: process.Completed, what: str) -> StepFailed:
    """What a failure of docker's comes down to."""
    refused = _OF_BUILD.search(done.output)
    if refused:
        hint = "change [docker] base, [python] version or [system] packages"
        return StepFailed(Problem(message=f"{what}: {refused[1]}", hint=hint))
    said = job.masker.mask("\n".join(last_words(done.output)))
    return StepFailed(Problem(message=f"{what}\n{said}", hint=_meaning(done.output)))


def last_words(output: str) -> list[str]:
    """Of a build what the failed step itself has said, else the errors and the end."""
    step = _FAILED_STEP.search(output)
    own = re.findall(rf"^#{step[1]} [\d.]+ (.*\S.*)$", output, re.MULTILINE) if step else []
    if own:
        return own[-_LAST_LINES:]
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or line.startswith(("Error", "error"))]
    return list(dict.fromkeys(errors[:3] + lines[-8:]))


def _meaning(output: str) -> str | None:
    for sign, hint in (
        (
            "docker.io/library/given",
            "this needs Docker Engine 23 or newer: an older one knows no build contexts by name",
        ),
        ("no space left on device", "the engine's disk is full: docker system df, then docker system prune"),
        ("pull access denied", "check the image's name, or docker login"),
        ("manifest unknown", "there is no such version of the image"),
        ("not found: manifest", "there is no such version of the image"),
        ("Unable to locate package", "check [system] packages: the base's system does not know it"),
        ("No interpreter found", "the base has another Python: change [python] version or [docker] base"),
        ("CERTIFICATE_VERIFY_FAILED", '[network] ca = "path/of/bundle.pem" tells whom to trust'),
        ("Cannot connect to the Docker daemon", "start the engine, then run the command again: it resumes here"),
        ("is already in use by container", "that one is not envman's: rename it or remove it, then: envman up"),
        ("port is already allocated", "another program took the port in this moment: envman up"),
    ):
        if sign in output:
            return hint
    return uv.meaning(output)[1]


def compose(job: Job, words: Sequence[str], what: str) -> process.Completed:
    """Run docker compose on the project's stack."""
    file = stack_file(job)
    both = [file, *([labels_file(job)] if taken.is_taken(file) else [])]
    named = [word for one in both for word in ("--file", str(one))]
    own = ["compose", "--project-name", naming.stack(job.project), *named, "--progress", "plain"]
    return run(job, [*own, *words], what)


def stack_file(job: Job) -> Path:
    """Where the compose file stands."""
    return taken.folder(job.project) / "compose.yaml"


def labels_file(job: Job) -> Path:
    """What is added to a compose file that is the user's."""
    return taken.folder(job.project) / "labels.yaml"


def fields(*flags: str, **values: str) -> str:
    """The value of --mount or --secret, in which a path may hold a comma."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([*(f"{name}={value}" for name, value in values.items()), *flags])
    return text.getvalue()


@contextmanager
def secret(job: Job, name: str, content: str) -> Iterator[Path]:
    """A file for the length of one command, which nobody else can read."""
    file = stack.secrets_folder(job.project) / f"{name}.{os.getpid()}"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_staged(file, content, mode=0o600)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def as_shell(variables: Mapping[str, str]) -> str:
    """Variables as a file for the shell."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
