"""The data of a service: made from a template that all projects share, and never opened by another major version."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content, digest, remove_tree, write_staged
from envman.frozen import frozen
from envman.problem import Problem
from envman.services import saving
from envman.services.holding import NEW, major, require_same_major
from envman.services.recipe import filled
from envman.spec.recipe import Recipe, Tool
from envman_venv.services import places
from envman_venv.services.places import Places
from envman_venv.services.servers import Server

_NOTE, _FILLED = saving.NOTE, saving.FILLED  # they stand in the data, and are copied with it
_TRIES = 40  # looks at what somebody else may still write


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
        "python": sys.executable,
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
    return saving.wrote(folder)


def give_all(folder: Path, user: int | None) -> None:
    """Files that were copied from elsewhere, for the server alone."""
    if user is not None:
        for here, _, names in os.walk(folder):
            for one in (here, *(os.path.join(here, name) for name in names)):
                os.chown(one, user, user, follow_symlinks=False)
    folder.chmod(0o700)


def filled_with(folder: Path) -> str:
    """What the spec had made in a folder of data; of data that was never ready, how far that came."""
    return content(folder / _FILLED).decode().strip()


def note_filled(where: Places, what: str) -> None:
    """Remember it, with the data."""
    give(where.data / _FILLED, f"{what}\n", where.user)


def carry(old: Places, new: Places) -> None:
    """What was made in data was made in what is made from it."""
    note_filled(new, filled_with(old.data) or "carried")


def aside(where: Places) -> Path:
    """Where data stands that is about to be replaced."""
    return where.data.with_name(f"{where.data.name}.replaced")


def put_back(where: Places) -> None:
    """What was set aside is the data, unless other data has taken its place."""
    old = aside(where)
    if not old.exists():
        return
    if not where.data.exists():
        old.rename(where.data)
    elif written_by(old) not in ("", written_by(where.data)):
        keep(where)  # an upgrade was killed in its last moment


def fresh(where: Places) -> Path:
    """Where data is made that is to take the place of what another major version wrote."""
    return where.data.with_name(f"{where.data.name}.upgraded")


def drop_fresh(where: Places) -> None:
    """What an upgrade that failed, or was killed, has left."""
    _remove_left(where.data.parent, f"{fresh(where).name}*")


def _remove_left(folder: Path, pattern: str) -> None:
    # Of an envman that was killed the copying may still go on, until it finds nothing more to copy to.
    for _ in range(_TRIES):
        left = list(folder.glob(pattern))
        for one in left:
            shutil.rmtree(one, ignore_errors=True)
        if not left:
            return
        time.sleep(0.05)


def keep(where: Places) -> Path:
    """Give what was set aside a name that tells who wrote it, and that nothing has yet."""
    plain = f"{where.data.name}.{written_by(aside(where))}"
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    target = next(place for place in map(where.data.with_name, names) if not place.exists())
    aside(where).rename(target)
    return target


def take_place(where: Places) -> Path:
    """The fresh data is the data from now on; answers where the old is kept. `put_back` mends a kill in between."""
    put_back(where)
    remove_tree(aside(where))
    where.data.rename(aside(where))
    fresh(where).rename(where.data)
    return keep(where)


def copy_fresh(where: Places, version: str) -> None:
    """A copy of the data, to be opened by a server of this version."""
    staging = fresh(where).with_name(f"{fresh(where).name}.{os.getpid()}.new")
    copy(where.data, staging)
    give(staging / _NOTE, f"{major(version)}\n", where.user)
    staging.rename(fresh(where))


def prepare(made: Making, job: Job) -> None:
    """See to it that there is data, whole, and of the right version."""
    where = made.where
    put_back(where)
    if wrote := written_by(where.data):
        require_same_major(made.name, made.recipe, wrote, made.server.version)
        drop_fresh(where)
        return
    _remove_left(where.data.parent, f"{where.data.name}.*.new")
    # A name of its own, which nobody else copies to.
    staging = where.data.with_name(f"{where.data.name}.{os.getpid()}.new")
    if made.recipe.native.template:
        copy(_template(made, job), staging)
    else:
        _folder(staging, where)
    for step in made.recipe.native.create:
        _run(step, made, {"data": str(staging)}, job)
    give(staging / _NOTE, f"{major(made.server.version)}\n", where.user)
    give(staging / _FILLED, f"{NEW}\n", where.user)
    staging.chmod(0o700)
    remove_tree(where.data)  # it was never finished, or its first statements failed before it was ever ready
    staging.rename(where.data)


def _folder(path: Path, where: Places) -> None:
    path.mkdir()
    if where.user is not None:
        os.chown(path, where.user, where.user)


def _template(made: Making, job: Job) -> Path:
    """Fresh data of this very server, made once for everybody."""
    recipe, server, where = made.recipe, made.server, made.where
    key = digest([str(server.bin), server.version, repr(recipe.native.template)])[:16]
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
        for step in recipe.native.template:
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


def _run(step: Tool, made: Making, more: Mapping[str, str], job: Job) -> None:
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
