"""The compose file, as data: the project's own container, its servers, its processes, their network and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman import generated, inside
from envman.files import content, digest
from envman.frozen import frozen
from envman.identity import readable
from envman.project import Project
from envman.services import catalogue, facts, passwords
from envman.services.recipe import filled, image_of
from envman.spec.model import Service
from envman.spec.recipe import Recipe
from envman_docker import image, mounts, naming, options, taken, view
from envman_docker.data import notes
from envman_docker.options import Options

_POLICIES = {"always": "unless-stopped", "on-failure": "on-failure", "never": "no"}
_SECRETS = "/run/secrets"
_GENERATED = f"{naming.ROOT}/{generated.FOLDER}"
VARIABLES = "variables"  # of a process of the project: a file, because a container's settings can be looked at
_BECOME = f'. {_SECRETS}/{VARIABLES}; exec "$@"'
CACHE = "packages.cache"  # what uv has fetched; no service can have a name with a dot
# An engine keeps all that was ever said, unless it is told not to.
_LOGGING = {"driver": "json-file", "options": {"max-size": "5m", "max-file": "2"}}


@frozen
class Part:
    """One container of the stack."""

    service: Mapping[str, Any]  # as a compose file has it
    secrets: Mapping[str, str]  # the files that it reads, by where they stand inside
    inputs: str  # a digest of both
    own: bool = False  # it runs the project's image, and sees the project's folder and variables


def secrets_folder(project: Project) -> Path:
    """Where the files stand that containers read and nobody else may."""
    folder = project.folder or project.generated
    return folder / "docker"


def parts(project: Project, made: image.Recipe) -> dict[str, Part]:
    """Every container, by the name that it is reached under."""
    found = {naming.WORKSPACE: _finished(project, naming.WORKSPACE, _workspace(project, made), {})}
    within = found[naming.WORKSPACE].inputs
    for name, service in project.spec.services.items():
        recipe = catalogue.of(project.spec, name)
        if recipe is not None:
            described, secrets = _server(project, name, service, recipe)
        elif service.image is not None:
            described, secrets = _container(project, name, service), {}
        else:
            described, secrets = _process(project, name, service, made, within)
        found[name] = _finished(project, name, described, secrets)
    return found


def _finished(project: Project, name: str, service: dict[str, Any], secrets: Mapping[str, str]) -> Part:
    extra = options.of(project.spec).compose.get("services", {})
    merged = merge({**service, "logging": _LOGGING}, extra.get(name, {}) if isinstance(extra, Mapping) else {})
    theirs = taken.state(taken.folder(project) / "compose.yaml")
    inputs = digest([repr(merged), repr(sorted(secrets.items())), *([theirs] if theirs else [])])[:32]
    labels = {
        naming.PROJECT: naming.identity(project),
        naming.SERVICE: name,
        naming.INPUTS: inputs,
        naming.FOLDER: str(project.root),
    }
    return Part(
        service={**merged, "labels": {**merged.get("labels", {}), **labels}},
        secrets=secrets,
        inputs=inputs,
        own=name == naming.WORKSPACE or project.spec.services[name].run is not None,
    )


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge, everything else is replaced."""
    merged = dict(base)
    for name, value in over.items():
        before = merged.get(name)
        merged[name] = merge(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged


def _limits(own: Options) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if own.cpus:
        found["cpus"] = own.cpus
    if own.memory:
        found["mem_limit"] = own.memory
    if own.gpus:
        found["deploy"] = {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"], "count": "all"}]}}}
    if own.drop:
        found["cap_drop"] = list(own.drop)
    return found


def _inside(project: Project, made: image.Recipe) -> dict[str, Any]:
    """What all containers of the project's own image have."""
    own = options.of(project.spec)
    volumes: list[Any] = [
        {"type": "bind", "source": str(project.root), "target": naming.ROOT},
        # Who works inside could take over what we generate, and with it this machine.
        {"type": "bind", "source": str(project.generated), "target": _GENERATED, "read_only": True},
        {"type": "volume", "source": CACHE, "target": f"{made.home}/.cache"},
        *(mounts.parse(text, project.root) for text in own.mounts),
    ]
    program = image.host_uv()
    if program is not None:
        volumes.append({"type": "bind", "source": str(program), "target": image.UV, "read_only": True})
    shared = _shared_git_folder(project.root)
    if shared is not None:  # of a worktree: git inside finds it where it is outside
        volumes.append({"type": "bind", "source": str(shared), "target": str(shared)})
    agent = mounts.agent(project) if own.ssh_agent else None
    if agent:
        volumes.append({"type": "bind", "source": agent, "target": view.AGENT})
    return {
        "image": naming.image(project),
        "init": True,
        "user": f"{made.uid}:{made.gid}",
        "working_dir": naming.ROOT,
        "volumes": volumes,
        **_limits(own),
    }


def _shared_git_folder(root: Path) -> Path | None:
    try:
        text = (root / ".git").read_text(encoding="utf-8")
        own = Path(text.removeprefix("gitdir:").strip())
        common = (own / (own / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, UnicodeDecodeError):
        return None
    return common if common.is_dir() and common.is_absolute() else None


def _workspace(project: Project, made: image.Recipe) -> dict[str, Any]:
    spec, own = project.spec, options.of(project.spec)
    published = [
        f"{_bracketed(port.bind)}:{project.ports.get(name, port.port)}:{port.port}" for name, port in spec.ports.items()
    ]
    mine = [name for name, service in spec.services.items() if service.run is not None]
    for name in mine:
        port = view.port_inside(project, name)
        if port is not None:
            published.append(f"{facts.HOST}:{project.ports.get(facts.port_name(name), port)}:{port}")
    networks: dict[str, Any] = {"default": {"aliases": mine} if mine else {}}
    # Every project has a workspace and most a db: there it goes by what tells it from the others.
    called = list(dict.fromkeys((readable(project.name), naming.stack(project))))
    networks.update({name: {"aliases": called} for name in own.join})
    return {
        **_inside(project, made),
        "hostname": naming.WORKSPACE,
        "command": ["sleep", "infinity"],
        "ports": sorted(published),
        "networks": networks,
    }


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _process(
    project: Project, name: str, service: Service, made: image.Recipe, workspace: str
) -> tuple[dict[str, Any], dict[str, str]]:
    argv = service.run.argv() if service.run else ()
    # One network with the workspace: the project's programs find each other as they do on one machine.
    described = {
        **_inside(project, made),
        "network_mode": f"service:{naming.WORKSPACE}",
        "command": ["sh", "-c", _BECOME, "sh", *argv],
        "restart": "no" if service.once else _POLICIES[service.restart],
        "labels": {"dev.envman.workspace": workspace},
    }
    seen = dict(inside.declared(project, view.viewpoint(project)))
    files = [digest([content(Path(file))]) for file, _ in inside.env_files(project)]
    return described, {VARIABLES: repr((seen, files))}


def _server(project: Project, name: str, service: Service, recipe: Recipe) -> tuple[dict[str, Any], dict[str, str]]:
    known = places(project, name, recipe)
    own = recipe.container
    described: dict[str, Any] = {
        "image": image_of(recipe, known["version"]),
        "hostname": name,
        "environment": {key: filled(value, known) for key, value in own.env.items()},
        "restart": "unless-stopped",
        "ports": [_published(project, name, recipe.port)],
        "networks": {"default": {}},
    }
    if not described["environment"]:
        del described["environment"]
    if own.entrypoint:
        described["entrypoint"] = [filled(word, known) for word in own.entrypoint]
    if own.argv:
        described["command"] = [filled(word, known) for word in own.argv]
    if own.health:
        test = ["CMD", *(filled(word, known) for word in own.health)]
        described["healthcheck"] = {
            "test": test,
            "interval": "10s",
            "timeout": "5s",
            "retries": 5,
            "start_period": "60s",
        }
    if recipe.keeps:
        described["volumes"] = [{"type": "volume", "source": name, "target": known["data"]}]
    return described, {file: filled(text, known) for file, text in own.files.items()}


def places(project: Project, name: str, recipe: Recipe) -> dict[str, str]:
    """What a recipe may ask for inside its container."""
    service, own = project.spec.services[name], recipe.container
    version = service.version or recipe.versions[0]
    password = passwords.of(project.identity).get(name, "")
    return {
        "host": "0.0.0.0",  # noqa: S104 - of the container, whose network is the project's own
        "port": str(recipe.port),
        "user": recipe.user,
        "password": password,
        "name": recipe.database,
        "version": version,
        "data": own.data_of.get(version, own.data),
        "run": _SECRETS,
    }


def _container(project: Project, name: str, service: Service) -> dict[str, Any]:
    port = service.port.inside or service.port.host if service.port else None
    return {
        "image": str(service.image),
        "hostname": name,
        "restart": _POLICIES[service.restart],
        "networks": {"default": {}},
        **({"ports": [_published(project, name, port)]} if port else {}),
    }


def _published(project: Project, name: str, port: int) -> str:
    return f"{facts.HOST}:{project.ports.get(facts.port_name(name), port)}:{port}"


def document(project: Project, found: Mapping[str, Part], volumes: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The whole compose file; `volumes` are those that images declare, by service and by name."""
    own = options.of(project.spec)
    made: dict[str, Any] = {"name": naming.stack(project), "services": {}}
    for name, part in found.items():
        made["services"][name] = _with_places(name, part, volumes.get(name, {}))
    made["networks"] = {"default": {"labels": _labels(project)}}
    made["networks"].update({name: {"name": name, "external": True} for name in own.join})
    made["volumes"] = _volumes(project, made["services"])
    secrets = {
        secret_name(name, file): {"file": str(secret_file(project, name, file))}
        for name, part in found.items()
        for file in part.secrets
    }
    if secrets:
        made["secrets"] = secrets
    return merge(made, {key: value for key, value in own.compose.items() if key != "services"})


def _labels(project: Project) -> dict[str, str]:
    # Nothing that may change: Compose wants to make a volume anew whose labels are not as described.
    return {naming.PROJECT: naming.identity(project)}


def _with_places(name: str, part: Part, declared: Mapping[str, str]) -> dict[str, Any]:
    mounted = [*part.service.get("volumes", [])]
    taken = {one["target"] for one in mounted if isinstance(one, Mapping)}
    mounted += [
        {"type": "volume", "source": volume, "target": target}
        for volume, target in declared.items()
        if target not in taken
    ]
    secrets = [
        {"source": secret_name(name, file), "target": file if file.startswith("/") else f"{_SECRETS}/{file}"}
        for file in part.secrets
    ]
    service = {key: value for key, value in part.service.items() if key not in ("volumes", "logging", "labels")}
    return {
        **service,
        **({"volumes": mounted} if mounted else {}),
        **({"secrets": secrets} if secrets else {}),
        "logging": part.service["logging"],
        "labels": part.service["labels"],
    }


def _volumes(project: Project, services: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    named: dict[str, Any] = {CACHE: {"name": f"envman-cache-{project.root.stat().st_uid}", "external": True}}
    for service in services.values():
        for one in service.get("volumes", ()):
            if isinstance(one, Mapping) and one.get("type") == "volume" and one.get("source", CACHE) != CACHE:
                named[one["source"]] = {"name": notes.read(project, one["source"]).volume, "labels": _labels(project)}
    return named


def secret_name(service: str, file: str) -> str:
    """What a secret is called in the compose file."""
    return f"{service}-{Path(file).name}".replace(".", "-")


def secret_file(project: Project, service: str, file: str) -> Path:
    """Where it stands on this machine."""
    return secrets_folder(project) / service / Path(file).name
