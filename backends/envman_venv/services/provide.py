"""What the spec wants inside a server: more databases, extensions, and statements that new data begins with."""

from __future__ import annotations

import os

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content, digest
from envman.problem import Problem
from envman.services import catalogue, facts
from envman.services.recipe import Recipe, filled
from envman_venv.services import data, servers
from envman_venv.services.places import Places
from envman_venv.services.servers import Server

_NOTE = ".envman-provided"  # in the data: what was made in it


def provide(name: str, where: Places, job: Job) -> None:
    """Make what is missing; statements of the project run once, when the data is new."""
    service = job.project.spec.services[name]
    recipe = catalogue.find(service.use) if service.use else None
    if recipe is None or recipe.client is None or not (service.databases or service.extensions or service.init):
        return
    note = where.data / _NOTE
    wanted = digest([repr((service.databases, service.extensions))])
    before = content(note).decode()
    if before == wanted:
        return
    server = servers.find(recipe, service, job.environ)
    if not isinstance(server, Server):
        return
    asked = [("database", one) for one in service.databases] + [("extension", one) for one in service.extensions]
    for kind, item in asked:
        say(filled(recipe.statements[kind], {"item": item}), f"{kind} {item}", name, (recipe, server, where), job)
    for file in service.init if not before else ():
        path = job.project.root / file
        if not path.is_file():
            raise StepFailed(Problem(message=f"{file} is not there", key=f"services.{name}.init"))
        say(path.read_text(encoding="utf-8"), file, name, (recipe, server, where), job)
    data.give(note, wanted, where.user)


def again(name: str, where: Places, job: Job) -> None:
    """The same for data that was replaced: it may lack what the spec wants, and it is not new."""
    if (where.data / _NOTE).exists():
        data.give(where.data / _NOTE, "restored\n", where.user)
        provide(name, where, job)


def say(statements: str, what: str, name: str, to: tuple[Recipe, Server, Places], job: Job) -> None:
    """Let the server's own client read statements."""
    recipe, server, where = to
    if recipe.client is None:
        return
    own = facts.on_host(job.project)[name]
    known = {**own, **data.known(server, where), "database": own["name"]}
    env = data.variables(where) | {key: filled(value, known) for key, value in recipe.client_env.items()}
    argv = [filled(word, known) for word in recipe.client.argv]
    done = process.capture(argv, env=env, cwd=str(job.project.root), said=statements)
    if done.code:
        said = job.masker.mask(done.last_lines(6))
        raise StepFailed(Problem(message=f"{name}: {what}: {os.path.basename(argv[0])} says\n{said}"))
