"""What runs of a project's services: a script that asks systemd in the machine, and what its lines mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from envman.backend import Serving, State
from envman.frozen import frozen, replace
from envman.project import Project
from envman.services import catalogue, facts, saving
from envman.services.holding import BEGUN
from envman_vagrant import naming
from envman_vagrant.services import layout

MARK = "service"  # the first word of each line that is ours
_PROPERTIES = (
    "Id,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts,ActiveEnterTimestamp,MemoryCurrent,MainPID"
)
# In words that a date can be read from, whatever the machine speaks and wherever it thinks it is.
_SHOW = f"""\
[ ! "$_units" ] || LC_ALL=C TZ=UTC systemctl show --property={_PROPERTIES} $_units | sed 's/^/{MARK}\\tunit\\t/'
"""
_NOTED = f"""\
for _one in {layout.NOTES}/$_which/*; do
  _name=${{_one%/*}}
  [ ! -f "$_one" ] || printf '{MARK}\\tnote\\t%s\\t%s\\t%s\\n' "${{_name##*/}}" "${{_one##*/}}" "$(cat "$_one")"
done
for _one in {layout.DATA}/$_which; do
  [ ! -d "$_one" ] || printf '{MARK}\\tdata\\t%s\\t%s\\t%s\\n' "${{_one##*/}}" \\
    "$(cat "$_one/{saving.NOTE}" 2>/dev/null)" "$(cat "$_one/{saving.FILLED}" 2>/dev/null)"
done
"""
SCRIPT = f"""\
_units=
for _one in {layout.UNITS}/{naming.UNIT}*.service; do
  [ ! -f "$_one" ] || _units="$_units ${{_one##*/}}"
done
{_SHOW}\
for _one in $_units; do
  _name=${{_one#{naming.UNIT}}}
  _name=${{_name%.service}}
  _file=/sys/fs/cgroup/system.slice/$_one/memory.stat
  [ ! -f "$_file" ] || sed -n "s/^inactive_file /{MARK}\\tcache\\t$_name\\t/p" "$_file"
  [ ! {naming.STATE}/notes/packages -nt "{layout.RUN}/$_name/start" ] || printf '{MARK}\\tstale\\t%s\\n' "$_name"
done
{_NOTED.replace("$_which", "*")}"""


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
    return _NOTED.replace("$_which", name)


def read(lines: Sequence[str]) -> Mapping[str, Unit]:
    """What the lines say of each service; those of others are passed over."""
    mine = [line.split("\t")[1:] for line in lines if line.startswith(f"{MARK}\t")]
    found: dict[str, Unit] = {}
    for block in _blocks(mine):
        unit = _unit(block)
        found[unit.name] = unit
    for kind, *fields in mine:
        if kind != "unit":
            name, *values = fields
            found[name] = _with(kind, found.get(name, Unit(name=name)), values)
    return {name: unit for name, unit in sorted(found.items()) if "." not in name}


def _blocks(mine: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for kind, *fields in mine:
        if kind != "unit":
            continue
        key, _, value = "\t".join(fields).partition("=")
        if not key:
            yield from [block] if block else []
            block = {}
        block |= {key: value} if key else {}
    yield from [block] if block else []


def _unit(block: Mapping[str, str]) -> Unit:
    status = _number(block.get("ExecMainStatus", "")) or 0
    by_signal = block.get("ExecMainCode") in ("2", "3")
    memory = _number(block.get("MemoryCurrent", ""))
    return Unit(
        name=block.get("Id", "").removeprefix(naming.UNIT).removesuffix(".service"),
        active=block.get("ActiveState", ""),
        sub=block.get("SubState", ""),
        result=block.get("Result", ""),
        code=status + 128 if by_signal else status,
        restarts=_number(block.get("NRestarts", "")) or 0,
        since=_seconds(block.get("ActiveEnterTimestamp", "")),
        memory=memory if memory is not None and memory < 1 << 60 else None,  # the largest number: nobody counts
        pid=_number(block.get("MainPID", "")) or 0,
    )


def _with(kind: str, unit: Unit, values: Sequence[str]) -> Unit:
    if kind == "stale":
        return replace(unit, is_stale=True)
    if kind == "cache" and unit.memory is not None:
        return replace(unit, memory=max(unit.memory - (_number(values[0]) or 0), 0))
    if kind == "data":
        wrote, filled = values
        return replace(unit, wrote="" if filled == BEGUN else wrote, filled=filled)
    if kind == "note" and values[0] in ("made_from", "title", "source", "version"):
        return replace(unit, **{values[0]: "\t".join(values[1:])})
    return unit


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
