"""What to do about the image and the stack, decided from one look at them."""

from __future__ import annotations

from collections.abc import Iterator

from envman.backend import Observed
from envman.dependencies import resolve
from envman.frozen import replace
from envman.plan import Goal, Step
from envman.project import Project
from envman.services import facts, order
from envman_docker import image, naming
from envman_docker.check import refuse
from envman_docker.data import volumes
from envman_docker.observe import Findings
from envman_docker.operations import (
    BuildBase,
    BuildImage,
    Finish,
    RemoveStack,
    ResolveInside,
    StartContainers,
    StopContainers,
)


def plan(project: Project, observed: Observed, goal: Goal) -> tuple[Step, ...]:
    """The steps to the goal."""
    findings: Findings = observed.detail
    if goal is Goal.QUIET:
        services = project.spec.services
        return tuple(step for step in _stop(project, observed) if step.name in services and services[step.name].run)
    if goal is Goal.DOWN:
        return tuple(_stop(project, observed))
    if goal.removes:
        return tuple(_remove(findings, data=goal is Goal.PURGE))
    refuse(project.spec)
    volumes.require_same_majors(project, findings.data)
    if goal is not Goal.REFRESH:
        without = replace(observed, detail=findings.with_base(image.base_inputs(findings.recipe)))
        if not _whole(project, without, afresh=False):
            return ()
    return _whole(project, observed, afresh=goal is Goal.REFRESH)


def _whole(project: Project, observed: Observed, *, afresh: bool) -> tuple[Step, ...]:
    images = tuple(_images(project, observed.detail, afresh=afresh))
    return (*images, *_forgotten(observed.detail), *_containers(project, observed, rebuilt=bool(images)))


def _forgotten(findings: Findings) -> Iterator[Step]:
    for name in sorted(set(findings.boxes) - set(findings.parts)):
        yield Step(
            name=name,
            title=f"stop {name}",
            reason="the spec does not name it any more",
            operation=StopContainers(names=(name,), forgotten=True),
        )


def _images(project: Project, findings: Findings, *, afresh: bool) -> Iterator[Step]:
    recipe = findings.recipe
    base = image.base_inputs(recipe)
    changed = findings.base_inputs != base or afresh
    if changed:
        more = f", {len(recipe.system)} system packages" if len(recipe.system) > 1 else ""
        more = f", {recipe.system[0]}" if len(recipe.system) == 1 else more
        yield Step(
            name="image",
            title=f"{recipe.base}{more}",
            reason="it was asked for" if afresh else _of_base(findings),
            operation=BuildBase(recipe=recipe, inputs=base, afresh=afresh),
            renews=True,
        )
    for step in resolve.steps(project, recipe.python, ""):
        if isinstance(step.operation, resolve.Resolve):
            yield replace(step, operation=ResolveInside(resolve=step.operation, recipe=recipe))
    below = changed or findings.is_on_old_base
    if below or findings.image_inputs != image.inputs(project, recipe):
        reason = f"{project.source.label} changed" if findings.image_inputs and not below else "not there yet"
        yield Step(
            name="packages",
            title=f"from {project.source.label}",
            reason="the image below is new" if below and findings.image_inputs else reason,
            operation=BuildImage(recipe=recipe),
            renews=True,
        )


def _of_base(findings: Findings) -> str:
    return "what it is made from changed" if findings.base_inputs else "not there yet"


def _containers(project: Project, observed: Observed, *, rebuilt: bool) -> Iterator[Step]:
    findings: Findings = observed.detail
    workspace = findings.boxes.get(naming.WORKSPACE)
    why = _why(findings, naming.WORKSPACE, rebuilt=rebuilt)
    anew = workspace is None or rebuilt or (bool(why) and workspace.state == "running")
    if why:
        ports = ", ".join(f"{name} on {facts.HOST}:{project.ports.get(name, '?')}" for name in project.spec.ports)
        yield _start(
            findings, naming.WORKSPACE, (naming.WORKSPACE,), ports or "the project's container", why, renews=anew
        )
    if why or observed.generation == "":
        yield Step(
            name="project",
            title="what stands in the folder",
            reason=why or "it was not finished",
            operation=Finish(recipe=findings.recipe),
        )
    for wave in order.waves(project.spec.services):
        for own in (False, True):
            due = {
                name: reason
                for name in wave
                if (project.spec.services[name].run is not None) is own
                and (reason := _due(project, findings, name, why, rebuilt=rebuilt))
            }
            for name, reason in due.items():
                yield replace(_start(findings, name, tuple(due), _title(observed, name), reason), after_setup=own)


def _due(project: Project, findings: Findings, name: str, workspace: str, *, rebuilt: bool) -> str:
    own = project.spec.services[name].run is not None
    why = _why(findings, name, rebuilt=rebuilt and own) or volumes.unfilled(project, findings.data, name)
    if why or not own:
        return why
    # It has the network of the workspace as that was started last, and a job is done once for every start.
    return "the workspace begins anew" if workspace or findings.is_left_behind(name) else ""


def _why(findings: Findings, name: str, *, rebuilt: bool) -> str:
    box = findings.boxes.get(name)
    if box is None:
        return "it does not run yet"
    own = name in findings.parts and findings.parts[name].own
    if rebuilt or (own and findings.image_id and box.image != findings.image_id):
        return "the image is new"
    if name in findings.parts and box.inputs != findings.parts[name].inputs:
        return "what it is made from changed"
    if box.is_done and findings.parts[name].service.get("restart") in ("no", "on-failure"):
        return ""
    return "" if box.state == "running" else f"it is {box.state}"


def _title(observed: Observed, name: str) -> str:
    one = observed.services[name]
    where = f" on {facts.HOST}:{one.port}" if one.port else ""
    return f"{one.title}{where} ({one.source})"


def _start(findings: Findings, name: str, wave: tuple[str, ...], title: str, why: str, *, renews: bool = False) -> Step:
    operation = StartContainers(name=name, wave=wave, recipe=findings.recipe)
    return Step(name=name, title=title, reason=why, operation=operation, renews=renews)


def _stop(project: Project, observed: Observed) -> Iterator[Step]:
    findings: Findings = observed.detail
    running = [name for name, box in findings.boxes.items() if box.state in ("running", "restarting", "paused")]
    waves = [[name for name in wave if name in running] for wave in order.waves(project.spec.services)[::-1]]
    known = {name for wave in waves for name in wave}
    waves.append([name for name in running if name not in known])
    for wave in filter(None, waves):
        for name in wave:
            yield Step(
                name=name, title=f"stop {name}", reason="it was asked for", operation=StopContainers(names=(name,))
            )


def _remove(findings: Findings, *, data: bool) -> Iterator[Step]:
    going = (*findings.left, *(f"volume {name}" for name in (findings.volumes if data else ())))
    if going:
        operation = RemoveStack(data=data)
        yield Step(name="stack", title="remove", reason="destroy was asked for", operation=operation, changes=going)
