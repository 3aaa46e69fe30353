"""One look at the project's virtual environment and at the interpreters of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from envman import interpreters
from envman.backend import Drift, Observed, Serving, State, Usage
from envman.dependencies import installed, resolve
from envman.files import size_of
from envman.frozen import field, frozen
from envman.interpreters import Interpreter
from envman.project import Project
from envman_venv import layout, marker
from envman_venv.marker import Marker
from envman_venv.services import boxed, majors
from envman_venv.services import observe as services
from envman_venv.services.servers import Boxed, Server, Wanting


@frozen
class Findings:
    """What the plan is decided from, beyond what every backend observes."""

    prefix: Path
    foreign: bool  # .venv is somebody else's
    marker: Marker | None
    broken: str | None  # why the environment has to be made anew
    usable: bool = True  # whether it can be entered until then
    chosen: Interpreter | None
    others: tuple[str, ...]  # the interpreters that there are, for the message when none fits
    missing: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()  # packages that nobody wrote down
    servers: Mapping[str, Server | Wanting | Boxed] = field(default_factory=dict)  # of the services that do not run
    # Services with data that their server must not open: who wrote it, and who would open it.
    foreign_data: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def _unusable(project: Project, prefix: Path, found: Marker) -> str | None:
    own = project.identity
    if found.path != str(prefix):
        return f"it was made in {found.path}"
    if own is None or found.project != own.id:
        return "it belongs to another project"
    if not found.created:
        return "it was left half made"
    if not os.access(layout.executable(prefix), os.X_OK):
        return f"its interpreter {found.base} is gone"
    return None


def _unwanted(project: Project, found: Marker) -> str | None:
    version = tuple(int(part) for part in found.python.split("."))
    if not project.python.accepts(version):
        return f"it has Python {found.python}, {project.python.asked_by} asks for {project.python.text}"
    return None


def _target(project: Project, found: Marker | None, chosen: Interpreter | None, *, stays: bool) -> str:
    if chosen:
        return ".".join(map(str, chosen.version))
    return found.python if found and stays else project.python.text.lstrip("<>=!~ ").split(",")[0]


def _before(project: Project, found: Marker | None) -> tuple[int, ...] | None:
    remembered = found.python if found and found.python else project.memory.get("python")
    if not isinstance(remembered, str):
        return None
    parts = remembered.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else None


def observe(project: Project, environ: Mapping[str, str]) -> Observed:
    """What is there now."""
    prefix = layout.prefix(project)
    found = marker.read(prefix)
    unusable = _unusable(project, prefix, found) if found else None
    broken = unusable or (_unwanted(project, found) if found else None)
    chosen: Interpreter | None = None
    others: list[Interpreter] = []
    if found is None or broken:  # only then does the machine have to be searched
        others = interpreters.installed(environ)
        chosen = interpreters.choose(project.python, others, environ, before=_before(project, found))
    present = installed.read(layout.site_packages(prefix, found.python)) if found and not unusable else {}
    wanted = found.installed if found else {}
    serving = services.observe(project, environ)
    findings = Findings(
        prefix=prefix,
        foreign=prefix != project.root / ".venv" and layout.is_foreign(project.root / ".venv"),
        marker=found,
        broken=broken,
        usable=unusable is None,
        chosen=chosen,
        others=tuple(str(one) for one in others),
        missing=tuple(sorted(name for name in wanted if present.get(name) != wanted[name])) if not unusable else (),
        strangers=tuple(f"{name} {present[name]}" for name in present if name not in wanted),
        servers=_servers(project, serving, environ),
        foreign_data=majors.foreign(project, environ),
    )
    complete = found is not None and not unusable and bool(found.fingerprint)
    drift = _drift(project, findings) if complete else _unfinished(findings)
    drift = (*drift, *_service_drift(serving)) if complete else drift
    return Observed(
        state=_state(found, complete, drift, serving),
        generation=found.generation if found and not unusable else "",
        python=found.python if found else "",
        target_python=_target(project, found, chosen, stays=broken is None),
        executable=str(layout.executable(prefix)) if found and not unusable else "",
        packages=present,
        packages_fingerprint=found.fingerprint if found and not unusable else "",
        drift=drift,
        services=serving,
        stops=bool(serving),
        detail=findings,
    )


def _servers(
    project: Project, serving: Mapping[str, Serving], environ: Mapping[str, str]
) -> dict[str, Server | Wanting | Boxed]:
    found: dict[str, Server | Wanting | Boxed] = {}
    for name in project.spec.services:
        made = boxed.chosen(project, name, environ) if serving[name].state is not State.RUNNING else None
        if made is not None:
            found[name] = made
    return found


def _service_drift(serving: Mapping[str, Serving]) -> tuple[Drift, ...]:
    return tuple(
        Drift(input=f"services.{name}", why=one.why or "does not run", fix="envman up")
        for name, one in serving.items()
        if one.state is State.DEGRADED
    )


def _state(found: Marker | None, complete: bool, drift: Sequence[Drift], serving: Mapping[str, Serving]) -> State:
    if found is None:
        return State.ABSENT
    if not complete:
        return State.PARTIAL
    states = [one.state for one in serving.values()]
    if states and all(one in (State.ABSENT, State.STOPPED) for one in states):
        return State.STOPPED
    if any(one is not State.RUNNING for one in states):
        return State.DEGRADED
    return State.DEGRADED if any(one.input == "environment" for one in drift) else State.RUNNING


def _unfinished(findings: Findings) -> tuple[Drift, ...]:
    if findings.marker is None:
        return ()
    why = findings.broken or "its packages are not all installed"
    return (Drift(input="environment", why=why, fix="envman up"),)


def _drift(project: Project, findings: Findings) -> tuple[Drift, ...]:
    drift: list[Drift] = []
    found = findings.marker
    if findings.broken:
        drift.append(Drift(input="environment", why=findings.broken, fix="envman up"))
    if found and found.fingerprint != resolve.fingerprint(project, found.python):
        drift.append(Drift(input=project.source.label, why="changed since the last up", fix="envman up"))
    if findings.missing:
        drift.append(Drift(input="environment", why=f"missing: {', '.join(findings.missing)}", fix="envman up"))
    for stranger in findings.strangers:
        name = stranger.split()[0]
        drift.append(
            Drift(input=name, why=f"{stranger} was installed by hand", fix=f'keep it: [python] packages = ["{name}"]')
        )
    if project.source.stale:
        drift.append(
            Drift(input=project.source.stale.name, why=f"is older than {project.source.label}", fix="envman lock")
        )
    return tuple(drift)


def place(project: Project, observed: Observed) -> dict[str, str]:
    """What `enter` needs."""
    findings: Findings = observed.detail
    leases = services.leases(project.identity)
    running = [name for name, one in observed.services.items() if one.state is State.RUNNING]
    files = [leases[name] for name in running if name in leases]
    return {
        "prefix": str(findings.prefix),
        "label": project.name,
        "generation": observed.generation,
        "leases": "\n".join(files),
    }


def watched(project: Project, observed: Observed) -> list[str]:
    """The interpreter, the note, and the folder whose time changes with every install and uninstall."""
    findings: Findings = observed.detail
    prefix = findings.prefix
    return [
        str(layout.executable(prefix)),
        str(prefix / marker.FILE),
        str(layout.site_packages(prefix, observed.python)),
        *([str(project.root / ".venv")] if findings.foreign else []),
    ]


def usage(project: Project, environ: Mapping[str, str]) -> Usage:
    """The environment's size on disk; it takes no memory while nothing runs in it."""
    prefix = layout.prefix(project)
    return Usage(disk={str(prefix): size_of(prefix)} if marker.read(prefix) else {}, memory=0)
