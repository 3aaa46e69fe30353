"""Services with an image: containers of an engine in the machine, each run by a unit as every other service."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import envman_templates
from envman.backend import Job
from envman.errors import EngineMissing
from envman.files import digest
from envman.frozen import replace
from envman.network import certificates, indexes, proxies
from envman.problem import Problem
from envman.services import facts
from envman.spec.model import Service
from envman_vagrant import connection, enter, guest, naming, view
from envman_vagrant.services import apt, asking, inner, kept, layout, registries, scripts, units
from envman_vagrant.services.units import Unit

_FOLDER = Path(str(envman_templates.__file__)).parent / "vagrant"
_ENGINE, _CONTAINER = _FOLDER / "engine.sh", _FOLDER / "container.sh"
_PACKAGES = ("docker.io",)
# The command is a package of its own in newer systems; without the other the engine starts nothing where it is on.
_ALONG = "docker-cli apparmor"
_NETWORK = "envman"
_NOT_THERE = 4  # what the script ends with where there is no engine
_SETTLED = 1  # second that it has to live
_PATIENCE = 10  # seconds between the signals of a stop
SOURCE = "container"


def box(name: str) -> str:
    """What the container of a service is called."""
    return f"{naming.UNIT}{name}"


def script(name: str, service: Service, job: Job) -> str:
    """All that its unit needs; the engine runs by then, and has the image."""
    image, where = str(service.image), layout.of(name)
    prepare(image, job)
    kept.bring_volumes_back(name, job)
    title = " ".join(image.split())
    own = replace(units.of(name, service, title, "root"), patience=_PATIENCE)
    unit = replace(of_engine(own), ends=f"docker stop -t {_PATIENCE} {box(name)}")
    return "".join(
        (
            scripts.folders(where, "root"),
            scripts.file(where.start, _start(name, service, job), "root"),
            scripts.unit(where, units.text(unit)),
            scripts.noted(where, {"title": title, "source": SOURCE, "version": ""}),
        )
    )


def of_engine(unit: Unit) -> Unit:
    """The unit of what is a container: it needs the engine, which takes its time, and leaves nothing in it."""
    gone = f"/bin/sh -c 'docker rm --force {box(unit.name)} >/dev/null 2>&1'"
    return replace(unit, engine="docker.service", patience=unit.patience * 2, ended=gone)


def _start(name: str, service: Service, job: Job) -> str:
    where, port = layout.of(name), view.ports_inside(job.project)[name]
    own = view.port_of_image(service)
    values = {
        "name": name,
        "image": str(service.image),
        "box": box(name),
        "network": _NETWORK,
        "volumes": where.volumes,
        "numbers": where.container,
        "published": f"{facts.HOST}:{port}:{own}" if port else "",
    }
    return told(values) + _CONTAINER.read_text(encoding="utf-8")


def told(values: Mapping[str, str]) -> str:
    """Lines that set the variables of a script."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def prepare(image: str, job: Job) -> None:
    """The engine runs, reaches what this machine reaches, and has the image."""
    values = {
        "settings": "\n".join(_settings(job)),
        "image": image,
        "login": registries.login(image, job.environ),
        "offline": "1" if job.offline else "",
        "network": _NETWORK,
    }
    text = told(values) + _ENGINE.read_text(encoding="utf-8")
    here = [f"http://{registries.registry(image)}", *proxies.given(job.environ).values()]
    with connection.reaching(job, indexes.ports_here(here)):
        done = guest.attempt(job, text)
        if done.code == _NOT_THERE and not job.offline and apt.install(job, _PACKAGES, "Docker", also=_ALONG):
            done = guest.attempt(job, text)
    if done.code == _NOT_THERE:
        message = f"{image} needs a Docker Engine in the machine, and its system brings none"
        hint = "--offline fetches none: envman up" if job.offline else "take a [vagrant] box that has one"
        raise EngineMissing(Problem(message=message, hint=hint))
    if done.code:
        raise guest.failed(job, done, f"could not fetch {image}", hint=_meaning(done.output))


def _settings(job: Job) -> Sequence[str]:
    """What the engine begins with. It reads certificates only then: other ones have to change these lines."""
    trusted = certificates.of(job.project, job.environ)
    known = [f"{name}={value}" for name, value in proxies.given(job.environ).items()]
    return [*known, *([f"ENVMAN_TRUSTS={digest(list(trusted))[:16]}"] if trusted else [])]


def _meaning(said: str) -> str:
    for sign, hint in (
        ("denied", "look at its name; a registry that wants a password takes the one of docker login on this machine"),
        ("unauthorized", "docker login on this machine: its password goes along"),
        ("not found", "look at its name and tag"),
        ("manifest unknown", "look at its name and tag"),
        ("x509", '[network] ca = "path/of/bundle.pem" tells whom to trust'),
    ):
        if sign in said:
            return hint
    return ""


def lives(name: str, port: int | None, job: Job) -> str | None:
    """What is wrong with a container; None where it listens, or has lived for a moment.

    What holds the port of the machine open accepts connections whoever is behind it: the kernel knows who listens.
    """
    asked = f"docker container inspect --format '{{{{.State.Pid}}}} {{{{.State.StartedAt}}}}' {box(name)}"
    listens = f"grep -qi '^ *[0-9]*: [0-9A-F]*:{port or 0:04X} [0-9A-F]*:0000 0A' /proc/$1/net/tcp /proc/$1/net/tcp6"
    lived = f'[ $(($(date +%s) - $(date --date "$2" +%s))) -ge {_SETTLED} ]'
    script = f'set -- $({asked} 2>/dev/null)\n[ "${{1:-0}}" != 0 ] || exit 1\n{listens if port else lived} || exit 2\n'
    done = asking.ask(guest.place(job.project), job.environ, script)
    if done.code == 0:
        return None
    return "nothing listens there yet" if port and done.code == 2 else "its container has not begun"


def probe(name: str, argv: Sequence[str], job: Job) -> tuple[Sequence[str], Mapping[str, str], str]:
    """A process of this machine that asks the container with a command of its own."""
    words = ["sudo", "-n", "docker", "exec", box(name), *argv]
    return enter.enter(inner.place(job.project), {}, job.environ, words, str(job.project.root))
