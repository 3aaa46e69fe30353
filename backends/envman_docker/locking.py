"""Resolving and reading locks inside a container: what that builds was written by others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.dependencies import resolve
from envman.files import content
from envman.frozen import replace
from envman.network import indexes, proxies
from envman_docker import commands, image, naming
from envman_docker.asking import Asking
from envman_docker.operations import ResolveInside


def inside_job(made: image.Recipe, job: Job) -> Job:
    """The same job, whose uv runs in a container: what it builds was written by others."""

    def run(arguments: Sequence[str]) -> process.Completed:
        root = str(job.project.root)
        _give(job.project.generated, made)
        mount = commands.fields(type="bind", source=root, target=root)
        files = [content(file).decode("utf-8", "replace") for file in job.project.source.inputs]
        words = ["--mount", mount, "--workdir", root, naming.base_image(job.project)]
        return in_container(made, job, words, ["uv", *arguments], reads=files)

    return replace(job, uv=run)


def in_container(
    made: image.Recipe, job: Job, words: Sequence[str], argv: Sequence[str], *, reads: Sequence[str] = ()
) -> process.Completed:
    """Run a command in a container of its own, with the user's index, passwords and cache."""
    variables = indexes.variables(job) | proxies.given(job.environ)
    variables |= {"UV_NO_PROGRESS": "1", **({"UV_OFFLINE": "1"} if job.offline else {})}
    on_host = indexes.lead_here([*variables.values(), *reads])
    make_cache(job)
    with commands.secret(job, "index", commands.as_shell(variables)) as index, _netrc(job) as netrc:
        mounts = [
            commands.fields("readonly", type="bind", source=str(index), target="/run/secrets/index"),
            commands.fields(type="volume", source=cache_name(job), target=f"{made.home}/.cache"),
        ]
        for file in (index, netrc):
            _give(file, made)
        if netrc:
            mounts.append(commands.fields("readonly", type="bind", source=str(netrc), target=f"{made.home}/.netrc"))
        program = image.host_uv()
        if program is not None:
            mounts.append(commands.fields("readonly", type="bind", source=str(program), target=image.UV))
        ready = [
            "run", "--rm", "--init", "--user", f"{made.uid}:{made.gid}",
            "--label", naming.mine(job.project),
            *(word for mount in mounts for word in ("--mount", mount)),
            *(["--network", "host"] if on_host else []), *words,
            "sh", "-c", 'set -a; . /run/secrets/index; set +a; exec "$@"', "sh", *argv,
        ]  # fmt: skip
        return commands.attempt(job, ready)


@contextmanager
def _netrc(job: Job) -> Iterator[Path | None]:
    # A copy, because the user inside may have another number than the owner of the file.
    file = indexes.netrc(job)
    if file is None:
        yield None
        return
    with commands.secret(job, "netrc", file.read_text(encoding="utf-8")) as copy:
        yield copy


def _give(file: Path | None, made: image.Recipe) -> None:
    """Make it the property of the user inside, when root works on somebody else's project."""
    if file is not None and made.uid and os.geteuid() == 0:
        os.chown(file, made.uid, made.gid)


def cache_name(job: Job) -> str:
    """The volume with what uv has fetched, for all projects of a user."""
    return f"envman-cache-{job.project.root.stat().st_uid}"


def make_cache(job: Job) -> None:
    """See to it that the volume is there; the first container to use it makes it the user's."""
    Asking(job.environ).make_volume(cache_name(job), {"dev.envman.cache": "1"})


def resolved(operation: ResolveInside, job: Job) -> str | None:
    return resolve.resolve(operation.resolve, inside_job(operation.recipe, job))


def locks_of(made: image.Recipe, job: Job) -> list[Path]:
    return resolve.artefacts(inside_job(made, job), made.python, "")
