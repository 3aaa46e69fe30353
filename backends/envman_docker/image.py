"""What the image is made from: a Dockerfile and the few files beside it, none of them the project's own sources."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import envman_templates
from envman.dependencies import elsewhere, resolve, uv
from envman.dependencies.source import Kind, Source
from envman.files import content, digest, remove_tree, write_staged
from envman.frozen import frozen
from envman.network import certificates
from envman.project import Project
from envman_docker import naming, options, own, taken, users

_TEMPLATE = Path(str(envman_templates.__file__)).parent / "docker" / "Dockerfile.jinja"
UV = "/usr/local/bin/uv"
# A requirement that is fetched with git, or a package whose version is a tag: then building it needs git.
_WITH_GIT = re.compile(rb"git\+|\bgit = |\bvcs\b|setuptools[-_.]scm|hatch-vcs", re.IGNORECASE)


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
    own_dockerfile: str = ""  # a digest of the project's own Dockerfile and of what it copies
    taken: str = ""  # a digest of our Dockerfile, when the user took it over

    @property
    def home(self) -> str:
        """The user's folder inside."""
        return "/home/dev" if self.uid else "/root"


def recipe(project: Project, environ: Mapping[str, str]) -> Recipe:
    """What the base of the project's image is made from."""
    asked = options.of(project.spec)
    wanted = elsewhere.python(project, environ)
    uid, gid = users.of(project.root, environ)
    base = naming.own_image(project) if asked.dockerfile else asked.base or f"python:{wanted}-slim-bookworm"
    return Recipe(
        base=base,
        python=wanted,
        system=_system(project),
        certificates=tuple(certificates.of(project, environ)),
        uid=uid,
        gid=gid,
        prompt=project.name,
        own_dockerfile=own.state(project.root, asked.dockerfile) if asked.dockerfile else "",
        taken=taken.state(taken.folder(project) / "Dockerfile"),
    )


def _system(project: Project) -> tuple[str, ...]:
    asked = project.spec.system.packages
    return (*asked, "git") if "git" not in asked and _needs_git(project.source) else asked


def _needs_git(source: Source) -> bool:
    texts = [name.encode() for name in source.packages]
    return any(_WITH_GIT.search(text) for text in (*texts, *map(content, source.inputs)))


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


def contexts(project: Project) -> list[str]:
    """What the build may read: what is given to this project, and in the folder of this machine's uv, uv alone."""
    given = folder(project) / "context"
    program = host_uv()
    return ["--build-context", f"given={given}", str(program.resolve().parent if program else given)]


def _uv_version() -> str:
    from importlib.metadata import version

    return version("uv")


def folder(project: Project) -> Path:
    """Where the Dockerfile and what is given to its build stand."""
    return taken.folder(project)


def write_context(project: Project, made: Recipe, locks: Sequence[Path]) -> Path:
    """The Dockerfile, and beside it only what its steps read."""
    place = folder(project)
    context = place / "context"
    remove_tree(context)
    (context / "certificates").mkdir(parents=True)
    (context / "lock").mkdir()
    for number, one in enumerate(made.certificates):
        (context / "certificates" / f"envman-{number}.crt").write_text(one, encoding="utf-8")
    names = elsewhere.carry(locks, context / "lock")
    if not made.taken:
        write_staged(place / "Dockerfile", dockerfile(made, names, hashed=project.source.kind is Kind.HASHED))
    return place / "Dockerfile"


def dockerfile(made: Recipe, locks: Sequence[str], *, hashed: bool = False) -> str:
    """The text of the Dockerfile."""
    import shlex

    import jinja2

    program = host_uv()
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no page: what is filled in is quoted for the shell
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        head=taken.HEAD,
        base=made.base,
        cache=re.sub(r"[^a-z0-9]+", "-", made.base.lower()),  # the lists of one base are of no use to another
        python=made.python,
        system=[shlex.quote(name) for name in made.system],
        certificates=bool(made.certificates),
        uid=made.uid,
        gid=made.gid,
        home=made.home,
        venv=naming.VENV,
        root=naming.ROOT,
        prompt=shlex.quote(made.prompt),
        uv=UV,
        uv_source=program.resolve().name if program else "",
        uv_version="" if program else _uv_version(),
        locks=[shlex.quote(f"/opt/lock/{name}") for name in locks],
        hashed=hashed,
    )
