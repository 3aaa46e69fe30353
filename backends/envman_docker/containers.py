"""Starting and stopping the containers of the stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman import inside
from envman.backend import Job
from envman.files import content, write_staged
from envman.services import facts
from envman_docker import commands, engine, image, naming, options, ready, stack, view
from envman_docker.enter import let_in
from envman_docker.locking import make_cache
from envman_docker.operations import StartContainers, StopContainers

_PATIENCE = 10  # seconds between the signals of a stop


def start(operation: StartContainers, job: Job) -> str | None:
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
    passed = let_in(job.project.spec.env.passed, job.environ)
    values = {**passed, **inside.resolve(job.project, view.viewpoint(job.project), job.environ)}
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


def stop(operation: StopContainers, job: Job) -> str | None:
    with engine.api(job.environ) as asked:
        for name in operation.names:
            for one in asked.containers(all=True, filters={"label": [*_mine(job), f"{naming.SERVICE}={name}"]}):
                asked.stop(one["Id"], timeout=_PATIENCE)
    return f"{', '.join(operation.names)} is stopped"


def _mine(job: Job) -> list[str]:
    return [f"{naming.PROJECT}={naming.identity(job.project)}"]
