"""One look into the machine: notes of what is done, the packages, the units; kept for when it does not run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from envman import process
from envman.dependencies import installed
from envman.files import read_json, write_json
from envman.frozen import field, frozen
from envman.project import Project
from envman_vagrant import guest, naming, places, ssh
from envman_vagrant.services import look
from envman_vagrant.services.look import Unit

_NOTES, _GENERATION = f"{naming.STATE}/notes", f"{naming.VENV}/.envman-generation"
_SCRIPT = f"""\
_files="{_NOTES}/* {_GENERATION}"
[ ! -x {naming.ENTER} ] || echo tools
[ ! -x {naming.VENV}/bin/python ] || echo runs
for _found in {naming.VENV}/lib/python*/site-packages/*.dist-info; do
  [ ! -d "$_found" ] || printf 'package\\t%s\\n' "${{_found##*/}}"
done
{look.SCRIPT}{look.READ}"""


@frozen
class Seen:
    """What was found in the machine."""

    machine: str = ""  # Vagrant's id of it
    notes: Mapping[str, str] = field(default_factory=dict)
    generation: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)

    @property
    def inventory(self) -> Mapping[str, str]:
        """The packages that were there when all was installed."""
        found = self._noted().get("packages")
        named = found.items() if isinstance(found, dict) else ()
        return {installed.normal(str(name)): str(version) for name, version in named}

    @property
    def python(self) -> str:
        """The version of its Python."""
        return str(self._noted().get("python", ""))

    def _noted(self) -> Mapping[str, object]:
        try:
            found = json.loads(self.notes.get("inventory", "{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def look_inside(project: Project, machine: str, environ: Mapping[str, str]) -> Seen | None:
    """What is there now; None where the machine does not answer."""
    words = ssh.words(guest.place(project), ssh.HOST, ssh.AS_ROOT)
    done = process.capture(words, env=ssh.variables(environ), said=_SCRIPT, limit=_LIMIT)
    if done.code:
        return None
    lines = done.output.splitlines()
    write_json(places.folder(project) / "seen.json", {"machine": machine, "lines": lines})
    return _read(machine, lines)


_LIMIT = 30.0  # seconds: a machine that is busy may think for a while


def remembered(project: Project, machine: str) -> Seen:
    """What was there the last time; nothing of another machine."""
    if project.folder is None:
        return Seen()
    known = read_json(places.folder(project) / "seen.json")
    lines = known.get("lines")
    return _read(machine, lines) if known.get("machine") == machine and isinstance(lines, list) else Seen()


def forget(project: Project) -> None:
    """What was seen is not so any more."""
    (places.folder(project) / "seen.json").unlink(missing_ok=True)


def _read(machine: str, lines: Sequence[str]) -> Seen:
    texts = {path: text[0] for path, text in look.files(lines).items()}
    notes = {path.rpartition("/")[2]: text for path, text in texts.items() if path.rpartition("/")[0] == _NOTES}
    if "tools" not in lines:  # without them in their place, nothing of the system counts as done
        notes.pop("system", None)
    return Seen(
        machine=machine,
        notes=notes,
        generation=texts.get(_GENERATION, "") if "runs" in lines else "",
        packages=dict(sorted(_packages([line.split("\t") for line in lines]))),
        units=look.read(lines),
    )


def _packages(fields: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    for one in fields:
        if one[0] == "package":
            name, _, version = one[1].removesuffix(".dist-info").partition("-")
            yield installed.normal(name), version
