"""Resolving and reading locks inside a container: what that builds was written by others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.dependencies import resolve
from envman.frozen import replace
from envman_docker import commands, image, naming
from envman_docker.operations import ResolveInside


def inside_job(made: image.Recipe, job: Job) -> Job:
    """The same job, whose uv runs in a container: what it builds was written by others."""

    def run(arguments: Sequence[str]) -> process.Completed:
        variables = commands.index_variables(job)
        variables |= {"UV_NO_PROGRESS": "1", **({"UV_OFFLINE": "1"} if job.offline else {})}
        root = str(job.project.root)
        make_cache(made, job)
        with commands.secret(job, "index", commands.as_shell(variables)) as index:
            words = [
                "run", "--rm", "--init", "--user", f"{made.uid}:{made.gid}", "--workdir", root,
                "--label", f"{naming.PROJECT}={naming.identity(job.project)}",
                "--mount", f"type=bind,source={root},target={root}",
                "--mount", f"type=bind,source={index},target=/run/secrets/index,readonly",
                "--mount", f"type=volume,source={cache_name(made)},target={made.home}/.cache",
                *_program(),
                *(["--network", "host"] if commands.needs_host_network(variables) else []),
                naming.base_image(job.project),
                "sh", "-c", 'set -a; . /run/secrets/index; set +a; exec uv "$@"', "uv", *arguments,
            ]  # fmt: skip
            return commands.attempt(job, words)

    return replace(job, uv=run)


def _program() -> list[str]:
    program = image.host_uv()
    return ["--mount", f"type=bind,source={program},target={image.UV},readonly"] if program else []


def cache_name(made: image.Recipe) -> str:
    """The volume with what uv has fetched, for all projects of a user."""
    return f"envman-cache-{made.uid}"


def make_cache(made: image.Recipe, job: Job) -> None:
    """See to it that the volume is there; the first container to use it makes it the user's."""
    commands.run(
        job, ["volume", "create", "--label", "dev.envman.cache=1", cache_name(made)], "could not make a volume"
    )


def resolved(operation: ResolveInside, job: Job) -> str | None:
    return resolve.resolve(operation.resolve, inside_job(operation.recipe, job))


def locks_of(made: image.Recipe, job: Job) -> list[Path]:
    return resolve.artefacts(inside_job(made, job), made.python, "")
