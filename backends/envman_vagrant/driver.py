"""The vagrant program, through python-vagrant: it knows the words, and our own runner starts the processes."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from envman import process
from envman.errors import EngineMissing, StepFailed
from envman.files import content
from envman.frozen import frozen
from envman.problem import Problem
from envman.process import Completed
from envman_vagrant import reasons

NAME = "default"  # of the one machine in our Vagrantfile
_CLEANUP = 75.0  # seconds: Vagrant cleans up for up to a minute when it is interrupted
_WAIT = 2.0  # seconds between two tries while another vagrant is at work
_AGAIN = 3  # times, after what does not happen twice
_LIMIT = 120.0  # seconds for a question
_PROGRESS = re.compile(r"Progress: *(\d+)%")
# What could lead Vagrant elsewhere, or make it say more than we can read.
_ASTRAY = ("VAGRANT_VAGRANTFILE", "VAGRANT_LOG", "VAGRANT_FORCE_COLOR", "VAGRANT_EXPERIMENTAL", "VAGRANT_NO_PARALLEL")
_TOLD = re.compile(r"^ *SSH address: (.+):(\d+)\n *SSH username: (\S+)$", re.MULTILINE)
_KEYS = re.compile(r'^\s*IdentityFile\s+"?(.+?)"?\s*$', re.MULTILINE)
# Nothing is thrown away that the next up could go on with, and nothing is installed that nobody asked for.
_KEEP = {"up": ("--no-destroy-on-error", "--no-install-provider")}

Told = Callable[[str], None]


def _nobody(_: str) -> None:
    pass


@frozen
class Address:
    """Where the machine answers by ssh."""

    host: str
    port: int
    user: str
    keys: tuple[str, ...]


@frozen
class Driver:
    """One Vagrantfile, with the folder in which Vagrant keeps what it knows of the machine."""

    folder: Path
    dotfiles: Path
    provider: str
    environ: Mapping[str, str]
    bundle: str = ""  # the certificates that downloads have to trust, where they are not the usual ones
    patience: float = 60.0  # seconds to wait for another vagrant at work on the machine

    def up(self, on_line: Told = _nobody) -> str:
        """Make the machine, or start it; nothing is provisioned. Answers with all that was said."""
        return _calling(self, on_line, lambda vagrant: vagrant.up(no_provision=True, provider=self.provider))

    def resume(self, on_line: Told = _nobody) -> str:
        """Let a suspended machine go on."""
        return _calling(self, on_line, lambda vagrant: vagrant._call_vagrant_command(["resume", "--no-provision"]))

    def reload(self, on_line: Told = _nobody) -> str:
        """Stop and start it, so that a changed Vagrantfile counts."""
        return _calling(self, on_line, lambda vagrant: vagrant.reload(provision=False))

    def provision(self, on_line: Told = _nobody) -> str:
        """Run all that provisions it."""
        return _calling(self, on_line, lambda vagrant: vagrant.provision())

    def halt(self, on_line: Told = _nobody, *, force: bool = False) -> str:
        """Shut it down; by force: as if its power went."""
        return _calling(self, on_line, lambda vagrant: vagrant.halt(force=force))

    def suspend(self, on_line: Told = _nobody) -> str:
        """Keep its memory, and let it rest."""
        return _calling(self, on_line, lambda vagrant: vagrant.suspend())

    def destroy(self, on_line: Told = _nobody) -> str:
        """Remove it with its disk and snapshots."""
        return _calling(self, on_line, lambda vagrant: vagrant.destroy())

    def validate(self) -> None:
        """Let Vagrant read the Vagrantfile; raises StepFailed with what is wrong."""
        _calling(self, _nobody, lambda vagrant: vagrant._call_vagrant_command(["validate"]))

    def status(self) -> str:
        """The machine's state in python-vagrant's words: running, poweroff, saved, not_created, …"""
        found = [one for one in _vagrant(self).status() if one.name == NAME and one.state]
        return str(found[0].state) if found else "unknown"

    def ssh_config(self) -> Address:
        """Where it answers; raises StepFailed while it does not run."""
        vagrant = _vagrant(self)
        text = vagrant.ssh_config()
        try:
            told = vagrant.conf(text)
            host, port, user = str(told["HostName"]), int(told["Port"]), str(told["User"])
        except (KeyError, ValueError):
            raise StepFailed("vagrant ssh-config does not say where the machine answers") from None
        return Address(host=host, port=port, user=user, keys=tuple(_KEYS.findall(text)))

    def snapshot_save(self, name: str, on_line: Told = _nobody) -> str:
        """Keep the machine as it is, under a name."""
        return _calling(self, on_line, lambda vagrant: vagrant.snapshot_save(name))

    def snapshot_restore(self, name: str, on_line: Told = _nobody) -> str:
        """Bring the machine back to a snapshot; nothing is provisioned."""
        words = ["snapshot", "restore", name, "--no-provision"]
        return _calling(self, on_line, lambda vagrant: vagrant._call_vagrant_command(words))

    def snapshot_delete(self, name: str, on_line: Told = _nobody) -> str:
        """Remove a snapshot."""
        return _calling(self, on_line, lambda vagrant: vagrant.snapshot_delete(name))

    def snapshots(self) -> list[str]:
        """The names of its snapshots."""
        # python-vagrant's own reading of the text for people takes headings for names.
        said = _vagrant(self)._run_vagrant_command(["snapshot", "list", "--machine-readable"])
        found = re.findall(r"^\d+,[^,]*,ui,detail,(\S.*)$", said, re.MULTILINE)
        return [reasons.unescaped(one) for one in found]

    def version(self) -> str:
        """Vagrant's own."""
        return str(_vagrant(self).version())

    def plugins(self) -> dict[str, str]:
        """Its plugins, each with its version."""
        return {str(one.name): str(one.version) for one in _vagrant(self).plugin_list()}

    def boxes(self) -> list[tuple[str, str, str]]:
        """Name, provider and version of each box that is here."""
        return [(str(one.name), str(one.provider), str(one.version)) for one in _vagrant(self).box_list()]


def told_address(said: str) -> tuple[str, int, str] | None:
    """Host, port and user with which Vagrant itself was let in, by what it said when it started the machine."""
    found = _TOLD.findall(said)
    return (found[-1][0], int(found[-1][1]), found[-1][2]) if found else None


def program(environ: Mapping[str, str]) -> str:
    """Where vagrant is; raises EngineMissing."""
    found = shutil.which("vagrant", path=environ.get("PATH"))
    if found is None:
        raise EngineMissing(Problem(message="vagrant is not on this machine", hint=how_to_get()))
    return found


def how_to_get() -> str:
    """What brings Vagrant here."""
    if Path("/etc/debian_version").exists():
        return "sudo apt-get install vagrant vagrant-libvirt libvirt-daemon-system libvirt-clients"
    return "install Vagrant: https://developer.hashicorp.com/vagrant/install"


def variables(driver: Driver) -> dict[str, str]:
    """The variables of the vagrant program."""
    made = {name: value for name, value in driver.environ.items() if name not in _ASTRAY}
    made |= {
        "VAGRANT_CWD": str(driver.folder),
        "VAGRANT_DOTFILE_PATH": str(driver.dotfiles),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_NO_COLOR": "1",
        # Its own update of a plugin or a box is nobody's wish in the middle of an up.
        "VAGRANT_BOX_UPDATE_CHECK_DISABLE": "1",
    }
    if driver.provider:
        made["VAGRANT_DEFAULT_PROVIDER"] = driver.provider
    if driver.bundle:
        made |= {"CURL_CA_BUNDLE": driver.bundle, "SSL_CERT_FILE": driver.bundle}
    if b'"disk": "' in content(driver.folder / "machine.json"):
        made["VAGRANT_EXPERIMENTAL"] = "disks"
    return made


def _calling(driver: Driver, on_line: Told, call: Callable[[Any], object]) -> str:
    said: list[str] = []
    call(_vagrant(driver, on_line, said))
    return "\n".join(said)


def _vagrant(driver: Driver, on_line: Told = _nobody, said: list[str] | None = None) -> Any:
    """python-vagrant's object, whose processes are ours: without a keyboard, interrupted gently, their words kept."""
    import logging

    place = program(driver.environ)
    logging.getLogger("vagrant").setLevel(logging.ERROR)  # it warns of a PATH that is not the one that counts
    import vagrant

    env = variables(driver)
    made: Any = cast("Any", vagrant).Vagrant(root=str(driver.folder), env=env)

    def call(words: Sequence[str | None]) -> None:
        given = [word for word in words if word is not None]
        argv = [place, *given, *_KEEP.get(given[0], ()), "--machine-readable"]
        hearing = _Hearing(on_line)
        done = _patient(
            driver,
            lambda: process.stream(argv, env=env, cwd=_cwd(driver), on_line=hearing.line, patience=_CLEANUP),
        )
        if said is not None:
            said.extend(hearing.kept)
        _check(done, driver, given[0])

    def ask(words: Sequence[str | None]) -> str:
        given = [word for word in words if word is not None]
        argv = [place, *given]
        done = _patient(driver, lambda: process.capture(argv, env=env, cwd=_cwd(driver), limit=_LIMIT))
        _check(done, driver, given[0])
        return done.output

    made._call_vagrant_command = call
    made._run_vagrant_command = ask
    return made


def _cwd(driver: Driver) -> str:
    # Questions about Vagrant itself need no project.
    return str(driver.folder) if driver.folder.is_dir() else "/"


def _patient(driver: Driver, run: Callable[[], Completed]) -> Completed:
    """Run it again while another vagrant is at work on the machine, for as long as we have patience."""
    end = time.monotonic() + driver.patience
    again = _AGAIN
    while True:
        done = run()
        if done.code != 0 and again and reasons.PASSED.search(done.output):
            again -= 1
            continue
        if done.code == 0 or not reasons.LOCKED.search(done.output) or time.monotonic() > end:
            return done
        time.sleep(_WAIT)


def _check(done: Completed, driver: Driver, command: str) -> None:
    if done.code == -9:
        raise StepFailed(f"vagrant {command} did not answer in {_LIMIT:.0f} seconds", hint="ps -ef | grep vagrant")
    if done.code != 0:
        raise reasons.error(done.output, driver.provider, command)


class _Hearing:
    """Passes on what Vagrant says to people, and keeps it; the progress of a download is passed on, and not kept."""

    def __init__(self, on_line: Told) -> None:
        self._on_line = on_line
        self._progress = ""
        self.kept: list[str] = []

    def line(self, line: str) -> None:
        """One line of its output."""
        told = reasons.line_of(line)
        for part in re.split(r"[\r\n]+", told) if told else ():
            progress = _PROGRESS.search(part)
            if progress is not None:
                if progress[1] != self._progress:
                    self._progress = progress[1]
                    self._on_line(f"{progress[1]} %")
            elif part.strip():
                self.kept.append(part)
                self._on_line(part)
