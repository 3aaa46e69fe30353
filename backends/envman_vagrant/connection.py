"""Opening and closing the shared connection: who works in the machine, and the ports that lead there."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import envman_templates
from envman import process
from envman.backend import Job
from envman.errors import StepFailed
from envman.files import owner, read_json, write_json, write_staged
from envman.frozen import field, frozen
from envman.problem import Problem
from envman.project import Project
from envman_vagrant import guest, naming, options, places, ssh, view
from envman_vagrant.driver import Address

_JOIN = Path(str(envman_templates.__file__)).parent / "vagrant" / "join.sh"
_HOLDER = re.compile(r"pid=(\d+)")
_LOST = 255  # what ssh ends with when it fails itself
_PATIENCE = 10  # seconds for whoever holds the connection to answer
BEGINS = 180.0  # seconds in which a machine that was booted again from inside is back, an emulated one too
_PAUSE = 0.25

Forward = tuple[str, int, int]  # address and port here, port there


@frozen
class Held:
    """What is known of the connection that is open."""

    holder: int = 0  # the process that holds it
    machine: str = ""  # Vagrant's id of the machine
    user: str = ""
    forwards: tuple[Forward, ...] = field(default=())


def noted(project: Project) -> Path:
    """Where that stands."""
    return places.folder(project) / "connection.json"


def held(project: Project, environ: Mapping[str, str]) -> Held | None:
    """The open connection, by the word of whoever holds it; None where there is none, or nobody knows whose it is."""
    holder = _holder(project, environ) if ssh.is_open(guest.place(project)) else None
    known = read_json(noted(project))
    if holder is None or known.get("holder") != holder:
        return None
    forwards = tuple((str(one[0]), int(one[1]), int(one[2])) for one in known.get("forwards", ()))
    return Held(
        holder=holder, machine=str(known.get("machine", "")), user=str(known.get("user", "")), forwards=forwards
    )


def close(project: Project, environ: Mapping[str, str]) -> None:
    """Let go of it: the machine is about to end, or is another one."""
    control = places.control(project)
    if Path(control).exists():
        words = ["ssh", "-F", "none", "-S", control, "-O", "exit", ssh.HOST]  # whatever became of the settings
        process.capture(words, env=ssh.variables(environ), limit=_PATIENCE)
        Path(control).unlink(missing_ok=True)
    holder = read_json(noted(project)).get("holder")
    if isinstance(holder, int) and f"{control} " in _title(holder):
        os.kill(holder, signal.SIGTERM)  # its socket was removed, and nobody can tell it to go
    noted(project).unlink(missing_ok=True)


def _title(pid: int) -> str:
    """What a process says that it is; ssh names the socket that it serves."""
    try:
        return process.capture(["ps", "-o", "args=", "-p", str(pid)], limit=_PATIENCE).output
    except OSError:  # ps is not here
        return ""


def open_anew(job: Job, machine: str, address: Address, *, owners: bool, patience: float) -> None:
    """Settle who works in the machine, and connect as that user; afterwards the ports lead inside."""
    project = job.project
    places.make(project)
    close(project, job.environ)
    (places.folder(project) / "known_hosts").unlink(missing_ok=True)  # a machine that is made anew has another key
    before = read_json(_joined(project))
    user = str(before.get("user", "")) if before.get("machine") == machine else ""
    if not user or not _connect(job, address, user, patience):
        _describe(project, address, address.user)
        user = _join(job, address, patience, owners=owners)
        if not _connect(job, address, user, patience):
            raise StepFailed(f"the machine does not let {user} in")
        write_json(_joined(project), {"machine": machine, "user": user})
    else:
        _join(job, address, patience, owners=owners)  # it may have slept
    holder = _holder(project, job.environ)
    if holder is None:
        raise StepFailed(Problem(message="the connection to the machine did not stay", hint="envman up"))
    _keep(project, Held(holder=holder, machine=machine, user=user))
    lead(job)


def _joined(project: Project) -> Path:
    return places.folder(project) / "user.json"


def _connect(job: Job, address: Address, user: str, patience: float) -> bool:
    _describe(job.project, address, user)
    words = ["-o", "ControlMaster=yes", "-o", "ControlPersist=yes", ssh.HOST, "true"]
    return _patiently(lambda: _say(job, words), patience).code == 0


def _say(job: Job, words: Sequence[str]) -> process.Completed:
    env = ssh.variables(job.environ)
    return process.stream(ssh.words(guest.place(job.project), *words), env=env, cwd="/", on_line=job.log)


def _holder(project: Project, environ: Mapping[str, str]) -> int | None:
    words = ssh.words(guest.place(project), "-O", "check", ssh.HOST)
    done = process.stream(words, env=ssh.variables(environ), cwd="/", on_line=lambda _: None)
    found = _HOLDER.search(done.output)
    return int(found[1]) if found else None


def _keep(project: Project, known: Held) -> None:
    told = {"holder": known.holder, "machine": known.machine, "user": known.user, "forwards": known.forwards}
    write_json(noted(project), told)


def _describe(project: Project, address: Address, user: str) -> None:
    agent = options.of(project.spec).ssh_agent
    write_staged(places.config(project), _settings(project, address, user, agent=agent), mode=0o600)


def _settings(project: Project, address: Address, user: str, *, agent: bool) -> str:
    keys = "".join(f'  IdentityFile "{key}"\n' for key in address.keys)
    return f"""\
# Written by envman. `envman ssh-config` prints it for editors and other tools.
Host {ssh.HOST}
  HostName {address.host}
  Port {address.port}
  User {user}
{keys}  IdentitiesOnly yes
  UserKnownHostsFile "{places.folder(project) / "known_hosts"}"
  StrictHostKeyChecking accept-new
  PasswordAuthentication no
  BatchMode yes
  ForwardAgent {"yes" if agent else "no"}
  SendEnv {ssh.TOLD}
  LogLevel ERROR
  ConnectTimeout 10
  ServerAliveInterval 5
  ServerAliveCountMax 6
  ControlPath "{places.control(project)}"
"""


def _join(job: Job, address: Address, patience: float, *, owners: bool) -> str:
    uid, gid = owner(job.project.root) if owners else ("", "")
    told = {
        "box_user": address.user,
        "uid": str(uid),
        "gid": str(gid),
        "key": _public(address),
        "told": ssh.TOLD,
        "tools": naming.TOOLS,
        "called": naming.machine(job.project),
        "now": str(int(time.time())),
    }
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in told.items())
    script += _JOIN.read_text(encoding="utf-8")
    done = _patiently(lambda: guest.attempt(job, script), patience)
    said = [line.removeprefix("user ") for line in done.output.splitlines() if line.startswith("user ")]
    if done.code == _LOST:
        raise _refused(done)
    if done.code or not said:
        raise guest.failed(job, done, "could not settle who works in the machine")
    return said[-1]


def _public(address: Address) -> str:
    for key in address.keys:
        done = process.capture(["ssh-keygen", "-y", "-f", key], limit=_PATIENCE)
        if done.code == 0:
            return " ".join(done.output.split()[:2])
    keys = ", ".join(address.keys) or "none is named"
    message = f"the key to the machine cannot be read ({keys})"
    raise StepFailed(
        Problem(message=message, hint="envman destroy --data, then envman up: a new machine has a new key")
    )


def _patiently(attempt: Callable[[], process.Completed], patience: float) -> process.Completed:
    """A server that has just begun, or begins anew, refuses for a moment."""
    end = time.monotonic() + patience
    done = attempt()
    while done.code == _LOST and "ermission denied" not in done.output and time.monotonic() < end:
        time.sleep(_PAUSE)
        done = attempt()
    return done


def _refused(done: process.Completed) -> StepFailed:
    said = done.last_lines(3)
    hint = "envman restart boots it again; envman up --verbose shows more"
    if "ermission denied" in said:
        hint = "it does not know our key, and nobody can ask it for its data: envman destroy --data, then envman up"
    return StepFailed(Problem(message=f"the machine runs, and ssh does not let us in\n{said}", hint=hint))


def user(job: Job) -> str:
    """Who works in the machine."""
    known = held(job.project, job.environ)
    if known is None:
        raise StepFailed(Problem(message="the machine is not connected", hint="envman up"))
    return known.user


def lead(job: Job) -> None:
    """Bring the ports of this machine to what the project wants."""
    known = held(job.project, job.environ)
    if known is None:
        raise StepFailed(Problem(message="the machine is not connected", hint="envman up"))
    wanted = view.forwards(job.project)
    for one in known.forwards:
        if one not in wanted:
            _ask(job, "cancel", one)
    there = [one for one in known.forwards if one in wanted]
    for one in wanted:
        if one not in there:
            done = _ask(job, "forward", one)
            if done.code:
                message = f"port {one[1]} of this machine cannot lead into the machine: {done.last_lines(1)}"
                raise StepFailed(Problem(message=message, hint="envman up: another port is looked for"))
            there.append(one)
    _keep(job.project, Held(holder=known.holder, machine=known.machine, user=known.user, forwards=tuple(there)))


def _ask(job: Job, verb: str, one: Forward) -> process.Completed:
    bind, port, inside = one
    words = ssh.words(guest.place(job.project), "-O", verb, "-L", f"{bind}:{port}:127.0.0.1:{inside}", ssh.HOST)
    return process.capture(words, env=ssh.variables(job.environ), limit=_PATIENCE)


@contextmanager
def reaching(job: Job, ports: Sequence[int]) -> Iterator[None]:
    """While it lasts, what listens on these ports of this machine alone is reached from inside by the same address."""
    words = [f"127.0.0.1:{port}:127.0.0.1:{port}" for port in ports]
    place = guest.place(job.project)
    opened: list[str] = []
    try:
        for one in words:
            done = process.capture(
                ssh.words(place, "-O", "forward", "-R", one, ssh.HOST), env=ssh.variables(job.environ), limit=_PATIENCE
            )
            if done.code == 0:
                opened.append(one)
            else:
                job.log(f"{one}: {done.last_lines(1)}")
        yield
    finally:
        for one in opened:
            process.capture(
                ssh.words(place, "-O", "cancel", "-R", one, ssh.HOST), env=ssh.variables(job.environ), limit=_PATIENCE
            )
