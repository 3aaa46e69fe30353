"""Carrying out the docker backend's operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import singledispatch
from pathlib import Path
from typing import Any

from envman import inside, process
from envman.backend import Job
from envman.console import counted
from envman.dependencies import resolve
from envman.errors import EnvmanError, StepFailed
from envman.files import content, remove_tree, write_json, write_staged
from envman.frozen import replace
from envman.problem import Problem
from envman.services import facts
from envman_docker import commands, engine, image, naming, observe, options, ready, stack, view
from envman_docker.operations import (
    BuildBase,
    BuildImage,
    Finish,
    RemoveStack,
    ResolveInside,
    StartContainers,
    StopContainers,
)

_PATIENCE = 10  # seconds between the signals of a stop


@singledispatch
def apply(operation: Any, job: Job) -> str | None:
    """Carry out one operation; answers with a better title for its row, if there is one."""
    raise TypeError(f"the docker backend has no operation {type(operation).__name__}")


@apply.register
def _build_base(operation: BuildBase, job: Job) -> str | None:
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
    _build(operation.recipe, job, target="base", tag=tag, inputs=operation.inputs, locks=[])
    return None


@apply.register
def _build_image(operation: BuildImage, job: Job) -> str | None:
    project = job.project
    locks = _locks(operation.recipe, job)
    before = _image_id(job)
    inputs = image.inputs(project, operation.recipe)
    _build(operation.recipe, job, target="dev", tag=naming.image(project), inputs=inputs, locks=locks)
    _discard(before, job)
    return f"from {project.source.label}"


def _build(made: image.Recipe, job: Job, *, target: str, tag: str, inputs: str, locks: list[Path]) -> None:
    dockerfile = image.write_context(job.project, made, locks)
    variables = commands.index_variables(job)
    with commands.secret(job, "index", commands.as_shell(variables)) as index:
        words = [
            "build", "--progress", "plain", "--target", target, "--tag", tag, "--file", str(dockerfile),
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


def inside_job(made: image.Recipe, job: Job) -> Job:
    """The same job, whose uv runs in a container: what it builds was written by others."""

    def run(arguments: list[str]) -> process.Completed:
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
                *(["--network", "host"] if commands.needs_host_network(variables) else []),
                naming.base_image(job.project),
                "sh", "-c", 'set -a; . /run/secrets/index; set +a; exec uv "$@"', "uv", *arguments,
            ]  # fmt: skip
            return commands.attempt(job, words)

    return replace(job, uv=run)


def cache_name(made: image.Recipe) -> str:
    """The volume with what uv has fetched, for all projects of a user."""
    return f"envman-cache-{made.uid}"


def make_cache(made: image.Recipe, job: Job) -> None:
    """See to it that the volume is there; the first container to use it makes it the user's."""
    commands.run(
        job, ["volume", "create", "--label", "dev.envman.cache=1", cache_name(made)], "could not make a volume"
    )


@apply.register
def _resolve(operation: ResolveInside, job: Job) -> str | None:
    return resolve.resolve(operation.resolve, inside_job(operation.recipe, job))


def _locks(made: image.Recipe, job: Job) -> list[Path]:
    return resolve.artefacts(inside_job(made, job), made.python, "")


@apply.register
def _start(operation: StartContainers, job: Job) -> str | None:
    if operation.name == operation.wave[0]:  # the first of the wave begins all
        _write_stack(operation.recipe, job)
        make_cache(operation.recipe, job)
        _join(job)
        words = ["up", "--detach", "--no-deps", "--no-build", "--quiet-pull", *operation.wave]
        commands.compose(job, words, f"could not start {', '.join(operation.wave)}")
    ready.wait(operation.name, job)
    port = job.project.ports.get(facts.port_name(operation.name))
    if operation.name == naming.WORKSPACE:
        return None
    return ready.title(operation.name, job) + (f" on {facts.HOST}:{port}" if port else "")


def _write_stack(made: image.Recipe, job: Job) -> None:
    project = job.project
    parts = stack.parts(project, made)
    folder = stack.secrets_folder(project)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for name, part in parts.items():
        for file, text in part.secrets.items():
            value = _variables(job) if file == stack.VARIABLES and "working_dir" in part.service else text
            target = stack.secret_file(project, name, file)
            # The folder above is the user's alone; inside the container, whoever the server is has to read it.
            if content(target).decode("utf-8", "replace") != value:
                _write_in_place(target, value)
    volumes = {
        name: _declared(job, name, str(part.service["image"])) for name, part in parts.items() if _is_foreign(job, name)
    }
    _write_yaml(commands.stack_file(job), stack.document(project, parts, volumes))


def _write_in_place(target: Path, value: str) -> None:
    # A file that is mounted must stay the same file.
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(value, encoding="utf-8")
    target.chmod(0o444)


def _is_foreign(job: Job, name: str) -> bool:
    service = job.project.spec.services.get(name)
    return service is not None and service.image is not None


def _declared(job: Job, name: str, reference: str) -> dict[str, str]:
    """The folders that an image says it keeps data in, each with a volume that has a name."""
    with engine.api(job.environ) as asked:
        if not asked.images(name=reference):
            commands.run(job, ["pull", "--quiet", reference], f"could not fetch {reference}")
        told = asked.inspect_image(reference)
    found = sorted(told.get("Config", {}).get("Volumes") or {})
    return {f"{name}-{number}" if number else name: target for number, target in enumerate(found)}


def _variables(job: Job) -> str:
    values = inside.resolve(job.project, view.viewpoint(job.project), job.environ)
    return "set -a\n" + commands.as_shell(values) + "set +a\n"


def _write_yaml(file: Path, document: Mapping[str, Any]) -> None:
    import io

    from ruamel.yaml import YAML

    text = io.StringIO()
    text.write("# Written by envman: change the spec, not this file.\n")
    writer = YAML()
    writer.default_flow_style = False
    writer.dump(dict(document), text)
    write_staged(file, text.getvalue())


def _join(job: Job) -> None:
    for name in options.of(job.project.spec).join:
        with engine.api(job.environ) as asked:
            if not asked.networks(names=[name]):
                asked.create_network(name, labels={"dev.envman.shared": "1"})


_INVENTORY = (
    "import json, platform, importlib.metadata as m;"
    "found = {d.name: d.version for d in m.distributions()};"
    "print(json.dumps({'python': platform.python_version(), 'packages': found}))"
)


@apply.register
def _finish(operation: Finish, job: Job) -> str | None:
    project = job.project
    box = ready.box(naming.WORKSPACE, job)
    local = image.local(_locks(operation.recipe, job), project.root)
    if local:
        words = [word for one in local for word in one.split(" ", 1)]
        argv = ["uv", "pip", "install", "--quiet", "--no-deps", *words]
        done = ready.execute(job, box, argv, commands.index_variables(job))
        if done.code:
            raise StepFailed(Problem(message=f"could not install the project\n{job.masker.mask(done.last_lines(8))}"))
    told = ready.execute(job, box, [f"{naming.VENV}/bin/python", "-c", _INVENTORY])
    if told.code:
        raise StepFailed(Problem(message=f"the container's Python does not run\n{told.last_lines(4)}"))
    note = {"container": box, **json.loads(told.output.strip().splitlines()[-1])}
    write_json(observe.note_file(project), note)
    return f"Python {note['python']}, {counted(len(note['packages']), 'package')}"


@apply.register
def _stop(operation: StopContainers, job: Job) -> str | None:
    with engine.api(job.environ) as asked:
        for name in operation.names:
            for one in asked.containers(all=True, filters={"label": [*_mine(job), f"{naming.SERVICE}={name}"]}):
                asked.stop(one["Id"], timeout=_PATIENCE)
    return f"{', '.join(operation.names)} is stopped"


def _mine(job: Job) -> list[str]:
    return [f"{naming.PROJECT}={naming.identity(job.project)}"]


@apply.register
def _remove(operation: RemoveStack, job: Job) -> str | None:
    mine = {"label": _mine(job)}
    with engine.api(job.environ) as asked:
        for one in asked.containers(all=True, filters=mine):
            asked.remove_container(one["Id"], force=True)
        shared = [one["Name"] for one in asked.networks(filters={"label": "dev.envman.shared"})]
        for one in asked.networks(filters=mine):
            asked.remove_network(one["Id"])
        for name in shared:
            if not asked.inspect_network(name).get("Containers"):
                asked.remove_network(name)
        for one in asked.images(filters=mine):
            for reference in one.get("RepoTags") or [one["Id"]]:
                asked.remove_image(reference, force=True)
        for one in (asked.volumes(filters=mine).get("Volumes") or ()) if operation.data else ():
            asked.remove_volume(one["Name"])
    remove_tree(stack.secrets_folder(job.project))
    return None
