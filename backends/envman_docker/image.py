"""What the image is made from: a Dockerfile and the few files beside it, none of them the project's own sources."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import envman_templates
from envman import interpreters, versions
from envman.dependencies import pylock, resolve, uv
from envman.dependencies.source import Kind
from envman.files import content, digest, remove_tree, write_staged
from envman.frozen import frozen
from envman.project import Project
from envman_docker import certificates, naming, options

_TEMPLATE = Path(str(envman_templates.__file__)).parent / "docker" / "Dockerfile.jinja"
UV = "/usr/local/bin/uv"
_NEWEST_FIRST = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9")


@frozen
class Recipe:
    """All that the base of an image depends on."""

    base: str
    python: str  # X.Y
    system: tuple[str, ...]
    certificates: tuple[str, ...]
    uid: int
    gid: int
    prompt: str
    own_dockerfile: str = ""  # a digest of the project's own Dockerfile and of what lies beside it

    @property
    def home(self) -> str:
        """The user's folder inside."""
        return "/home/dev" if self.uid else "/root"


def python(project: Project, environ: Mapping[str, str]) -> str:
    """The X.Y to use: the one asked for, else the one in use, else the one that this machine would use itself."""
    request = project.python
    if not request.is_range:
        return ".".join(request.text.split(".")[:2])
    used = project.memory.get("python")
    if isinstance(used, str) and request.accepts(versions.release(used)):
        return ".".join(used.split(".")[:2])
    here = interpreters.choose(request, interpreters.installed(environ), environ)
    if here is not None:
        return ".".join(map(str, here.version[:2]))
    known = (one for one in _NEWEST_FIRST if request.accepts(tuple(map(int, one.split(".")))))
    return next(known, _NEWEST_FIRST[1])


def recipe(project: Project, environ: Mapping[str, str]) -> Recipe:
    """What the base of the project's image is made from."""
    own = options.of(project.spec)
    wanted = python(project, environ)
    owner = project.root.stat()
    base = naming.own_image(project) if own.dockerfile else own.base or f"python:{wanted}-slim-bookworm"
    return Recipe(
        base=base,
        python=wanted,
        system=project.spec.system.packages,
        certificates=tuple(certificates.of(project, environ)),
        uid=owner.st_uid,
        gid=owner.st_gid,
        prompt=project.name,
        own_dockerfile=digest([content(project.root / own.dockerfile)]) if own.dockerfile else "",
    )


def base_inputs(made: Recipe) -> str:
    """A digest of all that the base depends on."""
    return digest([_TEMPLATE.read_bytes(), repr(made)])[:32]


def inputs(project: Project, made: Recipe) -> str:
    """A digest of all that the whole image depends on."""
    return digest([base_inputs(made), resolve.fingerprint(project, made.python)])[:32]


def host_uv() -> Path | None:
    """uv of this machine, where containers can run it: then no image has to hold one, and no index to offer it."""
    found = uv.find() if sys.platform == "linux" else None
    return Path(found) if found else None


def _uv_version() -> str:
    from importlib.metadata import version

    return version("uv")


def folder(project: Project) -> Path:
    """The context of the build."""
    return project.generated / "docker"


def write_context(project: Project, made: Recipe, locks: Sequence[Path]) -> Path:
    """The Dockerfile, and beside it only what its steps read."""
    import shlex

    import jinja2

    place = folder(project)
    remove_tree(place / "context")
    (place / "context" / "lock").mkdir(parents=True)
    own = place / "context" / "certificates"
    own.mkdir()
    for number, one in enumerate(made.certificates):
        (own / f"envman-{number}.crt").write_text(one, encoding="utf-8")
    packages = [_third_party(file, place / "context" / "lock") for file in locks]
    needs_git = any("vcs" in entry for lock in packages for entry in lock)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no page: what is filled in is quoted for the shell
    )
    program = host_uv()
    if program is not None:
        _link(program, place / "context" / "uv")
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        base=made.base,
        python=made.python,
        has_pip=made.base.startswith("python:") or bool(made.own_dockerfile),
        system=[shlex.quote(name) for name in (*made.system, *(["git"] if needs_git else []))],
        certificates=bool(made.certificates),
        uid=made.uid,
        gid=made.gid,
        home=made.home,
        venv=naming.VENV,
        root=naming.ROOT,
        prompt=shlex.quote(made.prompt),
        uv=UV,
        uv_version="" if program else _uv_version(),
        hashed=project.source.kind is Kind.HASHED,
    )
    write_staged(place / "Dockerfile", text)
    return place / "Dockerfile"


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)  # with its time: the engine is sent what has changed alone


def _third_party(file: Path, target: Path) -> list[dict[str, Any]]:
    """Copy a lock without what stands in the project's folder: that is mounted, and installed once it is there."""
    if file.suffix != ".toml":
        write_staged(target / file.name, file.read_text(encoding="utf-8"))
        return []
    lock = pylock.read(file)
    entries = [entry for entry in pylock.packages(lock) if "directory" not in entry]
    pylock.write(target / file.name, {**lock, "packages": entries})
    return entries


def local(files: list[Path], root: Path) -> list[str]:
    """The folders of the project that its locks install, as they are called inside."""
    found: list[str] = []
    for file in files:
        for entry in pylock.packages(pylock.read(file)) if file.suffix == ".toml" else ():
            directory = entry.get("directory")
            if isinstance(directory, dict) and isinstance(directory.get("path"), str):
                place = os.path.relpath((file.parent / directory["path"]).resolve(), root)
                editable = "-e " if directory.get("editable") else ""
                found.append(f"{editable}{naming.ROOT}/{place}".removesuffix("/."))
    return found
