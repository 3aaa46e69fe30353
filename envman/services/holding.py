"""A service whose data is looked at, saved or replaced: what a backend has to give, and the tools that work on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.problem import Problem
from envman.process import Completed
from envman.services import facts
from envman.services.recipe import debian, filled
from envman.spec.recipe import Recipe, Tool

# The note of data until a first start has succeeded, and of data that was brought from elsewhere.
NEW, BEGUN, BROUGHT = "new", "begun", "restored"


class Holding(Protocol):
    """A service with its data, on one backend."""

    @property
    def name(self) -> str:
        """The service."""

    @property
    def recipe(self) -> Recipe:
        """What it is made from."""

    @property
    def job(self) -> Job:
        """What may be used for it."""

    @property
    def title(self) -> str:
        """The server, as people call it, without its version."""

    @property
    def version(self) -> str:
        """Of the server, as far as it is known; its major version is."""

    def runs(self) -> bool:
        """Whether it runs now."""

    def start(self) -> None:
        """Begin it, and wait until it is ready."""

    def stop(self) -> None:
        """End it."""

    def known(self) -> Mapping[str, str]:
        """What its tools may ask for, seen from where they run."""

    def tool(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str], str]:
        """Argument vector, variables and folder of a process of this machine that is this tool of the server's."""

    def filled_with(self) -> str:
        """The note of what the spec had made in its data; nothing where nobody knows."""

    def note_filled(self, what: str) -> None:
        """Leave that note, where it goes when the data goes."""

    def copy_out(self, target: Path) -> None:
        """Copy the files of its data; it does not run."""

    def replace_by(self, source: Path) -> None:
        """Put a copy of such files in the place of its data, whole or not at all, and start it if it ran."""

    def where_from(self) -> str:
        """How an extension that the server lacks would come to it."""


def major(version: str) -> str:
    """The part of a version that another one must share to open the same data."""
    return version.partition(".")[0]


def by_dump(recipe: Recipe) -> bool:
    """Whether a snapshot is what the server's own tools have read, and not its files."""
    return recipe.native.dump is not None and "place" in recipe.native.statements


def require_same_major(
    name: str, recipe: Recipe, wrote: str, version: str, carried: Sequence[str] | None = None
) -> None:
    """Raises when data was written by another major version, and says what can be done.

    `carried` are the ways to carry it over where there is no upgrade at one stroke.
    """
    if wrote == major(version):
        return
    upgrade = [f"carry it over: envman snapshot upgrade {name}"] if recipe.native.upgrade else []
    ways = list(upgrade if carried is None else carried)
    ways += [f'or ask for version = "{wrote}" again', "or start afresh: envman destroy --data"]
    message = f"the data of {name} was written by {recipe.title} {wrote}, and this is {major(version)}"
    hint = "\n".join(ways).removeprefix("or ")
    raise StepFailed(Problem(message=message, hint=hint, key=f"services.{name}.version"))


def use(tool: Tool, held: Holding, database: str, *, source: Path | None = None, target: Path | None = None) -> None:
    """Let a tool read a file about a database, or write one."""
    known = {**held.known(), "database": held.known()["name"], "name": database}
    argv, env, cwd = _called(tool, held, known)
    held.job.log(f"$ {_name(tool)} {database}")
    try:
        done = process.piped(argv, env=env, cwd=cwd, source=source, target=target)
    except FileNotFoundError:
        raise _no_tool(tool, held) from None
    if done.code:
        raise _failed(tool, held, done)


def ask(tool: Tool, question: str, held: Holding, database: str) -> list[str]:
    """What a tool answers to a question that is asked in a database, line by line."""
    argv, env, cwd = _called(tool, held, {**held.known(), "database": database})
    try:
        done = process.capture(argv, env=env, cwd=cwd, said=question)
    except FileNotFoundError:
        raise _no_tool(tool, held) from None
    if done.code:
        raise _failed(tool, held, done)
    return done.output.splitlines()


def say(statements: str, what: str, held: Holding, *, hint: str | None = None, key: str | None = None) -> None:
    """Let the server's own client read statements."""
    client = held.recipe.native.client
    if client is None:
        return
    known = held.known()
    argv, env, cwd = _called(client, held, {**known, "database": known["name"]})
    try:
        done = process.capture(argv, env=env, cwd=cwd, said=statements)
    except FileNotFoundError:
        raise _no_tool(client, held) from None
    if done.code:
        said = held.job.masker.mask(done.last_lines(6))
        message = f"{held.name}: {what}: {_name(client)} says\n{said}"
        raise StepFailed(Problem(message=message, hint=hint or None, key=key))


def require_running(held: Holding) -> None:
    """Raises when its own tools could not ask it."""
    if not held.runs():
        message = f"{held.name} does not run, and its own tools have to ask it"
        raise StepFailed(Problem(message=message, hint="envman up"))


def of_project(held: Holding) -> str:
    """The database that the project's programs use."""
    return facts.on_host(held.job.project)[held.name]["name"]


def _called(tool: Tool, held: Holding, known: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str], str]:
    env = {key: filled(value, known) for key, value in held.recipe.native.client_env.items()}
    return held.tool([filled(word, known) for word in _there(tool, known)], env)


def _there(tool: Tool, known: Mapping[str, str]) -> Sequence[str]:
    # Where nobody knows the folder of the programs, they are found by their names.
    return tool.argv if known.get("bin") else [word.removeprefix("{bin}/") for word in tool.argv]


def _name(tool: Tool) -> str:
    return os.path.basename(tool.argv[0])


def _no_tool(tool: Tool, held: Holding) -> StepFailed:
    packages = " or ".join(debian(held.recipe, major(held.version)))
    message = f"{_name(tool)} is not on this machine, and {held.name} needs it for this"
    return StepFailed(Problem(message=message, hint=f"it comes with the server's packages: {packages}"))


def _failed(tool: Tool, held: Holding, done: Completed) -> StepFailed:
    said = held.job.masker.mask(done.last_lines(6))
    return StepFailed(f"{held.name}: {_name(tool)} ended with {done.code}\n{said}")
