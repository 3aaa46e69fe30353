"""What the spec wants inside a server: more databases, extensions, and statements that new data begins with."""

from __future__ import annotations

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import digest
from envman.problem import Problem
from envman.services import holding
from envman.services.holding import BEGUN, BROUGHT, NEW, Holding
from envman.services.recipe import filled
from envman.spec.model import Service

_FILE = "name a file of the project that new data begins with"
_MEND = "mend it, then: envman up (the data begins afresh)"


def wanted(service: Service) -> str:
    """The note of data in which all is made that the spec wants."""
    return digest([repr((service.databases, service.extensions))])


def provide(held: Holding) -> None:
    """Make what is missing; statements of the project run once, when the data is new."""
    service = held.job.project.spec.services[held.name]
    before = held.filled_with()
    if not held.recipe.keeps or before == wanted(service):
        return
    texts = _texts(held.name, service, held.job) if before == NEW else {}
    _make("database", service.databases, held)
    _make("extension", service.extensions, held)
    if texts:
        held.note_filled(BEGUN)  # what half of them leave behind, the next start throws away
    for file, statements in texts.items():
        holding.say(statements, file, held, hint=_MEND)
    held.note_filled(wanted(service))


def again(held: Holding) -> None:
    """The same for data that was replaced: it may lack what the spec wants, and it is not new."""
    held.note_filled(BROUGHT)
    provide(held)


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


def _make(kind: str, items: tuple[str, ...], held: Holding) -> None:
    for item in items:
        statement = filled(held.recipe.native.statements[kind], {"item": item})
        hint = held.where_from() if kind == "extension" else None
        holding.say(statement, f"{kind} {item}", held, hint=hint, key=f"services.{held.name}.{kind}s")
