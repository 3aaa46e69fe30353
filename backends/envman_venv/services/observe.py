"""What runs of a project's services: the leases, held against the processes of this machine."""

from __future__ import annotations

from collections.abc import Mapping

from envman.backend import Log, Serving, State
from envman.identity import Identity
from envman.project import Project
from envman.services import lease
from envman.services.tail import Tail
from envman_venv.services import boxed, places

_LAST_LINES = 3


def leases(identity: Identity | None) -> dict[str, str]:
    """The lease of every service that was ever started, by name."""
    folder = identity.folder / "services" if identity else None
    found = sorted(folder.glob("*.lease")) if folder else []
    return {file.stem: str(file) for file in found}


def logs(project: Project) -> Mapping[str, Log]:
    """The log of every service of the spec, and of those that it has forgotten and that left one."""
    own = project.identity
    if own is None:
        return {}
    files = {name: places.log(own, name) for name in project.spec.services} | places.logged(own)
    return {name: Tail(file) for name, file in files.items()} | dict(boxed.logs(project))


def observe(project: Project, environ: Mapping[str, str]) -> Mapping[str, Serving]:
    """Every service of the spec, and those that still run though the spec has forgotten them."""
    known = leases(project.identity)
    found = {name: _serving(known.get(name, "")) for name in project.spec.services}
    for name, file in known.items():
        if name not in found and _is_there(lease.read(file)):
            found[name] = _serving(file)
    return found | boxed.observe(project, environ)


def _is_there(facts: Mapping[str, str]) -> bool:
    processes = [lease.process(facts, who) for who in ("server", "guardian")]
    return any(one is not None and lease.is_alive(one) for one in processes)


def _serving(file: str) -> Serving:
    facts = lease.read(file) if file else {}
    if not facts:
        return Serving(state=State.ABSENT)
    port = facts.get("port", "")
    common = Serving(
        state=State.RUNNING,
        title=facts.get("title", ""),
        source=facts.get("source", ""),
        version=facts.get("version", ""),
        port=int(port) if port.isdigit() else None,
        made_from=facts.get("made_from", ""),
        why="done" if facts.get("state") == "done" else "",
        since=int(facts["since"]) if facts.get("since", "").isdigit() else None,
    )
    if lease.holds(facts):
        return common
    return Serving(
        state=State.DEGRADED if _is_there(facts) or facts.get("state") in ("running", "failed") else State.STOPPED,
        title=common.title,
        source=common.source,
        version=common.version,
        port=common.port,
        why=_why(facts),
    )


def _why(facts: Mapping[str, str]) -> str:
    if facts.get("state") == "failed":
        return f"it ended with {facts.get('exit', '?')}, {facts.get('ends', '?')} times"
    if facts.get("state") == "running":
        return "it was killed"
    return ""
