"""What stands below the packages: the way in, certificates, system packages, variables that every process has, uv."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import envman_templates
from envman import start
from envman.backend import Job
from envman.dependencies import resolve, uv
from envman.errors import StepFailed
from envman.files import content, digest, remove_tree, write_staged
from envman.network import certificates, indexes, proxies
from envman.project import Project
from envman_vagrant import connection, folder, guest, machine, naming, places
from envman_vagrant.operations import PrepareSystem

_FOLDER = Path(str(envman_templates.__file__)).parent / "vagrant"
_SCRIPT, _ENTER = _FOLDER / "system.sh", _FOLDER / "enter.sh"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# A requirement that is fetched with git, or a package whose version is a tag: then building it needs git.
_WITH_GIT = re.compile(rb"git\+|\bgit = |\bvcs\b|setuptools[-_.]scm|hatch-vcs", re.IGNORECASE)


def _helpers(project: Project, environ: Mapping[str, str]) -> str:
    """What we need ourselves beyond what every box has."""
    return "" if folder.is_live(machine.kind_of(project, environ).folder.kind) else "rsync"


def packages(project: Project) -> tuple[str, ...]:
    """The system packages that the machine needs."""
    asked = project.spec.system.packages
    texts = [*(name.encode() for name in project.source.packages), *map(content, project.source.inputs)]
    needs_git = any(_WITH_GIT.search(text) for text in texts)
    return (*asked, "git") if needs_git and "git" not in asked else asked


def inputs(project: Project, environ: Mapping[str, str]) -> str:
    """A digest of all that it depends on."""
    asked = repr((packages(project), _helpers(project, environ)))
    texts = (_SCRIPT.read_text(encoding="utf-8"), *_ways_in().values(), _environment(trusted=True))
    trusted = certificates.of(project, environ)
    return digest([*texts, asked, *trusted, _for_apt(environ), uv_version()])[:32]


def uv_version() -> str:
    """The version that we bring."""
    from importlib.metadata import version

    return version("uv")


def _environment(*, trusted: bool) -> str:
    """What every process of the project has, before its own variables."""
    bundle = "".join(f"export {name}={_BUNDLE}\n" for name in uv.TRUSTS) if trusted else ""
    return f"""\
export PATH={naming.VENV}/bin:{naming.TOOLS}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export VIRTUAL_ENV={naming.VENV} UV_PROJECT_ENVIRONMENT={naming.VENV} UV_LINK_MODE=copy
export LANG="${{LANG:-C.UTF-8}}" PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
{bundle}"""


def _for_apt(environ: Mapping[str, str]) -> str:
    found = proxies.inside(environ, ())
    lines = {
        kind: found.get(f"{kind}_proxy") or found.get(f"{kind}_proxy".upper()) or found.get("all_proxy")
        for kind in ("http", "https")
    }
    return "\n".join(f'Acquire::{kind}::Proxy "{address}";' for kind, address in lines.items() if address)


def prepare(operation: PrepareSystem, job: Job) -> str | None:
    """Carry the operation out."""
    project = job.project
    trusted = certificates.of(project, job.environ)
    user = connection.user(job)
    told = {
        "user": user,
        "packages": " ".join(map(shlex.quote, packages(project))),
        "helpers": _helpers(project, job.environ),
        "tools": naming.TOOLS,
        "state": naming.STATE,
        "root": naming.ROOT,
        "venv": naming.VENV,
        "proxies": _for_apt(job.environ),
        "environment": _environment(trusted=bool(trusted)),
        "bundle": "".join(trusted).rstrip("\n"),
    }
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in told.items())
    script += _SCRIPT.read_text(encoding="utf-8")
    with connection.reaching(job, indexes.ports_here(proxies.given(job.environ).values())):
        guest.run(job, script, "could not prepare the system")
    for target, text in _ways_in().items():
        staged = places.folder(project) / "enter.sh"
        write_staged(staged, text)
        guest.carry(job, staged, target, "could not bring our tools")
    _bring_uv(job)
    guest.run(job, guest.note("system", operation.inputs), "could not note what is done")
    count = len(packages(project))
    return f"{count} system packages" if count > 1 else (packages(project) or ("certificates and tools",))[0]


def _ways_in() -> dict[str, str]:
    """The scripts that become a command, without a terminal and on one."""
    text = _ENTER.read_text(encoding="utf-8")
    plain = text.replace("@heard@", "INT TERM HUP QUIT").replace("@start@", start.SCRIPT % {"where": " >&2"})
    # Where a terminal has gone, the shell has to end at once: only then the others in there are told.
    on_terminal = text.replace("@heard@", "INT TERM QUIT").replace(
        "@start@", _SAID + start.SCRIPT % {"where": " >/dev/null"}
    )
    return {naming.ENTER: plain, naming.ENTER_ON_TERMINAL: on_terminal}


_SAID = """\
command -v -- "$1" >/dev/null 2>&1 || [ -e "$1" ] || printf '%s: there is no such program in the machine\\n' "$1"
"""


def _bring_uv(job: Job) -> None:
    known = guest.attempt(job, f"{naming.UV} --version 2>/dev/null || true; uname -m", merge=False)
    said = known.output.split()
    if uv_version() in said:
        return
    program = uv.find()
    processor = said[-1] if said else ""
    if program is None or sys.platform != "linux" or platform.machine() != processor:
        program = _fetched(job, processor)
    guest.carry(job, Path(program), naming.UV, "could not bring uv")
    guest.run(job, f"mkdir -p {naming.TOOLS}/bin; ln -sfn {naming.UV} {naming.TOOLS}/bin/uv", "could not bring uv")


def _fetched(job: Job, processor: str) -> str:
    """The uv of the machine's own kind, from the user's index."""
    if not processor:
        raise StepFailed("the machine does not say what processor it has")
    target = places.folder(job.project) / f"uv-{processor}"
    remove_tree(target)
    arguments = ["pip", "install", "--no-deps", "--target", str(target), f"uv=={uv_version()}"]
    arguments += ["--python-platform", f"{processor}-manylinux_2_28", "--only-binary", ":all:"]
    resolve.run_uv(job, arguments, "could not fetch uv for the machine")
    return str(target / "bin" / "uv")
