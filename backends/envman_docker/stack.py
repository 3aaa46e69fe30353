"""The compose file, as data: the project's own container, its servers, its processes, their network and volumes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envman import inside
from envman.files import digest
from envman.frozen import frozen
from envman.project import Project
from envman.services import catalogue, facts, passwords
from envman.services.recipe import filled
from envman.spec.model import Service
from envman.spec.recipe import Recipe
from envman_docker import image, naming, options, view
from envman_docker.options import Options

_POLICIES = {"always": "unless-stopped", "on-failure": "on-failure", "never": "no"}
_SECRETS = "/run/secrets"
VARIABLES = "variables"  # of a process of the project: a file, because a container's settings can be looked at
_BECOME = f'. {_SECRETS}/{VARIABLES}; exec "$@"'


@frozen
class Part:
    """One container of the stack."""

    service: Mapping[str, Any]  # as a compose file has it
    secrets: Mapping[str, str]  # the files that it reads, by where they stand inside
    inputs: str  # a digest of both


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
            content, secrets = _server(project, name, service, recipe)
        elif service.image is not None:
            content, secrets = _container(project, name, service), {}
        else:
            content, secrets = _process(project, name, service, made, within)
        found[name] = _finished(project, name, content, secrets)
    return found


def _finished(project: Project, name: str, service: dict[str, Any], secrets: Mapping[str, str]) -> Part:
    extra = options.of(project.spec).compose.get("services", {})
    merged = merge(service, extra.get(name, {}) if isinstance(extra, Mapping) else {})
    inputs = digest([repr(merged), repr(sorted(secrets.items()))])[:32]
    labels = {
        naming.PROJECT: naming.identity(project),
        naming.SERVICE: name,
        naming.INPUTS: inputs,
        naming.FOLDER: str(project.root),
    }
    return Part(service={**merged, "labels": {**merged.get("labels", {}), **labels}}, secrets=secrets, inputs=inputs)


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
        {"type": "volume", "source": "cache", "target": f"{made.home}/.cache"},
        *own.mounts,
    ]
    program = image.host_uv()
    if program is not None:
        volumes.append({"type": "bind", "source": str(program), "target": image.UV, "read_only": True})
    shared = _shared_git_folder(project.root)
    if shared is not None:  # of a worktree: git inside finds it where it is outside
        volumes.append({"type": "bind", "source": str(shared), "target": str(shared)})
    if own.ssh_agent and os.environ.get("SSH_AUTH_SOCK"):
        volumes.append({"type": "bind", "source": os.environ["SSH_AUTH_SOCK"], "target": view.AGENT})
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
    published = [f"{port.bind}:{project.ports.get(name, port.port)}:{port.port}" for name, port in spec.ports.items()]
    mine = [name for name, service in spec.services.items() if service.run is not None]
    for name in mine:
        port = view.port_inside(project, name)
        if port is not None:
            published.append(f"{facts.HOST}:{project.ports.get(facts.port_name(name), port)}:{port}")
    networks: dict[str, Any] = {"default": {"aliases": mine} if mine else {}}
    networks.update({name: {} for name in own.join})
    return {
        **_inside(project, made),
        "hostname": naming.WORKSPACE,
        "command": ["sleep", "infinity"],
        "ports": sorted(published),
        "networks": networks,
    }


def _process(
    project: Project, name: str, service: Service, made: image.Recipe, workspace: str
) -> tuple[dict[str, Any], dict[str, str]]:
    argv = service.run.argv() if service.run else ()
    # One network with the workspace: the project's programs find each other as they do on one machine.
    content = {
        **_inside(project, made),
        "network_mode": f"service:{naming.WORKSPACE}",
        "command": ["sh", "-c", _BECOME.replace("$", "$$"), "sh", *(word.replace("$", "$$") for word in argv)],
        "restart": "no" if service.once else _POLICIES[service.restart],
        "labels": {"dev.envman.workspace": workspace},
    }
    shown = dict(inside.declared(project, view.viewpoint(project)))
    return content, {VARIABLES: repr(shown)}


def _server(project: Project, name: str, service: Service, recipe: Recipe) -> tuple[dict[str, Any], dict[str, str]]:
    known = places(project, name, recipe)
    own = recipe.container
    content: dict[str, Any] = {
        "image": filled(str(recipe.image), known),
        "hostname": name,
        "environment": {key: filled(value, known) for key, value in own.env.items()},
        "restart": "unless-stopped",
        "ports": [_published(project, name, recipe.port)],
        "networks": {"default": {}},
    }
    if own.entrypoint:
        content["entrypoint"] = [filled(word, known).replace("$", "$$") for word in own.entrypoint]
    if own.argv:
        content["command"] = [filled(word, known).replace("$", "$$") for word in own.argv]
    if own.health:
        test = ["CMD", *(filled(word, known).replace("$", "$$") for word in own.health)]
        content["healthcheck"] = {"test": test, "interval": "10s", "timeout": "5s", "retries": 5, "start_period": "60s"}
    if recipe.keeps:
        content["volumes"] = [{"type": "volume", "source": name, "target": known["data"]}]
    return content, {file: filled(text, known) for file, text in own.files.items()}


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
        "restart": "unless-stopped",
        "networks": {"default": {}},
        **({"ports": [_published(project, name, port)]} if port else {}),
    }


def _published(project: Project, name: str, port: int) -> str:
    return f"{facts.HOST}:{project.ports.get(facts.port_name(name), port)}:{port}"


def document(project: Project, found: Mapping[str, Part], volumes: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The whole compose file; `volumes` are those that images declare, by service and by name."""
    own = options.of(project.spec)
    labels = {naming.PROJECT: naming.identity(project), naming.FOLDER: str(project.root)}
    services: dict[str, Any] = {}
    named: dict[str, Any] = {"cache": {"name": f"envman-cache-{project.root.stat().st_uid}", "external": True}}
    secrets: dict[str, Any] = {}
    for name, part in found.items():
        service = dict(part.service)
        mounted = [*service.get("volumes", [])]
        for volume, target in volumes.get(name, {}).items():
            mounted.append({"type": "volume", "source": volume, "target": target})
        if mounted:
            service["volumes"] = mounted
        for one in mounted:
            if isinstance(one, dict) and one["type"] == "volume" and one["source"] != "cache":
                named[one["source"]] = {"name": naming.volume(project, one["source"]), "labels": labels}
        if part.secrets:
            service["secrets"] = [
                {"source": secret_name(name, file), "target": file if file.startswith("/") else f"{_SECRETS}/{file}"}
                for file in part.secrets
            ]
            for file in part.secrets:
                secrets[secret_name(name, file)] = {"file": str(secret_file(project, name, file))}
        services[name] = service
    networks: dict[str, Any] = {"default": {"labels": labels}}
    networks.update({name: {"name": name, "external": True} for name in own.join})
    made: dict[str, Any] = {"name": naming.stack(project), "services": services, "networks": networks, "volumes": named}
    if secrets:
        made["secrets"] = secrets
    extra = {key: value for key, value in own.compose.items() if key != "services"}
    return merge(made, extra)


def secret_name(service: str, file: str) -> str:
    """What a secret is called in the compose file."""
    return f"{service}-{Path(file).name}".replace(".", "-")


def secret_file(project: Project, service: str, file: str) -> Path:
    """Where it stands on this machine."""
    return secrets_folder(project) / service / Path(file).name
