"""Building the image: the base with system, user and tools, then the packages on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envman.backend import Job
from envman.errors import EnvmanError
from envman_docker import commands, engine, image, naming, options
from envman_docker.locking import locks_of
from envman_docker.operations import BuildBase, BuildImage


def base(operation: BuildBase, job: Job) -> str | None:
    own = options.of(job.project.spec)
    if own.dockerfile:
        commands.run(
            job,
            ["build", "--progress", "plain", "--file", str(job.project.root / own.dockerfile),
             "--label", f"{naming.PROJECT}={naming.identity(job.project)}",
             "--tag", naming.own_image(job.project), str((job.project.root / own.dockerfile).parent)],
            f"could not build {own.dockerfile}",
        )  # fmt: skip
    tag = naming.base_image(job.project)
    more = ["--no-cache", "--pull"] if operation.afresh else []
    _build(operation.recipe, job, target="base", tag=tag, inputs=operation.inputs, locks=[], more=more)
    return None


def packages(operation: BuildImage, job: Job) -> str | None:
    project = job.project
    locks = locks_of(operation.recipe, job)
    before = _image_id(job)
    inputs = image.inputs(project, operation.recipe)
    _build(operation.recipe, job, target="dev", tag=naming.image(project), inputs=inputs, locks=locks)
    _discard(before, job)
    return f"from {project.source.label}"


def _build(
    made: image.Recipe, job: Job, *, target: str, tag: str, inputs: str, locks: Sequence[Path], more: Sequence[str] = ()
) -> None:
    dockerfile = image.write_context(job.project, made, locks)
    variables = commands.index_variables(job)
    with commands.secret(job, "index", commands.as_shell(variables)) as index:
        words = [
            "build", *more, "--progress", "plain", "--target", target, "--tag", tag, "--file", str(dockerfile),
            "--label", f"{naming.PROJECT}={naming.identity(job.project)}", "--label", f"{naming.INPUTS}={inputs}",
            "--secret", f"id=index,src={index}",
        ]  # fmt: skip
        netrc = Path(job.environ.get("NETRC") or Path(job.environ.get("HOME") or Path.home()) / ".netrc")
        words += ["--secret", f"id=netrc,src={netrc}"] if netrc.is_file() else []
        words += ["--network", "host"] if commands.needs_host_network(variables) else []
        words += [word for name in commands.PROXIES if name in job.environ for word in ("--build-arg", name)]
        commands.run(job, [*words, str(image.folder(job.project) / "context")], f"could not build the image ({target})")


def _image_id(job: Job) -> str:
    with engine.api(job.environ) as asked:
        return next((str(one["Id"]) for one in asked.images(name=naming.image(job.project))), "")


def _discard(before: str, job: Job) -> None:
    # The image that the new one has taken the name of. A container may still be made from it: then it goes later.
    if not before or before == _image_id(job):
        return
    try:
        commands.run(job, ["image", "rm", before], "could not remove the old image")
    except EnvmanError as error:
        job.log(str(error))
