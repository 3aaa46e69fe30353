"""The volumes of a project's data in the engine, each with a mark by which it is told from one of the same name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envman.backend import Job
from envman.frozen import replace
from envman.project import Project
from envman.services import catalogue, holding, provide
from envman.services.holding import BEGUN, BROUGHT, NEW
from envman.spec.recipe import Recipe
from envman_docker import naming
from envman_docker.asking import Asking
from envman_docker.data import notes
from envman_docker.data.notes import Note

_MARK = "dev.envman.data"


def listed(asked: Asking, project: Project) -> Sequence[Mapping[str, Any]]:
    """All that carry the project's label."""
    return asked.volumes(label=naming.mine(project))


def known(project: Project, found: Iterable[Mapping[str, Any]]) -> dict[str, Note]:
    """What is known of the data of each service that has some, by the volumes that there are."""
    there = {str(one["Name"]): one for one in found}
    notes_of = {name: _known(project, name, there) for name in keeping(project)}
    return {name: note for name, note in notes_of.items() if note is not None}


def keeping(project: Project) -> dict[str, Recipe]:
    """The services with data that must outlive them, each with what it is made from."""
    recipes = {name: catalogue.of(project.spec, name) for name in project.spec.services}
    return {name: recipe for name, recipe in recipes.items() if recipe is not None and recipe.keeps}


def _known(project: Project, name: str, there: Mapping[str, Mapping[str, Any]]) -> Note | None:
    noted = notes.read(project, name)
    volume = noted.volume if noted.mark or noted.volume in there else _newest(name, there)
    if volume not in there:
        return None
    # One that nobody has marked is told by the moment in which it was made.
    mark = _label(there[volume], _MARK) or str(there[volume].get("CreatedAt", ""))
    if mark and mark == noted.mark:
        return noted
    # Whoever made it: there may be data in it, and nobody knows whose.
    return Note(volume=volume, mark=mark, filled=BROUGHT)


def _newest(name: str, there: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the notes are lost, the newest volume that says it is the service's."""
    own = [one for one in there.values() if _label(one, naming.SERVICE) == name and _label(one, _MARK)]
    return str(max(own, key=lambda one: str(one.get("CreatedAt", "")))["Name"]) if own else ""


def _label(volume: Mapping[str, Any], name: str) -> str:
    return str((volume.get("Labels") or {}).get(name, ""))


def version(project: Project, name: str, recipe: Recipe) -> str:
    """The version that a service is asked to have."""
    return project.spec.services[name].version or recipe.versions[0]


def unfilled(project: Project, found: Mapping[str, Note], name: str) -> str:
    """Why a service that runs has to be looked after all the same."""
    note = found.get(name)
    if note is None or note.filled == provide.wanted(project.spec.services[name]):
        return ""
    return "what it begins with is not made yet" if note.filled in (NEW, BEGUN) else "what it should hold changed"


def require_same_majors(project: Project, found: Mapping[str, Note]) -> None:
    """Raises for the first whose data was written by another major version."""
    for name, note in found.items():
        recipe = catalogue.of(project.spec, name)
        if recipe is not None and note.version:
            require_same_major(name, recipe, note.version, version(project, name, recipe))


def require_same_major(name: str, recipe: Recipe, wrote: str, asked: str) -> None:
    """Raises when data was written by another major version, and says how it is carried over here."""
    again = f'carry it over: with version = "{wrote}" envman snapshot save before, then with "{asked}" '
    ways = [f"{again}envman snapshot restore before"] if holding.by_dump(recipe) else []
    holding.require_same_major(name, recipe, wrote, asked, ways)


def prepare(names: Sequence[str], job: Job, *, alone: bool) -> None:
    """See to it that each service has a volume; what a failed beginning has left goes.

    Unless a few of them are on their own: Compose makes every volume of the file, whichever container is started.
    """
    asked = Asking(job.environ)
    found = known(job.project, listed(asked, job.project))
    recipes = keeping(job.project)
    for name in recipes:
        if alone and name not in names:
            continue
        note = found.get(name)
        if note is not None and note.filled == BEGUN and name in names:
            drop(asked, job.project, name, note.volume)
            note = None
        if note is None:
            make(asked, job.project, name, holding.major(version(job.project, name, recipes[name])))
        elif note != notes.read(job.project, name):
            notes.write(job.project, name, note)


def make(asked: Asking, project: Project, name: str, wrote: str) -> None:
    """A new volume, which is the service's from now on."""
    note = fresh(project, name, wrote, NEW)
    if all(one["Name"] != naming.volume(project, name) for one in listed(asked, project)):
        note = replace(note, volume=naming.volume(project, name))
    notes.write(project, name, note)
    create(asked, project, name, note)


def fresh(project: Project, name: str, wrote: str, filled: str) -> Note:
    """The note of a volume that is not there yet, with a name that no other has."""
    mark = os.urandom(8).hex()
    return Note(volume=f"{naming.volume(project, name)}-{mark[:6]}", mark=mark, version=wrote, filled=filled)


def create(asked: Asking, project: Project, name: str, note: Note) -> None:
    """Make the volume of a note; compose is told by labels that it is one of its own."""
    labels = {
        naming.PROJECT: naming.identity(project),
        naming.FOLDER: str(project.root),
        naming.SERVICE: name,
        _MARK: note.mark,
        "com.docker.compose.project": naming.stack(project),
        "com.docker.compose.volume": name,
    }
    asked.make_volume(note.volume, labels)


def drop(asked: Asking, project: Project, name: str, volume: str) -> None:
    """Remove a volume, and the container that holds it."""
    remove_box(asked, project, name)
    asked.remove_volume(volume)


def remove_box(asked: Asking, project: Project, name: str) -> None:
    """Remove the container of a service, told to end first."""
    for one in asked.containers(label=naming.of_service(project, name)):
        asked.stop(one["Id"], 10)
        asked.remove_container(one["Id"], force=True)


def others(asked: Asking, project: Project, name: str) -> list[str]:
    """Volumes of the service that are not its data: what a restore that was killed has left."""
    noted = notes.read(project, name)
    own = [one for one in listed(asked, project) if _label(one, naming.SERVICE) == name and _label(one, _MARK)]
    if noted.mark not in [_label(one, _MARK) for one in own]:
        return []
    return [str(one["Name"]) for one in own if _label(one, _MARK) != noted.mark]
