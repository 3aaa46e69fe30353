"""The data of a service: made from a template that all projects share, and never opened by another major version."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content, digest, remove_tree, write_staged
from envman.frozen import frozen
from envman.problem import Problem
from envman.services.recipe import Recipe, filled
from envman.services.recipe import Step as Preparation
from envman_venv.services import places
from envman_venv.services.places import Places
from envman_venv.services.servers import Server

_NOTE = ".envman-version"  # in the data: which major version wrote it, and that it is whole


@frozen
class Making:
    """A service whose data may have to be made, with all that its recipe may ask for."""

    name: str
    recipe: Recipe
    server: Server
    where: Places
    known: Mapping[str, str]


def known(server: Server, where: Places) -> dict[str, str]:
    """What a recipe may ask for besides what its clients know."""
    return {
        "bin": str(server.bin),
        "program": server.program,
        "data": str(where.data),
        "run": str(where.run),
        "version": server.version,
    }


def variables(where: Places) -> dict[str, str]:
    """The few variables that a server and its tools see: nothing of the project's."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(where.run), "TMPDIR": str(where.run)}


def give(file: Path, text: str, user: int | None) -> None:
    """A file that the server alone may read."""
    write_staged(file, text, mode=0o600)
    if user is not None:
        os.chown(file, user, user)


def written_by(folder: Path) -> str:
    """The major version that wrote a folder of data; nothing when it is not whole."""
    return content(folder / _NOTE).decode().strip()


def aside(where: Places) -> Path:
    """Where data stands that is about to be replaced."""
    return where.data.with_name(f"{where.data.name}.replaced")


def put_back(where: Places) -> None:
    """What was set aside is the data, unless other data has taken its place."""
    if not where.data.exists() and aside(where).exists():
        aside(where).rename(where.data)


def prepare(made: Making, job: Job) -> None:
    """See to it that there is data, whole, and of the right version."""
    where, major = made.where, made.server.version.split(".")[0]
    put_back(where)
    note = where.data / _NOTE
    if note.exists():
        _check_version(made, note.read_text(encoding="utf-8").strip(), major)
        return
    # A name of its own: of an envman that was killed, the copying may still go on.
    for left in where.data.parent.glob(f"{where.data.name}.*.new"):
        shutil.rmtree(left, ignore_errors=True)
    staging = where.data.with_name(f"{where.data.name}.{os.getpid()}.new")
    if made.recipe.template:
        copy(_template(made, job), staging)
    else:
        _folder(staging, where)
    for step in made.recipe.create:
        _run(step, made, {"data": str(staging)}, job)
    give(staging / _NOTE, f"{major}\n", where.user)
    staging.chmod(0o700)
    remove_tree(where.data)  # without a note it was never finished
    staging.rename(where.data)


def _check_version(made: Making, wrote: str, major: str) -> None:
    if wrote != major:
        title = made.recipe.title
        raise StepFailed(
            Problem(
                message=f"the data of {made.name} was written by {title} {wrote}, and this is {major}",
                hint=f'ask for version = "{wrote}" again, or start afresh: envman destroy --data',
                key=f"services.{made.name}.version",
            )
        )


def _folder(path: Path, where: Places) -> None:
    path.mkdir()
    if where.user is not None:
        os.chown(path, where.user, where.user)


def _template(made: Making, job: Job) -> Path:
    """Fresh data of this very server, made once for everybody."""
    recipe, server, where = made.recipe, made.server, made.where
    key = digest([str(server.bin), server.version, repr(recipe.template)])[:16]
    target = places.shared(recipe) / "templates" / f"{recipe.name}-{server.version}-{key}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f"{target.name}.{os.getpid()}")
    remove_tree(staging)
    _folder(staging, where)
    # Whoever starts with the template gets a password of its own at once; this one is known to nobody.
    secret = where.run / "template.secret"
    give(secret, os.urandom(16).hex() + "\n", where.user)
    try:
        for step in recipe.template:
            _run(step, made, {"data": str(staging), "secret": str(secret)}, job)
        staging.rename(target)
    except OSError:
        if not target.exists():  # else another project was quicker
            raise
    finally:
        secret.unlink()
        remove_tree(staging)
    return target


def copy(source: Path, target: Path) -> None:
    """A folder of data, owners and all."""
    # With a copy on write, where the file system has it; cp of other systems does not know the word.
    words = ["--reflink=auto"] if sys.platform == "linux" else []
    done = process.capture(["cp", "-a", *words, str(source), str(target)])
    if done.code:
        remove_tree(target)
        raise StepFailed(Problem(message=f"the data could not be made: {done.last_lines(1)}"))


def _run(step: Preparation, made: Making, more: Mapping[str, str], job: Job) -> None:
    known = {**made.known, **more}
    argv = [filled(word, known) for word in step.argv]
    job.log(f"$ {os.path.basename(argv[0])}")
    done = process.capture(
        argv,
        env=variables(made.where),
        cwd=str(made.where.run),
        said=filled(step.input, known),
        user=made.where.user,
    )
    if done.code:
        said = job.masker.mask(done.last_lines(8))
        raise StepFailed(Problem(message=f"{os.path.basename(argv[0])} ended with {done.code}\n{said}"))
