"""What two backends give a project, side by side: asked of a Python inside each, and of what is declared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from envman import beside, inside, process
from envman.dependencies import installed, pylock, resolve
from envman.errors import StepFailed
from envman.frozen import field, frozen, frozen_in_order
from envman.moving import Side
from envman.services import catalogue

# Run inside; what it says of variables is compared here and shown nowhere.
_ASK = """
import importlib.metadata as m, json, locale, os, platform, sys, time
def read(file):
    try:
        with open(file) as stream:
            return dict(line.rstrip().split("=", 1) for line in stream if "=" in line)
    except OSError:
        return {}
def limit(name):
    try:
        import resource
        soft = resource.getrlimit(getattr(resource, name))[0]
        return "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    except (ImportError, AttributeError, ValueError, OSError):
        return ""
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (AttributeError, ValueError, OSError):
    libc = " ".join(platform.libc_ver())
implementation = "{0.major}.{0.minor}.{0.micro}".format(sys.implementation.version)
print(json.dumps({
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "packages": {d.metadata["Name"]: d.version for d in m.distributions()},
    "environ": dict(os.environ),
    "facts": {
        "Python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": read("/etc/os-release").get("PRETTY_NAME", platform.platform(terse=True)).strip('"'),
        "kernel": platform.system() + " " + platform.release(),
        "processor": platform.machine(),
        "processors": str(os.cpu_count()),
        "libc": libc,
        "locale": ".".join(part or "-" for part in locale.getlocale()),
        "encoding": locale.getpreferredencoding(False),
        "time zone": time.strftime("%Z %z"),
        "user": str(getattr(os, "getuid", lambda: "")()),
        "open files": limit("RLIMIT_NOFILE"),
        "processes": limit("RLIMIT_NPROC"),
        "memory limit": limit("RLIMIT_AS"),
    },
}))
"""
_ABSENT, SET = "—", "set"
_OUT = "not for it, says the lock"
# What is promised of the facts; the others are what levels are there to differ in.
_PROMISED = ("implementation",)


@frozen_in_order
class Row:
    """One thing, as it is on both."""

    what: str
    values: tuple[str, str]
    promised: bool = False  # the contract says that it is the same
    beside: bool = False  # a variable that the spec says nothing of

    @property
    def same(self) -> bool:
        """Whether it is."""
        return len(set(self.values)) == 1


@frozen
class Given:
    """What a backend gives."""

    facts: Mapping[str, str]
    packages: Mapping[str, str]
    environ: Mapping[str, str]
    declared: Mapping[str, str] = field(default_factory=dict)  # the spec's variables, as they should be there
    services: Mapping[str, str] = field(default_factory=dict)  # the version that is there
    excluded: frozenset[str] = frozenset()  # packages that the lock does not want for this Python or this system


def given(side: Side) -> Given:
    """Ask."""
    argv, env, cwd = beside.command(side, ("python", "-c", _ASK), str(side.project.root))
    done = process.capture(argv, env=env, cwd=cwd, limit=120)
    lines = done.output.strip().splitlines()
    if done.code or not lines:
        raise StepFailed(f"the Python of {side.backend.NAME} does not answer: {done.last_lines(3)}")
    told: dict[str, Any] = json.loads(lines[-1])
    names = {installed.normal(str(name)): str(version) for name, version in told["packages"].items()}
    observed = side.observe()
    return Given(
        facts=told["facts"],
        packages=names,
        environ=told["environ"],
        declared=inside.resolve(side.project, side.backend.viewpoint(side.project), side.request.environ),
        excluded=frozenset(_excluded(side, told["markers"])),
        services={
            name: one.version for name, one in observed.services.items() if catalogue.of(side.project.spec, name)
        },
    )


def _excluded(side: Side, markers: Mapping[str, str]) -> Iterator[str]:
    from packaging.markers import Marker

    kept = resolve.record(side.project, markers["python_version"])
    lock = kept if kept is not None else side.project.generated / resolve.ARTEFACT
    for entry in pylock.packages(pylock.read(lock)) if lock.suffix == ".toml" and lock.is_file() else ():
        if "marker" in entry and not Marker(entry["marker"]).evaluate(dict(markers), context="lock_file"):
            yield installed.normal(entry["name"])


def rows(one: Given, other: Given) -> Iterator[Row]:
    """Everything, whether it differs or not."""

    def both(told: Callable[[Given], str]) -> tuple[str, str]:
        return told(one), told(other)

    yield Row("Python series", both(lambda side: ".".join(side.facts["Python"].split(".")[:2])), promised=True)
    for name in one.facts:
        yield Row(name, both(partial(_fact, name)), promised=name in _PROMISED)
    for name in sorted({*one.packages, *other.packages}):
        cells = both(partial(_package, name))
        yield Row(f"package {name}", cells, promised=_OUT not in cells)
    for name in sorted({*one.services, *other.services}):
        versions = both(partial(_service, name))
        majors = (versions[0].partition(".")[0], versions[1].partition(".")[0])
        yield Row(f"service {name}", versions if majors[0] != majors[1] else majors, promised=True)
    declared = {*one.declared, *other.declared}
    for name in sorted(declared):
        yield Row(f"variable {name}", both(partial(_as_declared, name)), promised=True)
    for name in sorted({*one.environ, *other.environ} - declared):
        there = both(partial(_is_set, name))
        if there[0] != there[1]:
            yield Row(f"variable {name}", there, beside=True)


def _fact(name: str, side: Given) -> str:
    return side.facts.get(name, _ABSENT)


def _package(name: str, side: Given) -> str:
    return side.packages.get(name) or (_OUT if name in side.excluded else _ABSENT)


def _service(name: str, side: Given) -> str:
    return side.services.get(name, _ABSENT)


def _is_set(name: str, side: Given) -> str:
    return SET if name in side.environ else _ABSENT


def _as_declared(name: str, side: Given) -> str:
    if name not in side.environ:
        return _ABSENT
    # Addresses and folders are right for each viewpoint: what counts is that each has its own.
    return "as declared" if side.environ[name] == side.declared.get(name) else "another value"
