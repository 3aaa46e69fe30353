"""A server with its own tools, and what they are asked to do."""

from __future__ import annotations

import os
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.frozen import frozen
from envman.problem import Problem
from envman.process import Completed
from envman.services import catalogue, facts, lease
from envman.services.recipe import filled
from envman.spec.recipe import Recipe, Tool
from envman_venv.services import data, places, servers
from envman_venv.services.places import Places
from envman_venv.services.servers import Server


@frozen
class Held:
    """A service whose data is to be saved, or replaced."""

    name: str
    recipe: Recipe
    server: Server
    where: Places

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return lease.holds(lease.read(str(self.where.lease)))


def held(name: str, job: Job) -> Held:
    """The service as the spec wants it."""
    service, recipe = job.project.spec.services[name], catalogue.of(job.project.spec, name)
    if recipe is None:
        raise StepFailed(f"{name} is no server of the catalogue")
    server = servers.find(recipe, service, job.environ)
    if job.project.identity is None or not isinstance(server, Server):
        raise StepFailed(Problem(message=f"the server of {name} is not on this machine", hint="envman up"))
    return Held(name=name, recipe=recipe, server=server, where=places.of(job.project.identity, name, recipe))


def _known(held: Held, database: str, job: Job) -> dict[str, str]:
    own = facts.on_host(job.project)[held.name]
    return {**own, **data.known(held.server, held.where), "name": database, "database": own["name"]}


def _called(tool: Tool, held: Held, known: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    own = {key: filled(value, known) for key, value in held.recipe.native.client_env.items()}
    return [filled(word, known) for word in tool.argv], data.variables(held.where) | own


def use(
    tool: Tool, held: Held, database: str, job: Job, *, source: Path | None = None, target: Path | None = None
) -> None:
    """Let a tool read a file about a database, or write one."""
    argv, env = _called(tool, held, _known(held, database, job))
    job.log(f"$ {os.path.basename(argv[0])} {database}")
    try:
        done = process.piped(argv, env=env, cwd=str(held.where.run), source=source, target=target)
    except FileNotFoundError:
        raise StepFailed(f"{argv[0]} is not on this machine, and {held.name} needs it for this") from None
    if done.code:
        raise _failed(held, done, job)


def ask(tool: Tool, question: str, held: Held, database: str, job: Job) -> list[str]:
    """What a tool answers to a question that is asked in a database, line by line."""
    argv, env = _called(tool, held, {**_known(held, database, job), "database": database})
    try:
        done = process.capture(argv, env=env, cwd=str(held.where.run), said=question)
    except FileNotFoundError:
        raise StepFailed(f"{argv[0]} is not on this machine, and {held.name} needs it for this") from None
    if done.code:
        raise _failed(held, done, job)
    return done.output.splitlines()


def _failed(held: Held, done: Completed, job: Job) -> StepFailed:
    said = job.masker.mask(done.last_lines(6))
    return StepFailed(f"{held.name}: {os.path.basename(done.argv[0])} ended with {done.code}\n{said}")
