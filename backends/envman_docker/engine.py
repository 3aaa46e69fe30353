"""Which engine is meant, found as the docker command finds it, and what it lacks."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envman.errors import EngineMissing, StepFailed
from envman.frozen import frozen
from envman.problem import Problem
from envman_docker import sockets

_DEFAULT = "unix:///var/run/docker.sock"
_PLUGINS = ("/usr/local/lib/docker", "/usr/local/libexec/docker", "/usr/lib/docker", "/usr/libexec/docker")
_USUAL = "the docker command"
_PATIENCE = 5.0  # seconds: one that hangs is not there
_HERE = ("127.0.0.1:", "localhost:", "[::1]:")
# Of these the docker command makes its way to the engine; nothing of the project's may take their place.
_STEERING = ("PATH", "HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@frozen
class Engine:
    """Where it listens, and who says so."""

    address: str
    said_by: str


def find(environ: Mapping[str, str]) -> Engine:
    """The engine that the docker command would talk to; raises EngineMissing for one that cannot be used."""
    engine = _meant(environ)
    kind, _, rest = engine.address.rstrip("/").partition("://")
    if kind == "ssh" or (kind == "tcp" and not rest.startswith(_HERE)):
        message = f"{engine.said_by} leads to another machine, {engine.address}, whose engine cannot see this folder"
        raise EngineMissing(Problem(message=message, hint=_way_back(engine)))
    if kind not in ("unix", "tcp"):
        message = f"{engine.said_by} leads to {engine.address}, which envman cannot talk to"
        raise EngineMissing(Problem(message=message, hint="use an engine with a unix socket"))
    if kind == "tcp" and environ.get("DOCKER_TLS_VERIFY"):
        message = f"{engine.said_by} leads to {engine.address} with TLS, which envman does not speak"
        raise EngineMissing(
            Problem(message=message, hint="if the engine has a socket: unset DOCKER_HOST DOCKER_TLS_VERIFY")
        )
    return engine


def _way_back(engine: Engine) -> str:
    if engine.said_by == "DOCKER_HOST":
        return "unset DOCKER_HOST"
    return "unset DOCKER_CONTEXT; docker context use default"


def _meant(environ: Mapping[str, str]) -> Engine:
    if environ.get("DOCKER_HOST"):
        return Engine(address=environ["DOCKER_HOST"], said_by="DOCKER_HOST")
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _current_context(folder)
    if name and name != "default":
        return Engine(address=_context(folder, name), said_by=f"the docker context {name}")
    if not Path(_DEFAULT.removeprefix("unix://")).exists():
        for place, whose in _others(environ):
            if place.exists():
                return Engine(address=f"unix://{place}", said_by=whose)
    return Engine(address=_DEFAULT, said_by=_USUAL)


def _others(environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    home = Path(environ.get("HOME") or Path.home())
    return [
        (runtime / "docker.sock", "rootless Docker"),
        (home / ".docker" / "run" / "docker.sock", "Docker Desktop"),
        (home / ".docker" / "desktop" / "docker.sock", "Docker Desktop"),
        (runtime / "podman" / "podman.sock", "Podman"),
        (Path("/run/podman/podman.sock"), "Podman"),
    ]


def _current_context(folder: Path) -> str:
    found = _settings(folder).get("currentContext")
    return found if isinstance(found, str) else ""


def _settings(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _context(folder: Path, name: str) -> str:
    file = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        message = f'there is no docker context "{name}"'
        raise EngineMissing(Problem(message=message, hint="docker context ls shows them")) from None


def missing(environ: Mapping[str, str]) -> list[Problem]:
    """What keeps this machine from running containers, each with the command that mends it."""
    found: list[Problem] = []
    program = shutil.which("docker", path=environ.get("PATH"))
    if program is None:
        found.append(Problem(message="the docker command is not on this machine", hint=_how_to_get("docker-cli")))
    else:
        for part, package in (("docker-compose", "docker-compose"), ("docker-buildx", "docker-buildx")):
            if plugin(part, environ) is None:
                message = f"the docker command has no {part.removeprefix('docker-')}"
                found.append(Problem(message=message, hint=_how_to_get(package)))
    try:
        engine = find(environ)
        status, answer = sockets.ask(engine.address, "GET", "/version", patience=_PATIENCE)
    except EngineMissing as error:
        return [*found, *error.problems]
    except PermissionError:
        message = f"you may not talk to the engine at {engine.address}"
        hint = 'sudo usermod -aG docker "$USER", then log in again'
        return [*found, Problem(message=message, hint=hint)]
    except (OSError, ValueError):
        by = "" if engine.said_by == _USUAL else f" ({engine.said_by})"
        return [*found, silent(engine.address, by)]
    if b"Podman Engine" in answer:  # its answers are Docker's, but for the builds: tried with 4.3
        message = f"the engine at {engine.address} is Podman, which has no BuildKit to build images with"
        found.append(Problem(message=message, hint=_how_to_get("docker.io")))
    if status != 200:
        found.append(Problem(message=f"the engine at {engine.address} answers {status}", hint=_how_to_start()))
    return found


def plugin(name: str, environ: Mapping[str, str]) -> str | None:
    """The program of a part of the docker command that comes on its own, where the command itself looks for it."""
    own = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    more = _settings(own).get("cliPluginsExtraDirs")
    places = [own / "cli-plugins"]
    places += [Path(str(one)) for one in more] if isinstance(more, list) else []
    places += [
        Path(folder) / "cli-plugins"
        for folder in (*_PLUGINS, "/opt/homebrew/lib/docker", "/Applications/Docker.app/Contents/Resources")
    ]
    return next((str(place / name) for place in places if os.access(place / name, os.X_OK)), None)


def broken(program: str, error: OSError) -> Problem:
    """What is said of one of them that is there and does not start: one for another processor, half of a download."""
    again = _how_to_get(Path(program).name if "/" in program else "docker-cli")
    return Problem(message=f"{program} does not start: {error.strerror}", hint=f"replace it, or remove it and {again}")


def _how_to_get(package: str) -> str:
    if Path("/etc/debian_version").exists():
        return f"sudo apt-get install {package}"
    return "install Docker Desktop, or Docker Engine with its Compose and Buildx plugins: https://docs.docker.com/engine/install"


def _how_to_start() -> str:
    return "start it: Docker Desktop, or sudo systemctl start docker"


def silent(address: str, by: str = "") -> Problem:
    """What is said of an engine that does not answer."""
    return Problem(message=f"no engine answers at {address}{by}", hint=_how_to_start())


@contextmanager
def sdk(environ: Mapping[str, str]) -> Iterator[Any]:
    """The engine's whole interface, for its streams; raises EngineMissing when it goes away."""
    import docker
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    address = find(environ).address
    try:
        client = docker.APIClient(base_url=address, version="auto", timeout=30)
        try:
            yield client
        finally:
            client.close()
    except APIError as error:
        raise StepFailed(f"the engine says: {error.explanation or error}") from error
    except (DockerException, RequestException) as error:
        raise EngineMissing(silent(address)) from error


def variables(environ: Mapping[str, str], engine: Engine) -> dict[str, str]:
    """The variables of the docker command: what leads it to this engine, and nothing of the project's."""
    kept = {name: environ[name] for name in _STEERING if name in environ}
    kept.update(
        {
            name: value
            for name, value in environ.items()
            if name.startswith(("DOCKER_CERT", "DOCKER_TLS", "DOCKER_CONFIG"))
        }
    )
    return {**kept, "DOCKER_HOST": engine.address, "DOCKER_BUILDKIT": "1", "COMPOSE_ANSI": "never", "NO_COLOR": "1"}
