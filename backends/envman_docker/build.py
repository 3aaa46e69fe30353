"""Building the image: the base with system, user and tools, then the packages on top of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content
from envman.network import indexes, proxies
from envman_docker import commands, image, naming, options
from envman_docker.asking import Asking
from envman_docker.locking import locks_of
from envman_docker.operations import BuildBase, BuildImage


def base(operation: BuildBase, job: Job) -> str | None:
    project, made = job.project, operation.recipe
    own = options.of(project.spec).dockerfile
    anew = ["--no-cache"] if operation.afresh else []
    if own:
        file = project.root / own
        words = ["--tag", naming.own_image(project), "--file", str(file), *_labels(job), str(file.parent)]
        _newest([*anew, *_network(job), *words], job, f"could not build {own}", pull=operation.afresh)
    dockerfile = image.write_context(project, made, [])
    words = [*anew, "--target", "base", "--tag", naming.base_image(project), *_labels(job, operation.inputs)]
    with _secrets(job, dockerfile) as secrets:
        ready = [*words, *secrets, "--file", str(dockerfile), *image.contexts(project)]
        _newest(ready, job, "could not build the image (base)", pull=operation.afresh and not own)
    return f"from {dockerfile.relative_to(project.root)}, which is yours" if made.taken else None


def packages(operation: BuildImage, job: Job) -> str | None:
    project = job.project
    dockerfile = image.write_context(project, operation.recipe, locks_of(operation.recipe, job))
    words = [
        "--target", "dev", "--tag", naming.image(project), "--build-arg", f"BASE={naming.base_image(project)}",
        *_labels(job, image.inputs(project, operation.recipe)), "--label", f"{naming.BASE}={_id_of_base(job)}",
    ]  # fmt: skip
    with _secrets(job, dockerfile) as secrets:
        ready = ["build", "--progress", "plain", *words, *secrets]
        built = [*ready, "--file", str(dockerfile), *image.contexts(project)]
        commands.run(job, built, "could not build the image (dev)")
    discard_old(job)
    return f"from {project.source.label}"


def _newest(words: Sequence[str], job: Job, what: str, *, pull: bool) -> None:
    ready = ["build", "--progress", "plain", *words]
    if pull:
        done = commands.attempt(job, ["build", "--pull", *ready[1:]])
        if not done.code:
            return
        if "failed to resolve source metadata" not in done.output:
            raise commands.failed(job, done, what)
        # An image that is on this machine alone cannot be fetched again: it is the newest one that there is.
    commands.run(job, ready, what)


def _labels(job: Job, inputs: str = "") -> list[str]:
    words = ["--label", naming.mine(job.project)]
    return [*words, "--label", f"{naming.INPUTS}={inputs}"] if inputs else words


def _network(job: Job, texts: Sequence[str] = ()) -> list[str]:
    given = proxies.given(job.environ)
    words = [word for name in given for word in ("--build-arg", name)]  # the value stays out of the command
    return [*words, *(["--network", "host"] if indexes.lead_here([*given.values(), *texts]) else [])]


@contextmanager
def _secrets(job: Job, dockerfile: Path) -> Iterator[list[str]]:
    variables = indexes.variables(job)
    locks = [content(file).decode("utf-8", "replace") for file in _texts(dockerfile.parent / "context" / "lock")]
    with commands.secret(job, "index", commands.as_shell(variables)) as index:
        words = ["--secret", commands.fields(id="index", src=str(index))]
        netrc = indexes.netrc(job)
        words += ["--secret", commands.fields(id="netrc", src=str(netrc))] if netrc else []
        yield [*words, *_network(job, [*variables.values(), *locks])]


def _texts(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix in (".toml", ".txt", ".in"))


def _id_of_base(job: Job) -> str:
    found = Asking(job.environ).image(naming.base_image(job.project))
    return str(found["Id"]) if found else ""


def discard_old(job: Job) -> None:
    """Remove what our images were before, as far as no container is made from it any more."""
    asked = Asking(job.environ)
    for one in asked.images(label=naming.mine(job.project), dangling="true"):
        try:
            asked.remove_image(one["Id"])
        except StepFailed as error:
            job.log(f"an old image stays: {error}")
