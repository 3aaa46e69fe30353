"""What to do about the machine and what is in it, decided from one look."""

from __future__ import annotations

from collections.abc import Iterator

from envman.backend import Observed
from envman.dependencies import resolve
from envman.errors import StepFailed
from envman.frozen import replace
from envman.plan import Goal, Step
from envman.problem import Problem
from envman.project import Project
from envman_vagrant import folder, naming, options, view
from envman_vagrant.observe import Findings
from envman_vagrant.operations import (
    Connect,
    CopyFolder,
    InstallPackages,
    MakeEnvironment,
    PrepareSystem,
    Provision,
    RemoveMachine,
    ResolveInside,
    Start,
    StartMachine,
    StopMachine,
)
from envman_vagrant.services import plan as services
from envman_vagrant.states import State

_GONE = (State.ABSENT, State.GHOST)


def plan(project: Project, observed: Observed, goal: Goal) -> tuple[Step, ...]:
    """The steps to the goal."""
    findings: Findings = observed.detail
    if goal is Goal.QUIET:
        return tuple(services.quiet(project, findings))
    if goal is Goal.DOWN:
        return tuple(_stop(project, findings))
    if goal.removes:
        return tuple(_remove(project, findings, goal))
    if findings.fault is not None:
        raise findings.fault
    _require_same_origin(project, findings)
    below = tuple(_below(project, findings, afresh=goal is Goal.REFRESH))
    renewed = any(step.renews for step in below)
    if any(isinstance(step.operation, StartMachine) for step in below):  # what runs now ends with the machine
        findings = replace(findings, connected=False)
    return (*below, *services.steps(project, findings, goal, renewed=renewed))


def _require_same_origin(project: Project, findings: Findings) -> None:
    """What a machine was made with cannot be changed under it."""
    for key, made, asked in (
        ("provider", findings.made_by, options.of(project.spec).provider),
        ("box", findings.made_from, options.of(project.spec).box),
    ):
        if asked and made and made != asked:
            message = f"the machine was made with {made}, and {asked} is asked for"
            hint = "envman destroy keeps the data and removes the machine; then: envman up"
            raise StepFailed(Problem(message=message, hint=hint, key=f"vagrant.{key}"))
    wires, network = findings.made_in, options.of(project.spec).network or ""
    provider = findings.provider if findings.state not in _GONE else None
    if provider is not None and provider.wired and wires not in (None, network):
        message = f"{provider.title} gives a machine its networks when it is made, and this one has {wires or 'none'}"
        hint = "envman destroy keeps the data and removes the machine; then: envman up"
        raise StepFailed(Problem(message=message, hint=hint, key="vagrant.network"))


def _below(project: Project, findings: Findings, *, afresh: bool) -> Iterator[Step]:
    """The machine, its system, and the packages."""
    found, python = findings.seen, findings.python
    created = findings.state in _GONE
    yield from _machine(project, findings)
    if afresh or found.notes.get("system") != findings.system:
        count = len(project.spec.system.packages)
        title = f"{count} system packages" if count > 1 else "".join(project.spec.system.packages) or "tools"
        reason = "it was asked for" if afresh else "what it is made from changed" if "system" in found.notes else ""
        operation = PrepareSystem(inputs=findings.system)
        yield Step(name="system", title=title, reason=reason or "not there yet", operation=operation)
    if not (findings.connected and findings.carried):
        yield from _folder(findings)
    if findings.provision and (created or found.notes.get("provision") != findings.provision):
        yield Step(
            name="provision",
            title=", ".join(one.path for one in options.of(project.spec).provision),
            reason="its files changed" if "provision" in found.notes else "not done yet",
            operation=Provision(inputs=findings.provision),
        )
    for step in resolve.steps(project, python, ""):
        if isinstance(step.operation, resolve.Resolve):
            yield replace(step, operation=ResolveInside(resolve=step.operation))
    anew = not found.generation or (found.python != "" and not found.python.startswith(f"{python}."))
    if anew or afresh:
        reason = "it was asked for" if afresh else f"Python {python} is asked for" if found.python else "not there yet"
        yield Step(
            name="python",
            title=f"Python {python}",
            reason=reason,
            operation=MakeEnvironment(python=python),
            renews=True,
        )
    noted = found.notes.get("packages", "")
    if anew or afresh or noted != resolve.fingerprint(project, python) or _lacks(findings):
        changed = f"{project.source.label} changed" if noted else "not there yet"
        yield Step(
            name="packages",
            title=f"from {project.source.label}",
            reason="the environment is new" if anew or afresh else "some are gone" if _lacks(findings) else changed,
            operation=InstallPackages(python=python),
            renews=True,
        )


def _folder(findings: Findings) -> Iterator[Step]:
    if not folder.is_live(findings.kind):
        reason = "it changed" if findings.connected else "the machine begins"
        yield Step(name="folder", title="copied", reason=reason, operation=CopyFolder())


def _lacks(findings: Findings) -> bool:
    return not set(findings.seen.inventory) <= set(findings.seen.packages)


def _machine(project: Project, findings: Findings) -> Iterator[Step]:
    how = _how(findings)
    wanted = view.forwards(project)
    if how is not None:
        start, reason = how
        step = Step(name="machine", title=findings.title, reason=reason, operation=StartMachine(how=start))
        yield replace(step, renews=start is Start.CREATE)
    elif not findings.connected or findings.forwards != wanted:
        ports = ", ".join(str(port) for _, port, _ in wanted)
        title = f"connected, ports {ports}" if ports else "connected"
        reason = "what its ports lead to changed" if findings.connected else "it runs, and is not connected"
        yield Step(name="machine", title=title, reason=reason, operation=Connect())


def _how(findings: Findings) -> tuple[Start, str] | None:
    changed = findings.loaded != findings.inputs
    if findings.state in _GONE:
        return Start.CREATE, "not there yet" if findings.state is State.ABSENT else "its provider has it no more"
    if findings.state is State.SAVED and not changed:
        return Start.WAKE, "it is suspended"
    if findings.state is State.RUNNING:
        return (Start.RELOAD, "what it is made from changed") if changed else None
    if findings.state is State.SAVED:
        return Start.RELOAD, "what it is made from changed"
    return Start.BOOT, "it ended without being shut down" if findings.state is State.ABORTED else "it is off"


def _stop(project: Project, findings: Findings) -> Iterator[Step]:
    if findings.state in (State.RUNNING, State.UNKNOWN):
        suspend = options.of(project.spec).stop == "suspend"
        title = "suspend" if suspend else "halt"
        yield Step(name="machine", title=title, reason="it was asked for", operation=StopMachine(suspend=suspend))


def _remove(project: Project, findings: Findings, goal: Goal) -> Iterator[Step]:
    if not findings.machine and not naming.begun(project):
        return
    if goal is Goal.DESTROY and findings.state not in _GONE:
        keeping = tuple(services.keeping(project, findings, known=findings.seen.machine == findings.machine))
        if keeping:
            yield from _as_it_was(findings)
            yield from keeping
    changes = (f"machine {naming.machine(project)}",)
    operation = RemoveMachine(data=goal is not Goal.DESTROY)
    yield Step(name="machine", title="remove", reason="destroy was asked for", operation=operation, changes=changes)


def _as_it_was(findings: Findings) -> Iterator[Step]:
    """Let a machine run for a last time: what it holds can only be asked while it does."""
    how = Start.WAKE if findings.state is State.SAVED else Start.BOOT
    operation: object = StartMachine(how=how, as_it_was=True) if findings.state is not State.RUNNING else Connect()
    if not findings.connected:
        yield Step(name="machine", title="start", reason="its data is brought out first", operation=operation)
