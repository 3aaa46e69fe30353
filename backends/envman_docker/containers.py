"""Starting and stopping the containers of the stack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from envman import handed, identity, inside
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content, write_staged
from envman.services import facts
from envman_docker import commands, compose, image, mounts, naming, options, ready, stack, stale, taken, view
from envman_docker.asking import Asking
from envman_docker.data import volumes
from envman_docker.data.held import Held, fill, of
from envman_docker.locking import make_cache
from envman_docker.operations import StartContainers, StopContainers

_PATIENCE = 10  # seconds between the signals of a stop


def start(operation: StartContainers, job: Job) -> str | None:
    if operation.name == operation.wave[0]:  # the first of the wave begins all
        begin(operation.wave, job, operation.recipe)
    ready.wait(operation.name, job)
    if operation.name in volumes.keeping(job.project):
        fill(held(operation.name, job))
    port = job.project.ports.get(facts.port_name(operation.name))
    if operation.name == naming.WORKSPACE:
        return None
    return ready.title(operation.name, job) + (f" on {facts.HOST}:{port}" if port else "")


def begin(names: Sequence[str], job: Job, made: image.Recipe, *, alone: bool = False, run: bool = True) -> None:
    """Bring containers to what the stack says; `alone`: servers for programs that are no containers."""
    volumes.prepare(names, job, alone=alone)
    _write_stack(made, job, names if alone else None)
    if not alone:
        make_cache(job)
        _join(job)
    _unpause(names, job)
    if not alone:
        stale.end(names, job)
    words = ["up", "--detach" if run else "--no-start", "--no-deps", "--no-build", "--quiet-pull"]
    what = f"could not start {', '.join(names)}"
    try:
        commands.compose(job, [*words, *names], what)
    except StepFailed:
        if alone or not _join(job):
            raise
        # The last project in a shared network left it in this moment; what was to be in it knows only the old one.
        commands.compose(job, [*words, "--force-recreate", *names], what)


def held(name: str, job: Job, *, alone: bool = False) -> Held:
    """A service with its data."""
    made = image.recipe(job.project, job.environ)
    return of(name, job, lambda names, inner, run: begin(names, inner, made, alone=alone, run=run))


def _write_stack(made: image.Recipe, job: Job, only: Sequence[str] | None) -> None:
    project = job.project
    parts = {name: part for name, part in stack.parts(project, made).items() if only is None or name in only}
    folder = stack.secrets_folder(project)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for name, part in parts.items():
        for file, text in part.secrets.items():
            value = _variables(job) if file == stack.VARIABLES and part.own else text
            target = stack.secret_file(project, name, file)
            # The folder above is the user's alone; inside the container, whoever the server is has to read it.
            if not target.is_file() or content(target) != value.encode("utf-8", "surrogateescape"):
                _write_in_place(target, value)
    declared = {name: _declared(job, name, str(part.service["image"])) for name, part in parts.items() if not part.own}
    mounts.keep_agent(project)
    if project.identity and project.memory.get(naming.STACK) is None:
        identity.remember(project.identity, **{naming.STACK: naming.stack(project)})
    if taken.is_taken(commands.stack_file(job)):
        # Their file says how the containers are made; ours adds only what we know them by.
        labels = {name: {"labels": dict(part.service["labels"])} for name, part in parts.items()}
        write_staged(commands.labels_file(job), compose.text({"services": labels}))
        return
    write_staged(commands.stack_file(job), compose.text(stack.document(project, parts, declared)))


def _write_in_place(target: Path, value: str) -> None:
    # A file that is mounted must stay the same file.
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():  # the engine makes one where a file to mount is missing
        target.rmdir()
    target.write_text(value, encoding="utf-8", errors="surrogateescape")
    target.chmod(0o644)


def _declared(job: Job, name: str, reference: str) -> dict[str, str]:
    """The folders that an image says it keeps data in, each with a volume that has a name."""
    asked = Asking(job.environ)
    told = asked.image(reference)
    if told is None:
        commands.run(job, ["pull", "--quiet", reference], f"could not fetch {reference}")
        told = asked.image(reference) or {}
    found = sorted(told.get("Config", {}).get("Volumes") or {})
    # By the folder, not by a number: a later version of the image may declare others.
    return {"-".join((name, *re.findall(r"[\w.]+", target, re.ASCII))): target for target in found}


def _variables(job: Job) -> str:
    project = job.project
    place = {"root": str(project.root), **view.of_user(options.of(project.spec), project)}
    values = {
        **handed.let_in(project.spec.env.passed, job.environ),
        **handed.of_user(place, job.environ),
        **inside.resolve(project, view.viewpoint(project), job.environ),
    }
    # What is let in may have names that no shell can give.
    values = {name: value for name, value in values.items() if name.isascii() and name.isidentifier()}
    return "set -a\n" + commands.as_shell(values) + "set +a\n"


def _unpause(names: Sequence[str], job: Job) -> None:
    # Compose cannot begin what is paused, and a stop would wait for it in vain.
    asked = Asking(job.environ)
    for one in asked.containers(label=naming.mine(job.project), status="paused"):
        if one["Labels"].get(naming.SERVICE) in names:
            asked.unpause(one["Id"])


def _join(job: Job) -> bool:
    """See to it that the shared networks are there; whether one was missing."""
    asked = Asking(job.environ)
    names = options.of(job.project.spec).join
    missing = [name for name in names if name not in [one["Name"] for one in asked.networks(name=name)]]
    for name in missing:
        asked.make_network(name, {"dev.envman.shared": "1"})
    return bool(missing)


def stop(operation: StopContainers, job: Job) -> str | None:
    _unpause(operation.names, job)
    asked = Asking(job.environ)
    for name in operation.names:
        for one in asked.containers(label=naming.of_service(job.project, name)):
            asked.stop(one["Id"], _PATIENCE)
            if operation.forgotten:
                asked.remove_container(one["Id"], volumes=True)
    return f"{', '.join(operation.names)} is stopped"
