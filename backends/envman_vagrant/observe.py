"""One look at the machine of a project: its provider is asked first, then the machine itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envman.backend import Drift, Observed, Serving, State
from envman.dependencies import elsewhere, installed, resolve
from envman.errors import UsageError
from envman.frozen import field, frozen
from envman.project import Project
from envman_vagrant import (
    connection,
    folder,
    guest,
    machine,
    naming,
    options,
    places,
    seen,
    states,
    system,
    vagrantfile,
)
from envman_vagrant.connection import Forward
from envman_vagrant.providers import Provider
from envman_vagrant.seen import Seen
from envman_vagrant.services import look
from envman_vagrant.services.look import Unit
from envman_vagrant.states import State as Machine


@frozen
class Findings:
    """What the plan is decided from."""

    python: str  # X.Y
    provider: Provider | None = None
    made_by: str = ""  # the provider of the machine that is there
    made_from: str = ""  # the box of the machine that is there
    made_in: str | None = None  # its address of its own, empty where it has none; None: nobody knows
    kind: str = ""  # of folder
    state: Machine = Machine.ABSENT
    machine: str = ""
    loaded: str = ""  # a digest of what it was started with
    inputs: str = ""  # the same, of what the spec says now
    carried: bool = True  # whether the folder is there as it is here, where it is copied
    system: str = ""  # a digest of what stands below the packages
    provision: str = ""  # of what the project itself provisions it with
    connected: bool = False
    forwards: tuple[Forward, ...] = ()
    title: str = ""
    seen: Seen = field(default_factory=Seen)
    fault: UsageError | None = None  # why no machine could be made of what the spec says

    @property
    def units(self) -> Mapping[str, Unit]:
        """The services as they are found."""
        return self.seen.units

    @property
    def runs(self) -> bool:
        """Whether the machine does."""
        return self.state is Machine.RUNNING


def observe(project: Project, environ: Mapping[str, str]) -> Observed:
    """What is there now; raises EngineMissing where nobody could run a machine."""
    findings = _findings(project, environ)
    found = findings.seen
    made = findings.state not in (Machine.ABSENT, Machine.GHOST)
    lives = findings.runs and findings.connected
    serving = look.serving(project, found.units, lives=lives)
    drift = tuple(_drift(project, findings, serving)) if made else ()
    complete = bool(found.generation and found.notes.get("packages"))
    python = found.python if complete else ""
    return Observed(
        state=_state(findings, serving, drift, complete=complete),
        generation=found.generation if complete else "",
        python=python,
        target_python=python if python.startswith(f"{findings.python}.") else findings.python,
        executable=f"{naming.VENV}/bin/python" if complete else "",
        packages=found.packages if complete else {},
        packages_fingerprint=found.notes.get("packages", ""),
        drift=drift,
        ports=frozenset(port for _, port, _ in findings.forwards) if findings.connected else frozenset(),
        services=serving,
        stops=True,
        detail=findings,
    )


def _findings(project: Project, environ: Mapping[str, str]) -> Findings:
    python = elsewhere.python(project, environ)
    if project.identity is None:
        made = machine.kind_of(project, environ)
        return Findings(
            python=python, provider=made.provider, kind=made.folder.kind, title=machine.title(project, made)
        )
    machine.adopt(project, environ)
    known = machine.made_by(project)
    state, name = Machine.ABSENT, ""
    if known is not None:
        state, name = states.of(known, places.dotfile(project), environ, machine.driver_of(project, known, environ))
    made = machine.kind_of(project, environ)
    inputs, fault = "", None
    try:
        inputs = vagrantfile.inputs(project, vagrantfile.machine(project, made.provider, environ))
    except UsageError as error:
        fault = error
    held = connection.held(project, environ) if state is Machine.RUNNING else None
    connected = held is not None and held.machine == name
    inside = seen.look_inside(project, name, environ) if connected else None
    gone = state in (Machine.ABSENT, Machine.GHOST)
    return Findings(
        python=python,
        provider=made.provider,
        made_by=known.name if known else "",
        made_from=machine.made_from(project, name) if name else "",
        made_in=machine.made_in(project, name),
        kind=made.folder.kind,
        state=state,
        machine=name,
        loaded=machine.loaded(project, name),
        inputs=inputs,
        carried=folder.is_carried({**folder.place(project, made.folder.kind), "root": str(project.root)}),
        system=system.inputs(project, environ),
        provision=vagrantfile.provision_inputs(project),
        connected=inside is not None,
        forwards=held.forwards if held is not None and inside is not None else (),
        title=machine.title(project, made),
        seen=Seen() if gone else inside or seen.remembered(project, name),
        fault=fault,
    )


def _drift(project: Project, findings: Findings, serving: Mapping[str, Serving]) -> Iterator[Drift]:
    found = findings.seen
    if findings.state is Machine.ABORTED:
        yield Drift(input="machine", why="it ended without being shut down", fix="envman up")
    if findings.loaded and findings.loaded != findings.inputs:
        yield Drift(input="machine", why="what it is made from changed", fix="envman up")
    if findings.runs and not findings.connected:
        yield Drift(input="machine", why="it runs, and is not connected", fix="envman up")
    if found.notes.get("system") and found.notes["system"] != findings.system:
        yield Drift(input="system", why="what stands below the packages changed", fix="envman up")
    noted = found.notes.get("packages", "")
    if noted and noted != resolve.fingerprint(project, findings.python):
        yield Drift(input=project.source.label, why="it is not what was installed from", fix="envman up")
    elif noted and found.inventory:
        yield from _by_hand(found)
    file = vagrantfile.folder(project) / "Vagrantfile"
    if vagrantfile.is_taken(file):
        name = str(file.relative_to(project.root))
        fix = f"rm {name}, then envman up: it is ours again"
        yield Drift(input=name, why="it is yours, and used as it is", fix=fix)
    if findings.connected:
        for name in look.forgotten(project, found.units):
            yield Drift(input=f"services.{name}", why="the spec does not name it any more", fix="envman up")
        for name, one in serving.items():
            if one.state is not State.RUNNING:
                runs = name in found.units and one.state is State.DEGRADED
                fix = f"envman logs {name}" if runs else "envman up"
                yield Drift(input=f"services.{name}", why=one.why or "does not run", fix=fix)


def _by_hand(found: Seen) -> Iterator[Drift]:
    before = {installed.normal(name): version for name, version in found.inventory.items()}
    for name, version in found.packages.items():
        if name not in before:
            why, fix = f"{name} was installed by hand", f'keep it with packages = ["{name}"]'
            yield Drift(input="packages", why=why, fix=fix)
        elif before[name] != version:
            why = f"{name} was changed by hand: {before[name]} → {version}"
            yield Drift(input="packages", why=why, fix="envman up --refresh")
    for name in before:
        if name not in found.packages:
            yield Drift(input="packages", why=f"{name} was removed by hand", fix="envman up")


def _state(findings: Findings, serving: Mapping[str, Serving], drift: Sequence[Drift], *, complete: bool) -> State:
    if findings.state in (Machine.ABSENT, Machine.GHOST):
        return State.ABSENT
    if not findings.runs:
        return State.STOPPED if complete else State.PARTIAL
    if not complete:
        return State.PARTIAL
    if not findings.connected or any(one.state is not State.RUNNING for one in serving.values()):
        return State.DEGRADED
    return State.RUNNING


def place(project: Project, observed: Observed) -> Mapping[str, str]:
    """What `enter` needs to find the machine again."""
    findings: Findings = observed.detail
    own = options.of(project.spec)
    # What does not run now is not there yet: a setup hook comes before the processes that need it.
    lives = [name for name, one in observed.services.items() if one.state is State.RUNNING]
    units = [f"{naming.UNIT}{name}.service" for name in lives if not project.spec.services[name].may_end]
    return {
        **guest.place(project),
        **(_asking(findings.provider, project) if findings.provider else {}),
        "units": "\n".join(units),
        "root": str(project.root),
        "inside": naming.ROOT,
        "pass": "\n".join(project.spec.env.passed),
        "agent": "",  # the connection brings it along itself
        "git": "1" if own.git_identity else "",
        "names": "",
        "generation": observed.generation,
        **folder.place(project, findings.kind),
    }


def _asking(provider: Provider, project: Project) -> dict[str, str]:
    """How it is known without much ado that the machine runs: by a file, and by a question."""
    known = {"watch": provider.watched(naming.machine(project))}
    if provider.state:
        argv = states.question(provider.state, states.identity(provider, places.dotfile(project)))
        known |= {"asks": "\n".join(argv), "awake": provider.state.words[Machine.RUNNING]}
    return known


def watched(project: Project, observed: Observed) -> Sequence[str]:
    """Everything else that changes behind our back is the machine's, and it is asked."""
    generated = vagrantfile.folder(project)
    own = options.of(project.spec)
    brought = [str(project.root / one.path) for one in own.provision] + (
        [str(project.root / own.raw)] if own.raw else []
    )
    ours = [places.config(project), connection.noted(project), machine.noted(project)]
    return [str(generated / "Vagrantfile"), str(places.dotfile(project)), *map(str, ours), *brought]
