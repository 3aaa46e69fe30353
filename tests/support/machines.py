"""Projects on machines of Vagrant: a virtual one that all tests share, and containers with an init, soon there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from envman_vagrant import naming
from envman_vagrant.services import layout
from tests.support import engines
from tests.support.scratch import Scratch

# The address lies where no Docker Engine takes one; vagrant-libvirt makes the network, and removes it again.
VIRTUAL = """\
[vagrant]
provider = "libvirt"
box = "lab/bookworm"
memory = "1 GB"
cpus = 2
network = "10.121.7.9"
"""
CONTAINER = '[vagrant]\nprovider = "docker"\nbox = "lab/vagrant-provider:bookworm"\n'
# What makes a machine that was used one in which nothing of a project was ever done. What stands below all projects may
# stay, and what uv has fetched. systemd takes seconds to read its units again where it is emulated.
_WIPE = f"""\
if ls {layout.UNITS}/{naming.UNIT}* >/dev/null 2>&1; then
  systemctl stop --quiet '{naming.UNIT}*'
  systemctl reset-failed --quiet '{naming.UNIT}*'
  rm -rf {layout.UNITS}/{naming.UNIT}* {layout.RUN}
  systemctl daemon-reload
fi
find {naming.VENV} -mindepth 1 -delete
find {naming.STATE} -mindepth 1 ! -path '{naming.STATE}/notes' ! -path '{naming.STATE}/notes/system' -delete
"""


def needs_virtual() -> None:
    """A Vagrant that runs virtual machines from the lab's box."""
    engines.needs("vagrant")
    home = Path(os.environ.get("VAGRANT_HOME", Path.home() / ".vagrant.d"))
    engines.has((home / "boxes" / "lab-VAGRANTSLASH-bookworm").is_dir(), "Vagrant has no box lab/bookworm")


def needs_container() -> None:
    """A Vagrant whose machines are containers of the lab's image."""
    engines.needs("vagrant")
    engines.needs("docker")
    image = ["docker", "image", "inspect", "lab/vagrant-provider:bookworm"]
    engines.has(subprocess.run(image, capture_output=True, check=False).returncode == 0, f"there is no {image[-1]}")


class Machine(Scratch):
    """A project on the level vagrant, with a look into the machine that is not envman's own."""

    patience = 600  # emulated ones are slow, and other tests run beside

    @property
    def identity(self) -> str:
        """The project's id."""
        return (self.root / ".envman" / "id").read_text(encoding="ascii").strip()

    @property
    def folder(self) -> Path:
        """What envman keeps of the project."""
        return self.data / "projects" / self.identity

    @property
    def name(self) -> str:
        """What its provider calls it."""
        facts = json.loads((self.folder / "project.json").read_text(encoding="utf-8"))
        return str(facts[naming.MACHINE])

    @property
    def config(self) -> Path:
        """The settings of ssh that lead to the machine."""
        return self.folder / "vagrant" / "ssh_config"

    def ssh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Carry out a script in the machine, as its root."""
        words = ["ssh", "-F", str(self.config), "machine", "sudo -n sh -s"]
        return subprocess.run(
            words, input=script, capture_output=True, text=True, env=self.environ, timeout=60, check=False
        )

    def works(self) -> list[str]:
        """What of the project's commands runs in the machine."""
        found = self.ssh(f"find /proc -maxdepth 2 -name cwd -lname '{naming.ROOT}*' 2>/dev/null; true")
        assert found.returncode == 0, found.stderr
        return found.stdout.split()

    @property
    def holder(self) -> int:
        """The process that holds the shared connection."""
        found = json.loads((self.folder / "vagrant" / "connection.json").read_text(encoding="utf-8"))
        return int(found["holder"])

    def bare(self) -> None:
        """Whatever was done: the folder is empty, and the machine runs as one in which nothing was ever done."""
        for entry in self.root.iterdir():
            if entry.name != ".envman":
                _remove(entry)
        known = self.config.is_file() if (self.root / ".envman" / "id").is_file() else False
        if not known or self.ssh(_WIPE).returncode:
            self.write({"envman.toml": f'name = "shop"\nbackend = "vagrant"\n{VIRTUAL}'})
            self.up()
            (self.root / "envman.toml").unlink()
            self.ssh(_WIPE).check_returncode()
        self._forget()

    def _forget(self) -> None:
        for entry in (*(self.root / ".envman").iterdir(), *self.folder.iterdir()):
            if entry.name not in ("id", "vagrant", "project.json"):
                _remove(entry)
        (self.folder / "vagrant" / "seen.json").unlink(missing_ok=True)
        record = self.folder / "project.json"
        facts = json.loads(record.read_text(encoding="utf-8"))
        kept = {name: facts[name] for name in ("created", "root", "name", "place", naming.MACHINE)}
        record.write_text(json.dumps(kept), encoding="utf-8")

    def gone(self) -> None:
        """Remove it at the end, whatever a test has left in the folder."""
        self.write({"envman.toml": f'name = "shop"\nbackend = "vagrant"\n{VIRTUAL}'})
        (self.root / "envman.local.toml").unlink(missing_ok=True)
        outcome = self.envman("destroy", "--yes", "--data")
        assert outcome.code == 0, outcome.err


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
