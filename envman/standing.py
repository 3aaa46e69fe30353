"""How a project stands on its backend, in the words and the document that `status` and `up` answer with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from envman import hooks, state
from envman.active import Active
from envman.backend import Drift, Observed, Serving, State, Vitals
from envman.console import Console, columns
from envman.files import readable_size, readable_span
from envman.services import facts

_NOT_ASKED: Mapping[str, Vitals] = {}
_SILENT = Vitals()
_NEXT = {State.ABSENT: "not created yet", State.STOPPED: "everything is kept"}
_COLORS = {State.RUNNING: "green", State.DEGRADED: "yellow", State.PARTIAL: "yellow"}


def describe(found: Active, observed: Observed, vitals: Mapping[str, Vitals] = _NOT_ASKED) -> dict[str, Any]:
    """The result that `status` and `up` share; the same shape on every backend."""
    project = found.project
    view = found.backend.viewpoint(project)
    here = facts.on_host(project)
    return {
        "project": {
            "name": project.name,
            "id": project.identity.id if project.identity else None,
            "root": str(project.root),
        },
        "backend": found.backend.NAME,
        "chosen_by": found.chosen_by,
        "state": str(state_of(found, observed, vitals)),
        "python": {"version": observed.python or None, "executable": observed.executable or None},
        "packages": len(observed.packages),
        "services": {
            name: _service(one, view.services.get(name, {}), here.get(name, {}), vitals.get(name, _SILENT))
            for name, one in observed.services.items()
        },
        "ports": {
            name: {"inside": view.ports[name].port, "host": project.ports.get(name), "bind": port.bind}
            for name, port in project.spec.ports.items()
        },
        "drift": [{"input": one.input, "why": one.why, "fix": one.fix} for one in drift(found, observed)],
    }


def _service(one: Serving, inside: Mapping[str, str], host: Mapping[str, str], now: Vitals) -> dict[str, Any]:
    return {
        "state": str(State.DEGRADED if now.why else one.state),
        "why": now.why or one.why or None,
        "source": one.source or None,
        "version": one.version or None,
        "since": one.since,
        "memory": now.memory,
        "inside": _address(inside),
        "host": _address(host),
    }


def _address(facts: Mapping[str, str]) -> dict[str, Any]:
    # The password is in the variables of whoever runs inside, and in no answer.
    url = facts.get("url", "").replace(facts.get("password") or "\0", "•••")
    port = facts.get("port", "")
    return {"host": facts.get("host"), "port": int(port) if port.isdigit() else None, "url": url or None}


def drift(found: Active, observed: Observed) -> list[Drift]:
    """What is not as the spec says, the moved folder included."""
    moved = found.project.identity.moved_from if found.project.identity else None
    own = [Drift(input="folder", why=f"moved here from {moved}", fix="envman up")] if moved else []
    going = found.project.memory.get("moving")
    if going:
        fix = f"envman up, or envman switch {going}"
        own.append(Drift(input="switch", why=f"a move to {going} was not finished", fix=fix))
    return [*own, *observed.drift, *_pending_hooks(found, observed)]


def _pending_hooks(found: Active, observed: Observed) -> list[Drift]:
    if observed.state is not State.RUNNING:
        return []
    record = state.read(found.project.folder, found.backend.NAME)
    pending = hooks.steps(
        found.project,
        record,
        generation=observed.generation,
        packages=observed.packages_fingerprint,
        renewed=False,
        start=False,
    )
    return [Drift(input="hooks.setup", why=f"{step.title}: {step.reason}", fix="envman up") for step in pending]


def state_of(found: Active, observed: Observed, vitals: Mapping[str, Vitals] = _NOT_ASKED) -> State:
    """The state as it is told: an environment whose setup has not succeeded is not finished."""
    if _pending_hooks(found, observed):
        return State.PARTIAL
    silent = observed.state is State.RUNNING and any(now.why for now in vitals.values())
    return State.DEGRADED if silent else observed.state


def _said(one: Serving, now: Vitals) -> str:
    where = f" on 127.0.0.1:{one.port}" if one.port and one.state is State.RUNNING else ""
    how = f" ({one.source})" if one.source else ""
    running = one.state is State.RUNNING and not one.why
    span = f", {readable_span(time.time() - one.since)}" if running and one.since else ""
    size = f", {readable_size(now.memory)}" if now.memory else ""
    why = f"it does not answer: {now.why}" if now.why else one.why
    state = State.DEGRADED if now.why else one.state
    return f"{state}  {one.title}{where}{how}{span}{size}".rstrip() + (f", {why}" if why else "")


def text(found: Active, observed: Observed, console: Console, vitals: Mapping[str, Vitals] = _NOT_ASKED) -> str:
    """The lines for people."""
    project = found.project
    told = state_of(found, observed, vitals)
    shown = console.style(str(told), _COLORS.get(told, "dim"), out=True)
    python = f" · Python {observed.python}" if observed.generation else ""
    lines = [f"{console.style(project.name, 'bold', out=True)} · {found.backend.NAME} · {shown}{python}"]
    rows = [("folder", str(project.root))]
    if observed.generation:
        rows += [("python", observed.executable), ("packages", f"{len(observed.packages)} from {project.source.label}")]
    rows += [(f"port {name}", str(project.ports.get(name, "not chosen yet"))) for name in project.spec.ports]
    rows += [(name, _said(one, vitals.get(name, _SILENT))) for name, one in observed.services.items()]
    lines += [f"  {line}" for line in columns(rows)]
    lines += [
        f"  {console.style('drift', 'yellow', out=True)} {one.input}: {one.why}  {console.marks[3]} {one.fix}"
        for one in drift(found, observed)
    ]
    if observed.state in _NEXT:
        lines.append(f"  {_NEXT[observed.state]}  {console.marks[3]} envman up")
    return "\n".join(lines)
