"""The steps that bring services in the machine to what the spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from envman import inside
from envman.files import content, digest
from envman.plan import Goal, Step
from envman.project import Project
from envman.services import catalogue, facts, order, provide
from envman.services.holding import BEGUN, NEW
from envman.spec.model import Service
from envman_vagrant import view
from envman_vagrant.services import kept, look, majors
from envman_vagrant.services.look import Unit
from envman_vagrant.services.operations import KeepData, KeepVolumes, Start, Stop


class Findings(Protocol):
    """What is decided from."""

    @property
    def units(self) -> Mapping[str, Unit]:
        """The services, as they were found when the machine was last looked into."""

    @property
    def runs(self) -> bool:
        """Whether the machine does."""

    @property
    def connected(self) -> bool:
        """Whether that look was now."""


def steps(project: Project, findings: Findings, goal: Goal, *, renewed: bool) -> Iterator[Step]:
    """Stop what is not wanted, start what does not run, or runs in what is about to change.

    A machine that ends takes them along, in the right order, and one that goes is asked for their data with `keeping`.
    """
    if not goal.builds:
        return
    majors.require_same(project, findings.units, kept.wrote(project))
    lives = findings.runs and findings.connected
    for name in look.forgotten(project, findings.units) if lives else ():
        reason = "the spec does not name it any more"
        yield Step(name=name, title=f"stop {name}", reason=reason, operation=Stop(names=(name,)))
    services = project.spec.services
    for wave in order.waves(services):
        for own in (False, True):
            due = {
                name: why
                for name in wave
                if (services[name].run is not None) is own
                and (why := _why(project, findings.units.get(name), name, lives=lives, renewed=renewed))
            }
            for name, why in due.items():
                operation = Start(name=name, wave=tuple(due))
                yield Step(name=name, title=_title(project, name), reason=why, operation=operation, after_setup=own)


def quiet(project: Project, findings: Findings) -> Iterator[Step]:
    """End the project's own processes, those that need others first."""
    lives = findings.runs and findings.connected
    for wave in order.waves(project.spec.services)[::-1]:
        units = {name: findings.units.get(name) for name in wave if project.spec.services[name].run is not None}
        due = tuple(name for name, unit in units.items() if lives and unit is not None and unit.runs)
        if due:
            title = f"stop {', '.join(due)}"
            yield Step(name=due[0], title=title, reason="it was asked for", operation=Stop(names=due))


def keeping(project: Project, findings: Findings, *, known: bool) -> Iterator[Step]:
    """What has to be brought out of a machine before it goes, where it is known what is in it, and where it is not."""
    perhaps = may_keep(project)
    names = [name for name, unit in findings.units.items() if unit.wrote] if known else perhaps
    boxed = [name for name, unit in findings.units.items() if unit.has_volumes] if known else perhaps
    operations: list[KeepData | KeepVolumes] = [KeepData(name=name, perhaps=not known) for name in names]
    for operation in [*operations, *(KeepVolumes(name=name) for name in boxed)]:
        title = f"keep the data of {operation.name}"
        yield Step(name=operation.name, title=title, reason="the machine goes", operation=operation)


def may_keep(project: Project) -> list[str]:
    """The services that may have data in a machine, whatever the spec says by now: those that have a port here."""
    before = project.memory.get("ports")
    names = before if isinstance(before, dict) else {}
    served = [name.removeprefix(facts.port_name("")) for name in names if name.startswith(facts.port_name(""))]
    return list(dict.fromkeys([*served, *(name for name, one in project.spec.services.items() if one.image)]))


def made_from(project: Project, name: str) -> str:
    """A digest of all that a service is started with."""
    service = project.spec.services[name]
    parts: list[str | bytes] = [repr(service), str(view.ports_inside(project).get(name))]
    if service.run is None:
        own = project.spec.recipes.get(service.use or "")
        return digest([*parts, *([repr(own)] if own else [])])
    files = [content(Path(file)) for file, _ in inside.env_files(project)]
    return digest([*parts, repr(inside.declared(project, view.viewpoint(project))), *files])


def _why(project: Project, unit: Unit | None, name: str, *, lives: bool, renewed: bool) -> str:
    service = project.spec.services[name]
    if unit is None or not lives or not (unit.is_there or unit.title):
        return "it is stopped" if unit is not None and unit.title else "it does not run yet"
    if not unit.runs:
        return f"it ended with {unit.code}" if unit.has_ended else "it is stopped"
    if not unit.made_from:
        return "it was not finished"
    if unit.made_from != made_from(project, name):
        return "what it is started with changed"
    if service.run is not None:
        return "the environment or its packages are new" if renewed or unit.is_stale else ""
    return _unfilled(project, unit, service, name)


def _unfilled(project: Project, unit: Unit, service: Service, name: str) -> str:
    recipe = catalogue.of(project.spec, name)
    if recipe is None or not recipe.keeps or unit.filled == provide.wanted(service):
        return ""
    return "what it begins with is not made yet" if unit.filled in (NEW, BEGUN) else "what it should hold changed"


def _title(project: Project, name: str) -> str:
    port = project.ports.get(facts.port_name(name))
    return look.title(project, name) + (f" on {facts.HOST}:{port}" if port else "")
