"""What runs of a project's services: a script that asks systemd in the machine, and what its lines mean."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from envman.backend import Serving, State
from envman.frozen import frozen, replace
from envman.project import Project
from envman.services import catalogue, facts, saving
from envman.services.holding import BEGUN
from envman_vagrant import naming
from envman_vagrant.services import layout

MARK = "service"  # the first word of each line that is ours, but for what systemd and files say themselves
_PROPERTIES = "Id,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts,ActiveEnterTimestamp,MainPID"
_NOTED = ("made_from", "title", "source", "version")
_TICKS = 100  # in which the kernel counts to a second, on every architecture that we know
_CGROUPS = "/sys/fs/cgroup/system.slice"
# In words that a date can be read from, whatever the machine speaks and wherever it thinks it is.
_SHOW = f"""\
[ ! "$_units" ] || LC_ALL=C TZ=UTC systemctl show --property={_PROPERTIES} $_units
"""
# One process for all files: where a processor is emulated, a process for each would be most of the time of a look.
READ = """\
grep -as '' $_files /dev/null || :
"""
_FILES = f"{layout.NOTES}/%s/* {layout.DATA}/%s/{saving.NOTE} {layout.DATA}/%s/{saving.FILLED}"
# Whose processes are there runs. Only about the others systemd is asked, which takes longer than all the rest.
SCRIPT = f"""\
_units=
_files="$_files /proc/uptime {_FILES % ("*", "*", "*")}"
for _one in {layout.UNITS}/{naming.UNIT}*.service; do
  [ -f "$_one" ] || continue
  _one=${{_one##*/}}
  _name=${{_one#{naming.UNIT}}}
  _name=${{_name%.service}}
  if read -r _pid 2>/dev/null < "{_CGROUPS}/$_one/cgroup.procs"; then
    printf '{MARK}\\truns\\t%s\\t%s\\n' "$_name" "$_pid"
    _files="$_files /proc/$_pid/stat {_CGROUPS}/$_one/memory.current {_CGROUPS}/$_one/memory.stat"
  else
    _units="$_units $_one"
  fi
  if read -r _id 2>/dev/null < "{layout.RUN}/$_name/container"; then
    printf '{MARK}\\tcontainer\\t%s\\t%s\\n' "$_name" "$_id"
    _files="$_files {_CGROUPS}/docker-$_id.scope/memory.current {_CGROUPS}/docker-$_id.scope/memory.stat"
  fi
  [ ! {naming.STATE}/notes/packages -nt "{layout.RUN}/$_name/start" ] || printf '{MARK}\\tstale\\t%s\\n' "$_name"
done
for _one in {layout.VOLUMES}/*; do
  [ ! -d "$_one" ] || printf '{MARK}\\tvolumes\\t%s\\n' "${{_one##*/}}"
done
{_SHOW}"""


@frozen
class Unit:
    """A service as it is found in the machine."""

    name: str
    active: str = ""  # active, activating, deactivating, inactive, failed; nothing where there is no unit
    sub: str = ""
    result: str = ""
    code: int = 0
    restarts: int = 0
    since: int | None = None
    memory: int | None = None
    pid: int = 0
    is_stale: bool = False  # what it runs in was changed after it had begun
    made_from: str = ""  # these four are noted once it was ready
    title: str = ""
    source: str = ""
    version: str = ""
    wrote: str = ""  # the major version that wrote its data, where that is whole
    filled: str = ""  # what the spec had made in it
    has_volumes: bool = False  # it is, or was, a container that keeps something

    @property
    def is_there(self) -> bool:
        """Whether systemd knows it."""
        return bool(self.active)

    @property
    def is_done(self) -> bool:
        """Whether it has ended well."""
        return self.active == "active" and self.sub == "exited"

    @property
    def runs(self) -> bool:
        """Whether it does what it is there for."""
        return self.active in ("active", "reloading")

    @property
    def has_ended(self) -> bool:
        """Whether it has ended in another way."""
        return self.active == "failed" or self.sub == "auto-restart"


def shown(name: str) -> str:
    """The script that asks about one unit."""
    return f"_units={layout.unit(name)}\n{_SHOW}"


def noted(name: str) -> str:
    """The script that asks about the notes of one service."""
    return f'_files="{_FILES % (name, name, name)}"\n{READ}'


def files(lines: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """What stands in each file that was read."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("/"):
            path, _, text = line.partition(":")
            found.setdefault(path, []).append(text)
    return found


def read(lines: Sequence[str], now: float | None = None) -> Mapping[str, Unit]:
    """What the lines say of each service, in this moment; those of others are passed over."""
    texts = files(lines)
    now = time.time() if now is None else now
    found = {unit.name: unit for unit in map(_unit, _blocks(lines))}
    for kind, name, *values in (line.split("\t")[1:] for line in lines if line.startswith(f"{MARK}\t")):
        unit = found.get(name, Unit(name=name))
        if kind == "runs":
            found[name] = _running(name, values[0], texts, now)
        elif kind == "container":
            found[name] = replace(unit, memory=_memory(texts, f"docker-{values[0]}.scope"))
        elif kind == "stale":
            found[name] = replace(unit, is_stale=True)
        elif kind == "volumes":
            found[name] = replace(unit, has_volumes=True)
    for name, known in _notes(texts).items():
        found[name] = replace(found.get(name, Unit(name=name)), **known)
    return {name: unit for name, unit in sorted(found.items()) if "." not in name}


def _running(name: str, pid: str, texts: Mapping[str, Sequence[str]], now: float) -> Unit:
    """A unit by its first process, as the kernel tells of it."""
    words = _first(texts, f"/proc/{pid}/stat").rpartition(")")[2].split()  # its name may hold anything
    up = _first(texts, "/proc/uptime").split()
    since = int(now - float(up[0]) + int(words[19]) / _TICKS) if len(words) > 19 and up else None
    memory = _memory(texts, layout.unit(name))
    return Unit(name=name, active="active", sub="running", result="success", since=since, memory=memory, pid=int(pid))


def _first(texts: Mapping[str, Sequence[str]], path: str) -> str:
    return next(iter(texts.get(path, ())), "")


def _blocks(lines: Sequence[str]) -> Iterator[dict[str, str]]:
    """What systemd says of each unit; an empty line stands between two."""
    known = _PROPERTIES.split(",")
    block: dict[str, str] = {}
    for line in [*lines, ""]:
        key, _, value = line.partition("=")
        if key in known:
            block[key] = value
        elif not line and block:
            yield block
            block = {}
    if block:
        yield block


def _notes(texts: Mapping[str, Sequence[str]]) -> Mapping[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, lines in texts.items():
        folder, _, file = path.rpartition("/")
        above, _, name = folder.rpartition("/")
        facts = found.setdefault(name, {}) if above in (layout.NOTES, layout.DATA) else {}
        if above == layout.NOTES and file in _NOTED:
            facts[file] = lines[0]
        elif above == layout.DATA and file == saving.NOTE:
            facts["wrote"] = lines[0]
        elif above == layout.DATA and file == saving.FILLED:
            facts["filled"] = lines[0]
    for facts in found.values():
        if facts.get("filled") == BEGUN:
            facts["wrote"] = ""
    return found


def _unit(block: Mapping[str, str]) -> Unit:
    status = _number(block.get("ExecMainStatus", "")) or 0
    by_signal = block.get("ExecMainCode") in ("2", "3")
    return Unit(
        name=block.get("Id", "").removeprefix(naming.UNIT).removesuffix(".service"),
        active=block.get("ActiveState", ""),
        sub=block.get("SubState", ""),
        result=block.get("Result", ""),
        code=status + 128 if by_signal else status,
        restarts=_number(block.get("NRestarts", "")) or 0,
        since=_seconds(block.get("ActiveEnterTimestamp", "")),
        pid=_number(block.get("MainPID", "")) or 0,
    )


def _memory(texts: Mapping[str, Sequence[str]], group: str) -> int | None:
    """What a group of processes takes, but for files in memory that it would give back."""
    taken = _number(_first(texts, f"{_CGROUPS}/{group}/memory.current"))
    words = [line.split() for line in texts.get(f"{_CGROUPS}/{group}/memory.stat", ())]
    cache = next((_number(one[1]) or 0 for one in words if one[:1] == ["inactive_file"]), 0)
    return None if taken is None else max(taken - cache, 0)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _seconds(text: str) -> int | None:
    """`Fri 2026-11-21 17:30:00 UTC`, which is how it is shown."""
    try:
        return int(datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def forgotten(project: Project, units: Mapping[str, Unit]) -> tuple[str, ...]:
    """Those that there are, and that the spec does not name any more. Data alone is none: it is kept."""
    return tuple(name for name, unit in units.items() if unit.is_there and name not in project.spec.services)


def serving(project: Project, units: Mapping[str, Unit], *, lives: bool = True) -> Mapping[str, Serving]:
    """Every service of the spec, and those that still run though the spec has forgotten them.

    Where the machine does not run, `units` are those of the last look.
    """
    found = {name: _serving(project, name, units.get(name), lives=lives) for name in project.spec.services}
    for name in forgotten(project, units) if lives else ():
        found[name] = _serving(project, name, units[name], lives=True)
    return found


def _serving(project: Project, name: str, unit: Unit | None, *, lives: bool) -> Serving:
    service = project.spec.services.get(name)
    known = unit or Unit(name=name)
    state, why = _standing(known) if lives else (State.STOPPED if known.title else State.ABSENT, "")
    return Serving(
        state=state,
        title=known.title or title(project, name),
        source=known.source or ("process" if service is not None and service.run else ""),
        version=known.version or asked_version(project, name),
        port=project.ports.get(facts.port_name(name)),
        since=known.since if state is State.RUNNING else None,
        why=why,
        made_from=known.made_from,
    )


def _standing(unit: Unit) -> tuple[State, str]:
    if not unit.is_there:
        return (State.STOPPED if unit.title else State.ABSENT), ""
    if unit.is_done:
        return State.RUNNING, "done"
    if unit.runs:
        return State.RUNNING, ""
    if unit.has_ended:
        times = f", {unit.restarts + 1} times" if unit.restarts else ""
        return State.DEGRADED, f"it ended with {unit.code}{times}"
    return State.STOPPED, ""


def asked_version(project: Project, name: str) -> str:
    """The major version that binds every backend."""
    recipe = catalogue.of(project.spec, name) if name in project.spec.services else None
    return (project.spec.services[name].version or recipe.versions[0]) if recipe else ""


def title(project: Project, name: str) -> str:
    """What a service is called as long as nobody knows what its server is."""
    service = project.spec.services.get(name)
    recipe = catalogue.of(project.spec, name) if service else None
    if service is None or recipe is None:
        return " ".join(str((service.run or service.image) if service else name).split())
    called = list(recipe.native.programs.values())
    # Which of several programs it will be is only known once it is found.
    return f"{called[0]} {asked_version(project, name)}" if len(called) == 1 else recipe.title
