"""A service in a container with its data: its server's own tools inside, and the volume that its files stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.frozen import frozen, replace
from envman.problem import Problem
from envman.services import archives, catalogue, facts, holding, provide, saving
from envman.services.holding import BROUGHT
from envman.services.recipe import image_of
from envman.spec.recipe import Recipe
from envman_docker import engine, enter, naming, ready, stack, view
from envman_docker.asking import Asking
from envman_docker.data import notes, volumes
from envman_docker.data.notes import Note

_PATIENCE = 10  # seconds until a container that was told to stop is killed
# Brings containers to what the stack says; they are started, or only made.
Begin = Callable[[Sequence[str], Job, bool], None]


@frozen
class Held:
    """A service with its data, in a container."""

    name: str
    recipe: Recipe
    job: Job
    begin: Begin

    @property
    def title(self) -> str:
        """The server, as people call it."""
        return view.title(self.recipe, self.version).removesuffix(f" {self.version}")

    @property
    def version(self) -> str:
        """The major version, which the image's name tells."""
        return volumes.version(self.job.project, self.name, self.recipe)

    def runs(self) -> bool:
        """Whether its container does."""
        return str(self._asking.container(self._box())["State"]["Status"]) == "running"

    def start(self) -> None:
        """Start its container, and wait until it is ready."""
        self.begin([self.name], self.job, True)
        ready.wait(self.name, self.job)
        fill(self)

    def stop(self) -> None:
        """Stop its container."""
        self._asking.stop(self._box(), _PATIENCE)

    def known(self) -> Mapping[str, str]:
        """What its tools may ask for, inside the container."""
        project = self.job.project
        own = facts.at(project, {self.name: (facts.HOST, self.recipe.port)})[self.name]
        within = stack.places(project, self.name, self.recipe)
        return {**own, "bin": "", "data": within["data"], "run": within["run"], "version": self.version}

    def tool(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str], str]:
        """They run beside the server; their streams are those of a process of this machine."""
        box = self._box()
        place = {
            "engine": engine.find(self.job.environ).address,
            "project": naming.identity(self.job.project),
            "containers": box,
            "container": box,
            "user": "",
            "root": "/",
            "inside": "",
            "pass": "",
        }
        return enter.enter(place, {"LANG": "C.UTF-8", **env}, self.job.environ, argv, "/")

    def filled_with(self) -> str:
        """The note of its volume."""
        return self._note().filled

    def note_filled(self, what: str) -> None:
        """Leave it, with the version that has just answered."""
        note = replace(self._note(), filled=what, version=holding.major(self.version))
        notes.write(self.job.project, self.name, note)

    def copy_out(self, target: Path) -> None:
        """The engine reads the files of a container that does not run."""
        with engine.sdk(self.job.environ) as client:
            pieces, _ = client.get_archive(self._box(), self.known()["data"])
            archives.unpack(pieces, target)
        saving.note_version(target, self.version)

    def replace_by(self, source: Path) -> None:
        """Into a new volume, which takes the place of the other once all is in it."""
        project, ran = self.job.project, self.runs()
        before = self._note()
        fresh = volumes.fresh(project, self.name, holding.major(self.version), BROUGHT)
        for left in volumes.others(self._asking, project, self.name):
            self._asking.remove_volume(left)
        volumes.create(self._asking, project, self.name, fresh)
        self._fill_volume(fresh, source)
        try:
            self._change_to(fresh, ran=ran)
        except BaseException:
            self._change_to(before, ran=ran)
            self._remove(fresh)
            raise
        self._remove(before)

    def wrote(self) -> str:
        """The major version that wrote its data; nothing where nobody knows."""
        return self._note().version

    def is_foreign(self) -> bool:
        """Whether that is another one."""
        return self.wrote() not in ("", holding.major(self.version))

    def afresh(self, work: Callable[[], str]) -> str:
        """Do something that needs new data; when it is done, the old goes."""
        project, before = self.job.project, self._note()
        fresh = volumes.fresh(project, self.name, holding.major(self.version), BROUGHT)
        volumes.create(self._asking, project, self.name, fresh)
        try:
            self._change_to(fresh, ran=True)
            told = work()
        except BaseException:
            # What is asked for now cannot open the old data: it stays as it is, and is not started.
            volumes.remove_box(self._asking, project, self.name)
            notes.write(project, self.name, before)
            self._remove(fresh)
            raise
        self._remove(before)
        return told

    def _fill_volume(self, note: Note, source: Path) -> None:
        """Through a container that never runs; its image says whose the files are."""
        data = self.known()["data"]
        reference = image_of(self.recipe, self.version)
        with engine.sdk(self.job.environ) as client:
            settings = client.create_host_config(binds={note.volume: {"bind": data, "mode": "rw"}})
            labels = {naming.PROJECT: naming.identity(self.job.project)}
            helper = client.create_container(reference, ["true"], host_config=settings, labels=labels)["Id"]
            try:
                pieces, _ = client.get_archive(helper, data)
                whose = archives.owner(pieces)
                if not client.put_archive(helper, data, archives.packed(source, whose)):
                    raise StepFailed(f"the engine did not take the files of {self.name}")
            finally:
                client.remove_container(helper, force=True)

    def _change_to(self, note: Note, *, ran: bool) -> None:
        volumes.remove_box(self._asking, self.job.project, self.name)
        notes.write(self.job.project, self.name, note)
        if ran:
            self.start()
        else:
            self.begin([self.name], self.job, False)

    def _remove(self, note: Note) -> None:
        self._asking.remove_volume(note.volume)

    def where_from(self) -> str:
        """Another image."""
        image = f'{{services = {{{self.name} = {{image = "…"}}}}}}'
        told = f"its image has the extensions of {self.title} itself; for others name one that has them:"
        return f"{told}\n[docker] compose = {image}"

    def _note(self) -> Note:
        found = volumes.known(self.job.project, volumes.listed(self._asking, self.job.project))
        if self.name not in found:
            raise StepFailed(Problem(message=f"the volume of {self.name} is gone", hint="envman up"))
        return found[self.name]

    def _box(self) -> str:
        return ready.box(self.name, self.job)

    @property
    def _asking(self) -> Asking:
        return Asking(self.job.environ)


def fill(held: Held) -> None:
    """Make what the spec wants in it; where that fails, it does not stay as if all were well."""
    try:
        provide.provide(held)
    except BaseException:
        held.stop()
        raise


def of(name: str, job: Job, begin: Begin) -> Held:
    """The service as the spec wants it."""
    recipe = catalogue.of(job.project.spec, name)
    if recipe is None:
        raise StepFailed(f"{name} is no server of the catalogue")
    return Held(name=name, recipe=recipe, job=job, begin=begin)
