"""The project's packages in the machine: a virtual environment outside the shared folder, made from the locks."""

from __future__ import annotations

import json
import os
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.console import counted
from envman.dependencies import elsewhere, resolve, source, uv
from envman.dependencies.source import Kind
from envman.errors import StepFailed
from envman.files import content, remove_tree
from envman.frozen import replace
from envman.network import indexes, proxies
from envman.problem import Problem
from envman_vagrant import connection, copying, guest, naming, places
from envman_vagrant.operations import InstallPackages, MakeEnvironment, ResolveInside

GENERATION = f"{naming.VENV}/.envman-generation"
_LOCKS = f"{naming.STATE}/locks"
_PYTHONS = f"{naming.STATE}/pythons"
_NETRC = "/run/envman-netrc"


def make(operation: MakeEnvironment, job: Job) -> str | None:
    """A new one, in the place of the old."""
    generation = os.urandom(6).hex()
    offline = "never" if job.offline else "automatic"
    # Its Python has to outlive a change of the user's folder, and be found by whoever else works here.
    script = f"""\
export UV_PYTHON_INSTALL_DIR={_PYTHONS} UV_PYTHON_DOWNLOADS={offline} UV_NO_PROGRESS=1
sudo -n install -d -o "$(id -un)" -g "$(id -gn)" {_PYTHONS} {naming.VENV}
find {naming.VENV} -mindepth 1 -delete
{naming.UV} venv --quiet --allow-existing --python {shlex.quote(operation.python)} \\
  --prompt {shlex.quote(job.project.name)} {naming.VENV}
printf %s {generation} > {GENERATION}
{naming.VENV}/bin/python -c 'import platform; print("python", platform.python_version())'
"""
    with supplied(job) as variables:
        done = guest.attempt(job, script, root=False, variables=variables)
    if done.code:
        raise _no_python(operation.python, done, job)
    version = next((line.split()[1] for line in done.output.splitlines() if line.startswith("python ")), "")
    return f"{naming.VENV}, Python {version}"


def _no_python(version: str, done: process.Completed, job: Job) -> StepFailed:
    told = guest.attempt(job, "python3 --version 2>/dev/null || echo no Python", root=False, merge=False)
    has = told.output.strip() or "no Python"
    said = job.masker.mask(done.last_lines(3))
    hint = f"the box has {has}: ask for that with [python] version, or name another [vagrant] box"
    message = f"Python {version} is not in the machine, and could not be downloaded\n{said}"
    return StepFailed(Problem(message=message, hint=hint, key="python.version"))


def resolved(operation: ResolveInside, job: Job) -> str | None:
    """What no lock covers is resolved in the machine."""
    with _inside(job) as within:
        return resolve.resolve(operation.resolve, within)


def install(operation: InstallPackages, job: Job) -> str | None:
    """Third parties from the locks, then what stands in the project's folder."""
    project = job.project
    copying.carry(job)
    with _inside(job) as within:
        locks = resolve.artefacts(within, operation.python, "")
        names = _carry(job, locks)
        _sync(job, names)
        _install_local(job, locks)
    told = guest.run(
        job, f"{naming.VENV}/bin/python -c {shlex.quote(elsewhere.INVENTORY)}", "its Python does not run", root=False
    )
    found = json.loads(told.output.strip().splitlines()[-1])
    # Programs make it when they first run; afterwards only what is done by hand changes the folder.
    guest.run(job, f"mkdir -p {naming.VENV}/lib/python*/site-packages/__pycache__", "could not end", root=False)
    # uv.lock may just have been brought up to date: what is recorded is what was installed from.
    fresh = replace(project, source=source.detect(project.root, project.spec.python))
    made_from = resolve.fingerprint(fresh, operation.python)
    note = guest.note("packages", made_from) + guest.note("inventory", json.dumps(found, sort_keys=True))
    guest.run(job, note, "could not note what is installed")
    return f"{counted(len(found['packages']), 'package')} from {project.source.label}"


def _carry(job: Job, locks: Sequence[Path]) -> list[str]:
    """Bring the locks, with all that they read; what they are called there."""
    staging = places.folder(job.project) / "locks"
    remove_tree(staging)
    staging.mkdir(parents=True)
    names = elsewhere.carry(locks, staging) if locks else []
    packed = staging.with_suffix(".tar")
    with tarfile.open(packed, "w") as archive:
        archive.add(staging, ".", filter=_nobody)
    guest.carry(job, packed, f"{naming.STATE}/locks.tar", "could not bring the locks")
    unpack = f"rm -rf {_LOCKS}; mkdir -p {_LOCKS}; tar -xf {_LOCKS}.tar -C {_LOCKS}; chmod -R a+rX {_LOCKS}"
    guest.run(job, unpack, "could not bring the locks")
    remove_tree(staging)
    packed.unlink()
    return names


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _sync(job: Job, names: Sequence[str]) -> None:
    hashed = "--require-hashes " if job.project.source.kind is Kind.HASHED else ""
    files = " ".join(shlex.quote(f"{_LOCKS}/{name}") for name in names)
    if not files:
        files = "/dev/null"
    flags = f"--quiet --preview-features pylock --allow-empty-requirements {hashed}"
    words = f"cd {_LOCKS}; {naming.UV} pip sync {flags}{files}"
    _with_uv(job, words, "could not install the packages")


def _install_local(job: Job, locks: Sequence[Path]) -> None:
    local = elsewhere.local([file for file in locks if file.suffix == ".toml"], job.project.root, naming.ROOT)
    if local:
        words = " ".join(
            f"{'-e ' if one.startswith('-e ') else ''}{shlex.quote(one.removeprefix('-e '))}" for one in local
        )
        _with_uv(job, f"{naming.UV} pip install --quiet --no-deps {words}", "could not install the project")


def _with_uv(job: Job, script: str, what: str) -> None:
    with supplied(job) as variables:
        done = guest.attempt(job, script, root=False, variables=variables)
    if done.code:
        said = job.masker.mask(done.last_lines(8))
        hint = guest.meaning(done.output) or uv.meaning(done.output)[1]
        raise StepFailed(Problem(message=f"{what}\n{said}", hint=hint))


@contextmanager
def supplied(job: Job, reads: Sequence[Path] = ()) -> Iterator[dict[str, str]]:
    """The variables for a uv in the machine; addresses of this machine alone are reached while it lasts."""
    told = indexes.variables(job) | proxies.given(job.environ)
    told |= {"UV_NO_PROGRESS": "1", "VIRTUAL_ENV": naming.VENV, **({"UV_OFFLINE": "1"} if job.offline else {})}
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    told |= {"SSL_CERT_FILE": bundle} if job.project.spec.network.ca else {}
    files = [content(file).decode("utf-8", "replace") for file in (*job.project.source.inputs, *reads)]
    with connection.reaching(job, indexes.ports_here([*told.values(), *files])), _netrc(job) as netrc:
        yield told | netrc


@contextmanager
def _netrc(job: Job) -> Iterator[dict[str, str]]:
    # In memory, for as long as it is read: disks of machines are copied.
    file = indexes.netrc(job)
    if file is None:
        yield {}
        return
    text = shlex.quote(file.read_text(encoding="utf-8"))
    script = f"umask 077; printf %s {text} > {_NETRC}; chown {connection.user(job)} {_NETRC}"
    guest.run(job, script, "could not bring the passwords of indexes")
    try:
        yield {"NETRC": _NETRC}
    finally:
        guest.attempt(job, f"rm -f {_NETRC}")


@contextmanager
def _inside(job: Job) -> Iterator[Job]:
    """The same job, whose uv runs in the machine: what it builds was written by others."""
    root = str(job.project.root)

    def run(arguments: Sequence[str]) -> process.Completed:
        copying.carry(job)
        words = " ".join(shlex.quote(word.replace(root, naming.ROOT)) for word in arguments)
        with supplied(job) as variables:
            done = guest.attempt(
                job, f"cd {naming.ROOT}; {naming.UV} {words}", root=False, variables=_without(variables)
            )
        copying.carry(job, made_there=True)
        return done

    yield replace(job, uv=run)


def _without(variables: Mapping[str, str]) -> dict[str, str]:
    # Resolving looks for a Python of its own, of the version that the lock is made for.
    found = {name: value for name, value in variables.items() if name != "VIRTUAL_ENV"}
    return {**found, "UV_PYTHON_INSTALL_DIR": _PYTHONS}
