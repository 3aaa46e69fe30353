"""One look at what the engine has of a project: it is asked first, and our own notes only say what it cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from envman.backend import Drift, Observed, Serving, State
from envman.files import read_json
from envman.frozen import field, frozen, replace
from envman.project import Project
from envman.services import catalogue, facts
from envman_docker import engine, image, naming, options, own, stack, taken, view
from envman_docker.asking import Asking
from envman_docker.data import volumes
from envman_docker.data.notes import Note
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
    began: float  # the same, exactly
    ports: frozenset[int]

    @property
    def holds_ports(self) -> bool:
        """Whether its ports are its own: a pause takes none away."""
        return self.state in ("running", "paused", "restarting")

    @property
    def is_done(self) -> bool:
        """Whether it has ended well."""
        return self.state == "exited" and self.code == 0


@frozen
class Findings:
    """What the plan is decided from."""

    recipe: image.Recipe
    parts: Mapping[str, Part]
    engine: str = ""
    base_inputs: str = ""  # of the images that there are
    image_inputs: str = ""
    image_id: str = ""
    base_id: str = ""
    image_base: str = ""  # the base that the whole image says it stands on
    boxes: Mapping[str, Box] = field(default_factory=dict)
    left: tuple[str, ...] = ()  # what else carries our label, for a destroy
    note: Mapping[str, Any] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    data: Mapping[str, Note] = field(default_factory=dict)  # what is known of each service's

    @property
    def is_on_old_base(self) -> bool:
        """Whether the whole image was made before the base that is there now."""
        return self.image_base != self.base_id

    def with_base(self, inputs: str) -> Findings:
        """As if the base were there: once it is gone, what stands on it goes on without it."""
        return self if self.base_inputs else replace(self, base_inputs=inputs, base_id=self.image_base)

    def is_left_behind(self, name: str) -> bool:
        """Whether a process of the project began before the workspace did, whose network it had."""
        both = name in self.boxes and naming.WORKSPACE in self.boxes
        return both and self.boxes[name].began < self.boxes[naming.WORKSPACE].began


def note_file(project: Project) -> Path:
    """What was found in the container that is there, by its id."""
    return stack.secrets_folder(project) / "workspace.json"


def observe(project: Project, environ: Mapping[str, str]) -> Observed:
    """What is there now; raises EngineMissing where the engine cannot be asked."""
    recipe = image.recipe(project, environ)
    parts = stack.parts(project, recipe) if project.identity else {}
    findings = replace(_findings(project, Asking(environ), recipe, parts), engine=engine.find(environ).address)
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
        packages_fingerprint=str(note.get("made_from", "")),
        drift=drift,
        ports=frozenset(port for box in findings.boxes.values() if box.holds_ports for port in box.ports),
        services=serving,
        stops=lives,
        detail=findings,
    )


def _findings(project: Project, asked: Asking, recipe: image.Recipe, parts: Mapping[str, Part]) -> Findings:
    if project.identity is None:
        return Findings(recipe=recipe, parts=parts)
    mine = naming.mine(project)
    containers = asked.containers(label=mine)
    boxes = [_box(one) for one in containers]
    base, whole = (_image(asked, name) for name in (naming.base_image(project), naming.image(project)))
    found = volumes.listed(asked, project)
    networks = [one["Name"] for one in asked.networks(label=mine)]
    left = [f"container {one['Names'][0].lstrip('/')}" for one in containers]
    left += [f"network {name}" for name in networks]
    left += [f"image {name}" for name in _images(asked, mine)]
    return Findings(
        recipe=recipe,
        parts=parts,
        base_inputs=base[1],
        image_inputs=whole[1],
        image_id=whole[0],
        base_id=base[0],
        image_base=whole[2],
        boxes={box.name: _looked_at(asked, box) for box in boxes if box.name},
        left=tuple(left),
        note=read_json(note_file(project)),
        volumes=tuple(sorted(one["Name"] for one in found)),
        data=volumes.known(project, found),
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
        began=0.0,
        ports=ports,
    )


def _looked_at(asked: Asking, box: Box) -> Box:
    """With what only a look at the container itself tells."""
    told = asked.container(box.id)
    state = told.get("State", {})
    return replace(
        box,
        code=int(state.get("ExitCode", 0)),
        restarts=int(told.get("RestartCount", 0)),
        since=_seconds(str(state.get("StartedAt", ""))),
        began=began(str(state.get("StartedAt", ""))),
    )


def began(moment: str) -> float:
    """A moment of the engine's, exactly enough to tell which of two came first."""
    return (_seconds(moment) or 0) + float(f"0.{moment[20:].removesuffix('Z') or 0}")


def _seconds(moment: str) -> int | None:
    try:
        return int(datetime.fromisoformat(moment[:19] + "+00:00").timestamp())
    except ValueError:
        return None


def _image(asked: Asking, name: str) -> tuple[str, str, str]:
    told = asked.image(name)
    if told is None:
        return "", "", ""
    labels = told.get("Config", {}).get("Labels") or {}
    return told["Id"], labels.get(naming.INPUTS, ""), labels.get(naming.BASE, "")


def _images(asked: Asking, mine: str) -> list[str]:
    return [tag for one in asked.images(label=mine) for tag in one.get("RepoTags") or [one["Id"]]]


def _serving(project: Project, name: str, findings: Findings) -> Serving:
    box = findings.boxes.get(name)
    service = project.spec.services[name]
    port = project.ports.get(facts.port_name(name))
    recipe = catalogue.of(project.spec, name)
    version = (service.version or recipe.versions[0]) if recipe else ""
    title = view.title(recipe, version) if recipe else str(service.image or service.run)
    workspace = findings.boxes.get(naming.WORKSPACE)
    lives = workspace is not None and workspace.state == "running"
    state, why = _standing(box, may_end=service.may_end and lives and not findings.is_left_behind(name))
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


def _standing(box: Box | None, *, may_end: bool) -> tuple[State, str]:
    if box is None:
        return State.ABSENT, ""
    troubled = _troubled(box)
    if troubled:
        return State.DEGRADED, troubled
    if box.is_done and may_end:
        return State.RUNNING, "done"
    return (State.RUNNING if box.state == "running" else State.STOPPED), ""


def _troubled(box: Box) -> str:
    if box.state == "running" and box.health == "unhealthy":
        return "the image's own check of it fails"
    if box.state == "restarting":
        return f"it ended with {box.code}, {box.restarts} times"
    if box.state == "paused":
        return "it is paused"
    return f"it ended with {box.code}" if box.state == "exited" and box.code not in (0, 137, 143) else ""


def _drift(project: Project, findings: Findings, serving: Mapping[str, Serving]) -> Iterator[Drift]:
    recipe = findings.recipe
    findings = findings.with_base(image.base_inputs(recipe))
    if not findings.image_inputs:
        yield Drift(input="image", why="it is gone", fix="envman up")
    elif findings.base_inputs != image.base_inputs(recipe):
        yield Drift(input="image", why="what its base is made from changed", fix="envman up")
    elif findings.image_inputs != image.inputs(project, recipe):
        yield Drift(input=project.source.label, why="it is not what the image was made from", fix="envman up")
    elif findings.is_on_old_base:
        yield Drift(input="image", why="it stands on an older base", fix="envman up")
    for file in filter(taken.is_taken, taken.files(project)):
        name = str(file.relative_to(project.root))
        fix = f"rm {name}, then envman up: it is ours again"
        yield Drift(input=name, why="it is yours, and used as it is", fix=fix)
    for name, part in findings.parts.items():
        box = findings.boxes.get(name)
        if box is not None and box.inputs != part.inputs:
            yield Drift(input=f"container {name}", why="what it is made from changed", fix="envman up")
    workspace = findings.boxes[naming.WORKSPACE]
    if workspace.state != "running" and any(box.state == "running" for box in findings.boxes.values()):
        why = _standing(workspace, may_end=False)[1] or "does not run"
        yield Drift(input=f"container {naming.WORKSPACE}", why=why, fix="envman up")
    for name in sorted(set(findings.boxes) - set(findings.parts)):
        yield Drift(input=f"container {name}", why="the spec does not name it any more", fix="envman up")
    for name, one in serving.items():
        if one.state is not State.RUNNING:
            runs = name in findings.boxes and findings.boxes[name].state == "running"
            fix = f"envman logs {name}" if runs else "envman up"
            yield Drift(input=f"services.{name}", why=one.why or "does not run", fix=fix)


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
    # What does not run now is not there yet: a setup hook comes before the processes that need it.
    lives = {name: box for name, box in findings.boxes.items() if box.state == "running"}
    needed = [box.id for name, box in lives.items() if not _may_be_over(project, name, box)]
    return {
        "engine": str(findings.engine),
        "project": naming.identity(project),
        "containers": "\n".join(needed),
        "container": findings.boxes[naming.WORKSPACE].id if naming.WORKSPACE in findings.boxes else "",
        "image": str(findings.parts[naming.WORKSPACE].service["image"]) if findings.parts else "",
        "user": "",
        "root": str(project.root),
        "inside": naming.ROOT,
        "pass": "\n".join(project.spec.env.passed),
        "generation": observed.generation,
        **view.of_user(options.of(project.spec), project),
    }


def _may_be_over(project: Project, name: str, box: Box) -> bool:
    service = project.spec.services.get(name)
    return service is not None and service.may_end and (service.once or box.is_done)


def watched(project: Project, observed: Observed) -> Sequence[str]:
    """Everything else that changes behind our back is the engine's, and it is asked."""
    dockerfile = options.of(project.spec).dockerfile
    copied = own.files(project.root, dockerfile) if dockerfile else []
    return [str(file) for file in (note_file(project), *taken.files(project), *copied)]
