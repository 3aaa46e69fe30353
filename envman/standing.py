"""How a project stands on its backend, in the words and the document that `status` and `up` answer with."""

from __future__ import annotations

from typing import Any

from envman import hooks, state
from envman.active import Active
from envman.backend import Drift, Observed, Serving, State
from envman.console import Console, columns
from envman.inside import Viewpoint

_NEXT = {State.ABSENT: "not created yet", State.STOPPED: "everything is kept"}
_COLORS = {State.RUNNING: "green", State.DEGRADED: "yellow", State.PARTIAL: "yellow"}


def describe(found: Active, observed: Observed) -> dict[str, Any]:
    """The result that `status` and `up` share; the same shape on every backend."""
    project = found.project
    view = found.backend.viewpoint(project)
    return {
        "project": {
            "name": project.name,
            "id": project.identity.id if project.identity else None,
            "root": str(project.root),
        },
        "backend": found.backend.NAME,
        "chosen_by": found.chosen_by,
        "state": str(state_of(found, observed)),
        "python": {"version": observed.python or None, "executable": observed.executable or None},
        "packages": len(observed.packages),
        "services": {name: _service(name, one, view) for name, one in observed.services.items()},
        "ports": {
            name: {"inside": view.ports[name].port, "host": project.ports.get(name), "bind": port.bind}
            for name, port in project.spec.ports.items()
        },
        "drift": [{"input": one.input, "why": one.why, "fix": one.fix} for one in drift(found, observed)],
    }


def _service(name: str, one: Serving, view: Viewpoint) -> dict[str, Any]:
    facts = view.services.get(name, {})
    # The password is in the variables of whoever runs inside, and in no answer.
    url = facts.get("url", "").replace(facts.get("password") or "\0", "•••")
    address = {"host": facts.get("host"), "port": one.port, "url": url or None}
    return {
        "state": str(one.state),
        "source": one.source or None,
        "version": one.version or None,
        "since": one.since,
        "inside": address,
        "host": address,
    }


def drift(found: Active, observed: Observed) -> list[Drift]:
    """What is not as the spec says, the moved folder included."""
    moved = found.project.identity.moved_from if found.project.identity else None
    own = [Drift(input="folder", why=f"moved here from {moved}", fix="envman up")] if moved else []
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


def state_of(found: Active, observed: Observed) -> State:
    """The state as it is told: an environment whose setup has not succeeded is not finished."""
    return State.PARTIAL if _pending_hooks(found, observed) else observed.state


def _said(one: Serving) -> str:
    where = f" on 127.0.0.1:{one.port}" if one.port and one.state is State.RUNNING else ""
    how = f" ({one.source})" if one.source else ""
    return f"{one.state}  {one.title}{where}{how}".rstrip() + (f", {one.why}" if one.why else "")


def text(found: Active, observed: Observed, console: Console) -> str:
    """The lines for people."""
    project = found.project
    told = state_of(found, observed)
    shown = console.style(str(told), _COLORS.get(told, "dim"), out=True)
    python = f" · Python {observed.python}" if observed.generation else ""
    lines = [f"{console.style(project.name, 'bold', out=True)} · {found.backend.NAME} · {shown}{python}"]
    rows = [("folder", str(project.root))]
    if observed.generation:
        rows += [("python", observed.executable), ("packages", f"{len(observed.packages)} from {project.source.label}")]
    rows += [(f"port {name}", str(project.ports.get(name, "not chosen yet"))) for name in project.spec.ports]
    rows += [(name, _said(one)) for name, one in observed.services.items()]
    lines += [f"  {line}" for line in columns(rows)]
    lines += [
        f"  {console.style('drift', 'yellow', out=True)} {one.input}: {one.why}  {console.marks[3]} {one.fix}"
        for one in drift(found, observed)
    ]
    if observed.state in _NEXT:
        lines.append(f"  {_NEXT[observed.state]}  {console.marks[3]} envman up")
    return "\n".join(lines)
