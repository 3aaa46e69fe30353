"""What to do about a virtual environment, decided from one look at it."""

from __future__ import annotations

from envman.backend import Observed
from envman.dependencies import resolve
from envman.plan import Goal, Step
from envman.project import Project
from envman.services import catalogue
from envman_venv.observe import Findings
from envman_venv.operations import CreateEnvironment, FetchPython, InstallPackages, RemoveEnvironment
from envman_venv.services import boxed
from envman_venv.services import plan as services


def plan(project: Project, observed: Observed, goal: Goal) -> tuple[Step, ...]:
    """The steps to the goal."""
    findings: Findings = observed.detail
    if not goal.builds:
        stopping = services.plan(project, observed, findings.servers, goal, renewed=False)
        return (*stopping, *_destroy(findings)) if goal.removes else stopping
    _require_same_major(project, findings)
    creates = findings.marker is None or findings.broken is not None or goal is Goal.REFRESH
    python = observed.target_python
    creating = _create(project, observed, goal) if creates else ()
    resolving = resolve.steps(project, python, str(findings.chosen.path) if findings.chosen else observed.executable)
    # What cannot be resolved must not cost the environment that is there.
    before = (*resolving, *creating) if findings.marker else (*creating, *resolving)
    own = (*before, *_packages(project, observed, python, creates=creates))
    renewed = any(step.renews for step in own)
    return (*own, *services.plan(project, observed, findings.servers, goal, renewed=renewed))


def _require_same_major(project: Project, findings: Findings) -> None:
    # Before any work: what runs goes on, and nothing is installed for a project that cannot come up.
    for name, (wrote, version) in findings.foreign_data.items():
        recipe = catalogue.of(project.spec, name)
        if recipe is not None:
            boxed.require_same_major(project, name, recipe, wrote, version)


def _create(project: Project, observed: Observed, goal: Goal) -> tuple[Step, ...]:
    findings: Findings = observed.detail
    shown = findings.prefix.relative_to(project.root)
    asked = "it was asked for" if goal is Goal.REFRESH and findings.marker else "not there yet"
    reason = findings.broken or asked
    create = Step(
        name="python",
        title=f"{shown}" if not findings.foreign else f"{shown} (.venv is not envman's, and is left alone)",
        reason=reason,
        operation=CreateEnvironment(
            prefix=findings.prefix, interpreter=findings.chosen.path if findings.chosen else None
        ),
        renews=True,
    )
    if findings.chosen is not None:
        return (create,)
    fetch = Step(
        name="python",
        title=f"download {project.python}",
        reason=f"{project.python.asked_by} asks for it, and it is not on this machine",
        operation=FetchPython(version=project.python.text, others=findings.others),
    )
    return fetch, create


def _packages(project: Project, observed: Observed, python: str, *, creates: bool) -> tuple[Step, ...]:
    findings: Findings = observed.detail
    before = findings.marker.fingerprint if findings.marker and not creates else ""
    unchanged = before == resolve.fingerprint(project, python)
    if unchanged and not findings.missing:
        return ()
    if creates:
        reason = "new environment"
    elif not before:
        reason = "their installation was not finished"
    elif not unchanged:
        reason = f"{project.source.label} changed" if project.source.files else "the spec changed"
    else:
        reason = f"missing: {', '.join(findings.missing)}"
    going = findings.strangers if before and not unchanged else ()
    operation = InstallPackages(
        prefix=findings.prefix,
        interpreter=findings.chosen.path if findings.chosen else None,
        exact=not (unchanged and findings.missing),
        afresh=bool(findings.marker and findings.marker.touched and not creates),
    )
    return (
        Step(
            name="packages",
            title=f"from {project.source.label}",
            reason=reason,
            operation=operation,
            changes=tuple(f"- {stranger} (installed by hand; stays if it is asked for)" for stranger in going),
            renews=not unchanged or creates,
        ),
    )


def _destroy(findings: Findings) -> tuple[Step, ...]:
    if findings.marker is None:
        return ()
    return (
        Step(
            name="python",
            title=f"remove {findings.prefix.name}",
            reason="destroy was asked for",
            operation=RemoveEnvironment(prefix=findings.prefix),
            changes=(str(findings.prefix),),
        ),
    )
