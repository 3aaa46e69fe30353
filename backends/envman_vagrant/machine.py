"""Starting, stopping and removing the machine itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from envman import identity, process
from envman.backend import Job
from envman.errors import EnvmanError, StepFailed
from envman.files import content, read_json, remove_tree, write_json, write_staged
from envman.frozen import frozen
from envman.problem import Problem
from envman.project import Project
from envman_vagrant import connection, copying, naming, options, places, providers, reasons, states, trust, vagrantfile
from envman_vagrant.driver import Address, Driver, told_address
from envman_vagrant.operations import Connect, Provision, RemoveMachine, Start, StartMachine, StopMachine
from envman_vagrant.providers import Folder, Provider
from envman_vagrant.services import plan as services

_PATIENCE = 0.75  # seconds, at the address that is known already


@frozen
class Kind:
    """Who runs the machine, and how the project's folder gets in."""

    provider: Provider
    folder: Folder


def kind(job: Job) -> Kind:
    """As the machine that is there was made, else as the spec and this machine decide."""
    return kind_of(job.project, job.environ)


def kind_of(project: Project, environ: Mapping[str, str]) -> Kind:
    """The same, of a project that is only looked at."""
    asked = options.of(project.spec)
    known = made_by(project)
    provider = known if known and asked.provider in (None, known.name) else providers.choose(asked, environ)
    return Kind(provider=provider, folder=providers.folder_of(provider, asked.folder, environ))


def made_by(project: Project) -> Provider | None:
    """The provider of the machine that is there."""
    if project.folder is None:
        return None
    known = (one for one in providers.table().values() if states.identity(one, places.dotfile(project)))
    return next(known, None)


def _remembered(project: Project, environ: Mapping[str, str]) -> Provider:
    """Who ran the machine when there was one."""
    known = providers.table().get(str(project.memory.get(naming.PROVIDER)))
    return known or kind_of(project, environ).provider


def adopt(project: Project, environ: Mapping[str, str]) -> None:
    """A machine of our name is ours: where Vagrant's note of it is lost, it is written again."""
    if project.folder is None or not naming.begun(project) or made_by(project) is not None:
        return
    provider = _remembered(project, environ)
    known = states.named(provider, naming.machine(project), environ)
    if known:
        places.make(project)
        file = states.note(provider, places.dotfile(project))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_staged(file, known)


def title(project: Project, made: Kind) -> str:
    """What the machine is, in its row."""
    box = providers.box_of(made.provider, options.of(project.spec))
    return f"{box or 'its image'} ({made.provider.name}, {made.folder.kind})"


def driver(job: Job, provider: Provider) -> Driver:
    """Vagrant, with the project's files."""
    if not (trust.folder(job.project) / "Vagrantfile").is_file():  # somebody has removed them
        value = vagrantfile.machine(job.project, provider, job.environ)
        trust.deliver(job.project, value, job.environ)
    _keep_key(job.project, provider)
    return driver_of(job.project, provider, job.environ)


def _keep_key(project: Project, provider: Provider) -> None:
    """The key that Vagrant made cannot be made again: there are two of it."""
    mine = states.note(provider, places.dotfile(project)).with_name("private_key")
    other = places.folder(project) / "key"
    source, target = (mine, other) if mine.exists() else (other, mine)
    if source.exists() and target.parent.exists() and content(source) != content(target):
        write_staged(target, source.read_text(encoding="utf-8"), mode=0o600)


def driver_of(project: Project, provider: Provider, environ: Mapping[str, str]) -> Driver:
    """The same, for a project that is only looked at."""
    trusted = project.spec.network.ca
    bundle = str(project.root / trusted) if isinstance(trusted, str) and trusted != "auto" else ""
    return Driver(
        folder=trust.folder(project),
        dotfiles=places.dotfile(project),
        provider=provider.name,
        environ=environ,
        bundle=bundle,
    )


def noted(project: Project) -> Path:
    """Where it stands what the machine was last started with."""
    return places.folder(project) / "loaded.json"


def loaded(project: Project, machine: str) -> str:
    """A digest of what the machine was last started with."""
    known = read_json(noted(project))
    return str(known.get("inputs", "")) if known.get("machine") == machine else ""


def made_from(project: Project, machine: str) -> str:
    """The box that the machine was made from."""
    known = read_json(noted(project))
    return str(known.get("box") or "") if known.get("machine") == machine else ""


def made_in(project: Project, machine: str) -> str | None:
    """The address that it was made with, empty where it has none of its own; None where nobody has noted it."""
    known = read_json(noted(project))
    network = known.get("network") if known.get("machine") == machine else None
    return network if isinstance(network, str) else None


def start(operation: StartMachine, job: Job) -> str | None:
    """Let it run, and connect."""
    project, found = job.project, kind(job)
    places.make(project)
    inputs = "" if operation.as_it_was else _prepare(job, found)
    connection.close(project, job.environ)
    vagrant = driver(job, found.provider)
    if operation.how is Start.CREATE:
        remove_tree(places.dotfile(project) / "machines")  # notes of one that is gone
        (places.folder(project) / "key").unlink(missing_ok=True)
        if not noted(project).exists() or not services.may_keep(project):
            _clear(job, found.provider)

    def on_line(line: str) -> None:
        job.line.progress(job.masker.mask(line))
        job.log(line)

    act = {Start.WAKE: vagrant.resume, Start.RELOAD: vagrant.reload}.get(operation.how, vagrant.up)
    said = ""
    if operation.how is Start.WAKE and found.provider.wake:
        known = states.identity(found.provider, places.dotfile(project))
        process.capture([word.replace("{id}", known) for word in found.provider.wake], env=job.environ)
    else:
        said = _made_or_adopted(lambda: act(on_line), job)
    _keep_key(project, found.provider)
    machine = states.identity(found.provider, places.dotfile(project))
    if inputs and operation.how is not Start.WAKE:
        box = made_from(project, machine) or providers.box_of(found.provider, options.of(project.spec))
        network = made_in(project, machine)
        network = options.of(project.spec).network or "" if network is None else network
        write_json(noted(project), {"machine": machine, "inputs": inputs, "box": box, "network": network})
    before = _where_it_was(project, machine)
    where = before if operation.how is Start.WAKE else _where_it_is(project, found.provider, said, before)
    _connect(job, found, machine, where)
    return None if operation.as_it_was else title(project, found)


def _made_or_adopted(act: Callable[[], str], job: Job) -> str:
    """A vagrant that outlives a killed `up` may make the machine in the same moment: then that one is ours."""
    before = made_by(job.project)
    try:
        return act()
    except StepFailed as error:
        if before is not None or not reasons.TAKEN.search(str(error)):
            raise
        adopt(job.project, job.environ)  # where the other vagrant has not noted it yet
        if made_by(job.project) is None:
            raise
        return act()


def _clear(job: Job, provider: Provider) -> None:
    """Remove disks of a machine that is not there."""
    if provider.clear:
        argv = [word.replace("{name}", naming.machine(job.project)) for word in provider.clear]
        process.capture(argv, env=job.environ)


def _lost(operation: RemoveMachine, job: Job) -> None:
    """What a machine that its provider has no more may have left behind."""
    if not operation.data and services.may_keep(job.project) and noted(job.project).exists():
        message = "its provider has lost the machine: what is on a disk that may be left, nobody can ask for"
        raise StepFailed(Problem(message=message, hint="envman destroy --data removes all of it"))
    _clear(job, _remembered(job.project, job.environ))


def _prepare(job: Job, found: Kind) -> str:
    """What Vagrant reads, and a digest of it."""
    project = job.project
    if project.identity is not None:
        told = {naming.MACHINE: naming.machine(project), naming.PROVIDER: found.provider.name}
        identity.remember(project.identity, **told)
    value = vagrantfile.machine(project, found.provider, job.environ)
    trust.deliver(project, value, job.environ)
    return vagrantfile.inputs(project, value)


def connect(operation: Connect, job: Job) -> str | None:
    """Connect, or bring the ports of the connection that there is to what is wanted."""
    found = kind(job)
    machine = states.identity(found.provider, places.dotfile(job.project))
    known = connection.held(job.project, job.environ)
    if known is not None and known.machine == machine:
        connection.lead(job)
    else:
        _connect(job, found, machine, _where_it_was(job.project, machine))
    return None


def _address(project: Project) -> Path:
    return places.folder(project) / "address.json"


def _where_it_was(project: Project, machine: str) -> Address | None:
    known = read_json(_address(project))
    if known.get("machine") != machine:
        return None
    return Address(host=known["host"], port=known["port"], user=known["user"], keys=tuple(known["keys"]))


def _where_it_is(project: Project, provider: Provider, said: str, before: Address | None) -> Address | None:
    """By the words of a Vagrant that has just been let in; None where the key that it has is not known."""
    made = states.note(provider, places.dotfile(project)).with_name("private_key")
    keys = (str(made),) if made.exists() else before.keys if before else ()
    told = told_address(said)
    return Address(host=told[0], port=told[1], user=told[2], keys=keys) if told and keys else None


def _connect(job: Job, found: Kind, machine: str, known: Address | None) -> None:
    """Where it is known to be, at first: Vagrant takes a second to say what nearly always is the same."""
    if known is not None:
        try:
            return _open(job, found, machine, known, _PATIENCE)
        except EnvmanError as error:
            job.log(f"not where it was: {error}")
    return _open(job, found, machine, driver(job, found.provider).ssh_config())


def _open(job: Job, found: Kind, machine: str, address: Address, patience: float = connection.BEGINS) -> None:
    connection.open_anew(job, machine, address, owners=found.folder.owners, patience=patience)
    told = {"machine": machine, "host": address.host, "port": address.port, "user": address.user}
    write_json(_address(job.project), {**told, "keys": address.keys})


def provision(operation: Provision, job: Job) -> str | None:
    """Let Vagrant carry out what the project brings."""
    from envman_vagrant import guest

    def on_line(line: str) -> None:
        job.line.progress(job.masker.mask(line))
        job.log(line)

    value = vagrantfile.machine(job.project, kind(job).provider, job.environ)
    trust.deliver(job.project, value, job.environ)
    driver(job, kind(job).provider).provision(on_line)
    guest.run(job, guest.note("provision", operation.inputs), "could not note what is done")
    return None


def stop(operation: StopMachine, job: Job) -> str | None:
    """End it, or let it sleep."""
    copying.last(job)
    connection.close(job.project, job.environ)
    vagrant = driver(job, kind(job).provider)
    if operation.suspend:
        vagrant.suspend(job.log)
    else:
        vagrant.halt(job.log)
    return "suspended, its memory is kept" if operation.suspend else "halted"


def remove(operation: RemoveMachine, job: Job) -> str | None:
    """Remove it, its disk and snapshots, and our files of it."""
    project = job.project
    connection.close(project, job.environ)
    provider = made_by(project)
    if provider is None or states.of(provider, places.dotfile(project), job.environ)[0] is states.State.GHOST:
        _lost(operation, job)
    if provider is not None:
        driver(job, provider).destroy(job.log)
        state, _ = states.of(provider, places.dotfile(project), job.environ)
        if state not in (states.State.ABSENT, states.State.GHOST):
            message = f"{provider.title} still has the machine: it is {state}"
            raise StepFailed(Problem(message=message, hint="envman destroy --verbose shows what was said"))
    remove_tree(places.folder(project))
    remove_tree(vagrantfile.folder(project))
    if project.identity is not None:
        identity.remember(project.identity, **{naming.MACHINE: None})
    return None
