"""One look at what the engine has of a project: it is asked first, and our own notes only say what it cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from envman.backend import Drift, Observed, Serving, State
from envman.dependencies import resolve
from envman.files import read_json
from envman.frozen import field, frozen, replace
from envman.project import Project
from envman.services import catalogue, facts
from envman_docker import engine, image, naming, options, stack
from envman_docker.stack import Part


@frozen
class Box:
    """A container as it is found."""

    id: str
    name: str  # of the service
    state: str  # created, running, exited, …
    health: str  # healthy, unhealthy, starting, or nothing
    inputs: str
    image: str
    code: int
    restarts: int
    since: int | None
    ports: frozenset[int]


@frozen
class Findings:
    """What the plan is decided from."""

    recipe: image.Recipe
    parts: Mapping[str, Part]
    engine: str = ""
    base_inputs: str = ""  # of the images that there are
    image_inputs: str = ""
    image_id: str = ""
    boxes: Mapping[str, Box] = field(default_factory=dict)
    left: tuple[str, ...] = ()  # what else carries our label, for a destroy
    note: Mapping[str, Any] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()


def note_file(project: Project) -> Path:
    """What was found in the container that is there, by its id."""
    return stack.secrets_folder(project) / "workspace.json"


def observe(project: Project, environ: Mapping[str, str]) -> Observed:
    """What is there now; raises EngineMissing where the engine cannot be asked."""
    recipe = image.recipe(project, environ)
    parts = stack.parts(project, recipe) if project.identity else {}
    with engine.api(environ) as asked:
        findings = replace(_findings(project, asked, recipe, parts), engine=engine.find(environ).address)
    workspace = findings.boxes.get(naming.WORKSPACE)
    lives = workspace is not None and workspace.state == "running"
    note = findings.note if workspace is not None and findings.note.get("container") == workspace.id else {}
    packages = {str(name): str(version) for name, version in dict(note.get("packages", {})).items()}
    python = str(note.get("python", ""))
    serving = {name: _serving(project, name, findings) for name in project.spec.services}
    drift = tuple(_drift(project, findings, serving)) if workspace is not None else ()
    return Observed(
        state=_state(findings, serving, drift, finished=bool(note)),
        generation=workspace.id if workspace is not None and note else "",
        python=python,
        target_python=python if python.startswith(f"{recipe.python}.") else recipe.python,
        executable=f"{naming.VENV}/bin/python" if note else "",
        packages=packages,
        packages_fingerprint=resolve.fingerprint(project, recipe.python),
        drift=drift,
        ports=frozenset(port for box in findings.boxes.values() if box.state == "running" for port in box.ports),
        services=serving,
        stops=lives,
        detail=findings,
    )


def _findings(project: Project, asked: Any, recipe: image.Recipe, parts: Mapping[str, Part]) -> Findings:
    if project.identity is None:
        return Findings(recipe=recipe, parts=parts)
    mine = {"label": f"{naming.PROJECT}={naming.identity(project)}"}
    containers = asked.containers(all=True, filters=mine)
    boxes = [_box(one) for one in containers]
    base, whole = (_image(asked, name) for name in (naming.base_image(project), naming.image(project)))
    volumes = [one["Name"] for one in asked.volumes(filters=mine).get("Volumes") or ()]
    networks = [one["Name"] for one in asked.networks(filters=mine)]
    left = [f"container {one['Names'][0].lstrip('/')}" for one in containers]
    left += [f"network {name}" for name in networks]
    left += [f"image {name}" for name in _images(asked, mine)]
    return Findings(
        recipe=recipe,
        parts=parts,
        base_inputs=base[1],
        image_inputs=whole[1],
        image_id=whole[0],
        boxes={box.name: _looked_at(asked, box) for box in boxes if box.name},
        left=tuple(left),
        note=read_json(note_file(project)),
        volumes=tuple(sorted(volumes)),
    )


def _box(found: Mapping[str, Any]) -> Box:
    labels = found.get("Labels") or {}
    told = str(found.get("Status", ""))
    health = next((word for word in ("unhealthy", "healthy", "starting") if word in told), "")
    ports = frozenset(int(one["PublicPort"]) for one in found.get("Ports") or () if one.get("PublicPort"))
    return Box(
        id=found["Id"],
        name=labels.get(naming.SERVICE, ""),
        state=str(found.get("State", "")),
        health=health,
        inputs=labels.get(naming.INPUTS, ""),
        image=str(found.get("ImageID", "")),
        code=0,
        restarts=0,
        since=None,
        ports=ports,
    )


def _looked_at(asked: Any, box: Box) -> Box:
    """With what only a look at the container itself tells."""
    told = asked.inspect_container(box.id)
    state = told.get("State", {})
    return replace(
        box,
        code=int(state.get("ExitCode", 0)),
        restarts=int(told.get("RestartCount", 0)),
        since=_seconds(str(state.get("StartedAt", ""))),
    )


def _seconds(moment: str) -> int | None:
    try:
        return int(datetime.fromisoformat(moment[:19] + "+00:00").timestamp())
    except ValueError:
        return None


def _image(asked: Any, name: str) -> tuple[str, str]:
    from docker.errors import ImageNotFound

    try:
        told = asked.inspect_image(name)
    except ImageNotFound:
        return "", ""
    return told["Id"], (told.get("Config", {}).get("Labels") or {}).get(naming.INPUTS, "")


def _images(asked: Any, mine: Mapping[str, str]) -> list[str]:
    return [tag for one in asked.images(filters=dict(mine)) for tag in one.get("RepoTags") or [one["Id"]]]


def _serving(project: Project, name: str, findings: Findings) -> Serving:
    box = findings.boxes.get(name)
    service = project.spec.services[name]
    port = project.ports.get(facts.port_name(name))
    recipe = catalogue.of(project.spec, name)
    version = (service.version or recipe.versions[0]) if recipe else ""
    title = f"{recipe.title.partition(' (')[0]} {version}" if recipe else str(service.image or service.run)
    state, why = _standing(box, once=service.once)
    return Serving(
        state=state,
        title=" ".join(title.split()),
        source="process" if service.run else "container",
        version=version,
        port=port,
        since=box.since if box and state is State.RUNNING else None,
        why=why,
        made_from=box.inputs if box else "",
    )


def _standing(box: Box | None, *, once: bool) -> tuple[State, str]:
    if box is None:
        return State.ABSENT, ""
    if box.state == "running":
        return State.RUNNING, ""
    if box.state == "exited" and box.code == 0 and once:
        return State.RUNNING, "done"
    if box.state == "restarting":
        return State.DEGRADED, f"it ended with {box.code}, {box.restarts} times"
    if box.state == "exited" and box.code not in (0, 137, 143):
        return State.DEGRADED, f"it ended with {box.code}"
    return State.STOPPED, ""


def _drift(project: Project, findings: Findings, serving: Mapping[str, Serving]) -> Iterator[Drift]:
    recipe = findings.recipe
    if findings.base_inputs != image.base_inputs(recipe):
        yield Drift(
            input="image",
            why="what its base is made from changed" if findings.base_inputs else "it is gone",
            fix="envman up",
        )
    elif findings.image_inputs != image.inputs(project, recipe):
        yield Drift(input=project.source.label, why="it is not what the image was made from", fix="envman up")
    for name, part in findings.parts.items():
        box = findings.boxes.get(name)
        if box is not None and box.inputs != part.inputs:
            yield Drift(input=f"container {name}", why="what it is made from changed", fix="envman up")
    for name, one in serving.items():
        if one.state is not State.RUNNING:
            yield Drift(input=f"services.{name}", why=one.why or "does not run", fix="envman up")


def _state(findings: Findings, serving: Mapping[str, Serving], drift: Sequence[Drift], *, finished: bool) -> State:
    workspace = findings.boxes.get(naming.WORKSPACE)
    if not findings.boxes:
        return State.PARTIAL if findings.image_inputs or findings.base_inputs else State.ABSENT
    running = [box for box in findings.boxes.values() if box.state == "running"]
    if not running:
        return State.STOPPED if finished else State.PARTIAL
    if workspace is None or not finished:
        return State.PARTIAL
    if workspace.state != "running" or any(one.state is not State.RUNNING for one in serving.values()):
        return State.DEGRADED
    return State.DEGRADED if any(one.input == "image" and one.why == "it is gone" for one in drift) else State.RUNNING


def place(project: Project, observed: Observed) -> Mapping[str, str]:
    """What `enter` needs to find the container again."""
    findings: Findings = observed.detail
    needed = [box.id for name, box in findings.boxes.items() if not _is_done(project, name)]
    return {
        "engine": str(findings.engine),
        "project": naming.identity(project),
        "containers": "\n".join(needed),
        "container": findings.boxes[naming.WORKSPACE].id if naming.WORKSPACE in findings.boxes else "",
        "user": "",
        "root": str(project.root),
        "inside": naming.ROOT,
        "pass": "\n".join(project.spec.env.passed),
        "generation": observed.generation,
    }


def _is_done(project: Project, name: str) -> bool:
    service = project.spec.services.get(name)
    return service is not None and service.once


def watched(project: Project, observed: Observed) -> Sequence[str]:
    """Everything that changes behind our back is the engine's, and it is asked."""
    own = options.of(project.spec)
    return [str(project.root / own.dockerfile)] if own.dockerfile else []
