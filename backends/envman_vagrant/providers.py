"""Who can run a machine: the table of providers, and which of them are here."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import envman_templates
from envman.errors import EngineMissing, wrong_key
from envman.frozen import field, frozen
from envman.problem import Problem
from envman_vagrant.options import Options

_TABLE = Path(str(envman_templates.__file__)).parent / "vagrant" / "providers.toml"
_PLACE = re.compile(r"\{(\w+)\}")
_PROCESSORS = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64", "arm64e": "arm64"}
# Where packages of a distribution say that they bring a plugin; those of the user stand in their own folder.
_PLUGINS = ("/usr/share/vagrant-plugins/plugins.d", "/usr/share/vagrant/plugins.d")
_PATIENCE = 2.0  # seconds: a daemon that does not take a connection is not there


@frozen
class Source:
    """A short command that tells how a machine is, and the patterns of its answers."""

    argv: tuple[str, ...]
    words: Mapping[str, str]  # by state


@frozen
class Folder:
    """A way for the project's folder to get in."""

    kind: str
    live: bool = False  # changes are seen at once, in both directions
    owners: bool = False  # a file's owner inside is its owner on this machine
    frozen: bool = False  # no snapshot of the machine while it runs
    asked: bool = False  # never chosen, only taken where the spec names it
    platforms: tuple[str, ...] = ()  # empty: all
    needs: tuple[str, ...] = ()  # of these programs or files, one must be here
    hint: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[tuple[Any, ...], ...] = ()  # what the provider has to be told for it


@frozen
class Provider:
    """One of the table."""

    name: str
    title: str
    hint: str  # what brings it here
    platforms: tuple[str, ...]
    plugin: str = ""
    programs: tuple[str, ...] = ()  # of these, one must be here
    sockets: tuple[str, ...] = ()  # of these, one must take a connection
    modules: tuple[str, ...] = ()  # on Linux, all of these files must be here
    processors: tuple[str, ...] = ()  # empty: all
    access: str = ""  # what lets the user use it
    asked: bool = False
    image: bool = False  # its box is an image that it is told of itself
    boxes: Mapping[str, str] = field(default_factory=dict)  # the default one by processor
    settings: Mapping[str, Any] = field(default_factory=dict)
    grows: bool = False  # Vagrant itself changes the size of its disks
    folders: tuple[str, ...] = ()  # in order of preference
    snapshots: bool = False
    wired: bool = False  # a machine gets its networks when it is made, and never later
    watch: str = ""  # a file that is there exactly while the machine runs
    state: Source | None = None
    wake: tuple[str, ...] = ()  # a command that lets it go on, where Vagrant has no word for that
    clear: tuple[str, ...] = ()  # a command that removes disks that a machine called {name} has left behind
    find: tuple[str, ...] = ()  # a command that tells its own name for the machine called {name}
    disks: tuple[str, ...] = ()  # a command whose lines end with the files of its disks
    memory: tuple[str, ...] = ()  # a command that tells "rss" and a number of KiB

    @property
    def places(self) -> frozenset[str]:
        """What its settings have a place for."""
        return frozenset(place for value in self.settings.values() for place in _PLACE.findall(str(value)))

    def watched(self, name: str) -> str:
        """The file that is there exactly while the machine of that name runs; empty where there is none."""
        return self.watch.replace("{name}", name)


@cache
def _read() -> Mapping[str, Any]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@cache
def table() -> Mapping[str, Provider]:
    """Every provider that envman knows, by its name, in the order in which they are tried."""
    return {name: _provider(name, values) for name, values in _read()["providers"].items()}


def _provider(name: str, values: Mapping[str, Any]) -> Provider:
    said = dict(values)
    told = dict(said.pop("state", {}))
    source = Source(argv=tuple(told.pop("argv")), words=told) if told else None
    return Provider(name=name, state=source, **_plain(said))


@cache
def folders() -> Mapping[str, Folder]:
    """Every way for a folder to get in, by its kind."""
    found = {}
    for kind, values in _read()["folders"].items():
        calls = tuple(tuple(call) for call in values.get("calls", ()))
        found[kind] = Folder(kind=kind, **{**_plain(values), "calls": calls})
    return found


def processor() -> str:
    """This machine's, as boxes are named for it."""
    machine = platform.machine().lower()
    return _PROCESSORS.get(machine, machine)


def box_of(provider: Provider, options: Options) -> str | None:
    """The box to begin with: the one asked for, else the provider's default for this processor."""
    return options.box or provider.boxes.get(processor())


def choose(options: Options, environ: Mapping[str, str]) -> Provider:
    """The provider that is asked for, else the first that is here; raises EngineMissing with what each lacks."""
    if options.provider:
        asked = table()[options.provider]
        lacking = lacks(asked, environ)
        if lacking is not None:
            raise EngineMissing(lacking)
        return asked
    told = environ.get("VAGRANT_DEFAULT_PROVIDER")
    if told and told not in table():
        message = f"VAGRANT_DEFAULT_PROVIDER says {told}, which is none of {', '.join(table())}"
        raise EngineMissing(Problem(message=message, hint='unset it, or say it here: [vagrant] provider = "…"'))
    tried = [one for one in _usual(told) if not one.asked and _fits(one)]
    reasons: list[Problem] = []
    for one in tried:
        lacking = lacks(one, environ)
        if lacking is None and box_of(one, options) is None:
            message = f"{one.title} has no usual box for {processor()}"
            lacking = Problem(message=message, hint='name one: [vagrant] box = "…"', key="vagrant.box")
        if lacking is None:
            return one
        reasons.append(lacking)
    if not reasons:
        reasons.append(Problem(message=f"no provider is known for {sys.platform} on {processor()}", hint=_NAMED))
    raise EngineMissing(reasons)


_NAMED = 'if Vagrant has one here: [vagrant] provider = "…"'


def _usual(told: str | None) -> list[Provider]:
    # Who told Vagrant which provider is theirs need not tell us.
    return sorted(table().values(), key=lambda one: one.name != told)


def here(environ: Mapping[str, str]) -> Sequence[Provider]:
    """Those that this machine can use, the ones included that are only taken when asked for."""
    return [one for one in table().values() if _fits(one) and lacks(one, environ) is None]


def _fits(provider: Provider) -> bool:
    return sys.platform in provider.platforms and (not provider.processors or processor() in provider.processors)


def lacks(provider: Provider, environ: Mapping[str, str]) -> Problem | None:
    """What keeps this machine from using it, with what mends that. Starts nothing."""
    return next(_lacking(provider, environ), None)


def _lacking(provider: Provider, environ: Mapping[str, str]) -> Iterator[Problem]:
    title = provider.title
    if not _fits(provider):
        yield Problem(message=f"{title} does not run on {sys.platform} with {processor()}", hint=_NAMED)
        return
    if provider.programs and not any(_is_there(one, environ) for one in provider.programs):
        yield Problem(message=f"{title} is not on this machine", hint=provider.hint)
    if provider.sockets and not any(Path(one).exists() for one in provider.sockets):
        yield Problem(message=f"{title} is not on this machine, or does not run", hint=provider.hint)
    elif provider.sockets:
        yield from _silent(provider)
    if provider.plugin and not has_plugin(provider.plugin, environ):
        hint = f"vagrant plugin install {provider.plugin}"
        yield Problem(message=f"Vagrant has no plugin for {title}", hint=hint)
    missing = [one for one in provider.modules if sys.platform == "linux" and not Path(one).exists()]
    if missing:
        yield Problem(message=f"the kernel module of {title} is not loaded: no {missing[0]}", hint=provider.access)


def _silent(provider: Provider) -> Iterator[Problem]:
    refused: OSError | None = None
    for place in provider.sockets:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(_PATIENCE)
                line.connect(place)
            return
        except OSError as error:
            # That one is not there says less than that one does not let us in.
            refused = refused if refused is not None and isinstance(error, FileNotFoundError) else error
    if isinstance(refused, PermissionError):
        yield Problem(message=f"you may not talk to {provider.title}", hint=provider.access)
    else:
        yield Problem(message=f"{provider.title} does not answer at {provider.sockets[0]}", hint=provider.hint)


def _is_there(program: str, environ: Mapping[str, str]) -> bool:
    return shutil.which(program, path=environ.get("PATH")) is not None


def vagrant_home(environ: Mapping[str, str]) -> Path:
    """Where Vagrant keeps boxes and plugins of the user."""
    return Path(environ.get("VAGRANT_HOME") or Path(environ.get("HOME") or Path.home()) / ".vagrant.d")


def has_plugin(name: str, environ: Mapping[str, str]) -> bool:
    """Whether Vagrant was given the plugin, as its own records say."""
    if any((Path(folder) / f"{name}.json").is_file() for folder in _PLUGINS):
        return True
    try:
        known = json.loads((vagrant_home(environ) / "plugins.json").read_text(encoding="utf-8"))
        return name in known["installed"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def folder_of(provider: Provider, asked: str | None, environ: Mapping[str, str] | None = None) -> Folder:
    """How the project's folder gets in: as asked, else the best that this machine can."""
    environ = os.environ if environ is None else environ
    if asked is not None:
        if asked not in provider.folders:
            offered = ", ".join(provider.folders)
            raise wrong_key(f"{provider.title} has no {asked} folders", f"it has {offered}", "vagrant.folder")
        found = folders()[asked]
        problem = _unusable(found, environ)
        if problem is not None:
            raise EngineMissing(problem)
        return found
    known = [folders()[kind] for kind in provider.folders]
    usual = [one for one in known if not one.asked]
    found_here = next((one for one in usual if _unusable(one, environ) is None), None)
    if found_here is None:
        raise EngineMissing([problem for one in usual if (problem := _unusable(one, environ))])
    return found_here


def _unusable(folder: Folder, environ: Mapping[str, str]) -> Problem | None:
    if folder.platforms and sys.platform not in folder.platforms:
        message = f"{folder.kind} folders do not work on {sys.platform}"
        return Problem(message=message, hint="leave folder out", key="vagrant.folder")
    if folder.needs and not any(_is_there(one, environ) for one in folder.needs):
        message = f"{folder.kind} folders need {folder.needs[-1]} on this machine"
        return Problem(message=message, hint=folder.hint, key="vagrant.folder")
    return None


def filled(provider: Provider, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Its settings with their places filled; one that asks for what nobody said is left out."""
    found: dict[str, Any] = {}
    for name, value in provider.settings.items():
        places = _PLACE.findall(value) if isinstance(value, str) else []
        if any(facts.get(place) is None for place in places):
            continue
        if places and value == f"{{{places[0]}}}":
            found[name] = facts[places[0]]  # as it is: a number stays one
        else:
            found[name] = _PLACE.sub(lambda one: str(facts[one[1]]), value) if places else value
    return found
