"""The rows of machines: beside Vagrant itself, with a Vagrantfile by hand for the same box, provider and packages."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import uv

from bench.measure import Figure, Subject, absent, measure
from bench.rows import Bench

_LAB = Path(__file__).parents[1] / "tests" / "lab" / "vagrant.sh"
_BOX, _X_Y = "lab/bookworm", "3.11"  # what the box of the lab brings
_WANTED = ("flask", "httpx", "rich")
_FILES = 10_000  # of a project whose folder is copied
# As people write it: the system's own Python and pip, provisioned once.
_VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.vm.box = "{box}"
  config.vm.box_check_update = false
  config.vm.synced_folder ".", "/vagrant", disabled: true
  config.vm.synced_folder ".", "/project", type: "{folder}"
  config.vm.provider :libvirt do |libvirt|
    libvirt.default_prefix = "{name}-"
    libvirt.memorybacking :access, mode: "shared"
  end
  config.vm.provision "shell", inline: <<~SHELL
    set -e
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv
    python3 -m venv /opt/venv
    [ ! -s /project/ca.pem ] || export PIP_CERT=/project/ca.pem
    /opt/venv/bin/pip install -q -r /project/requirements.txt
  SHELL
end
"""


def _lab() -> dict[str, str]:
    """The variables that lead Vagrant to the lab."""
    said = subprocess.run(["bash", str(_LAB), "env"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in said.splitlines())


def missing() -> str:
    """Why nothing can be measured here; empty when it can."""
    stands = ["bash", str(_LAB), "status"]
    if not shutil.which("vagrant") or subprocess.run(stands, capture_output=True, check=False).returncode:
        return "no Vagrant with a libvirt answers; bash tests/lab/vagrant.sh makes them, and a box"
    return ""


def _measured(
    row: Callable[[Pair, int], list[Figure]], divisor: int, folder: str = "virtiofs"
) -> Callable[[Bench, int], list[Figure]]:
    def call(bench: Bench, runs: int) -> list[Figure]:
        if why := missing():
            return [absent("not measured", why)]
        os.environ.update(_lab())
        pair = Pair(bench, folder)
        try:
            return row(pair, max(runs // divisor, 2))
        finally:
            pair.remove()

    return call


class Pair:
    """The same project twice: ours, and one with a Vagrantfile that somebody has written."""

    def __init__(self, bench: Bench, folder: str) -> None:
        self.bench = bench
        self.ours, self.theirs = bench.folder / "ours", bench.folder / "theirs"
        self._folder = folder
        for root in (self.ours, self.theirs):
            root.mkdir()
            (root / "in.txt").write_text("".join(f"{name}\n" for name in _WANTED), encoding="utf-8")
            words = [uv.find_uv_bin(), "pip", "compile", "-q", "--generate-hashes", "--no-header", "--no-build"]
            bench.call([*words, "--python-version", _X_Y, "in.txt", "-o", "requirements.txt"], root)
        bundle = os.environ.get("SSL_CERT_FILE", "")
        (self.theirs / "ca.pem").write_bytes(Path(bundle).read_bytes() if bundle else b"")
        text = _VAGRANTFILE.format(box=_BOX, folder=folder, name=f"envman-bench{os.getpid()}-theirs")
        (self.theirs / "Vagrantfile").write_text(text, encoding="utf-8")
        self.write_spec()

    def write_spec(self, services: str = "", **more: str) -> None:
        """Our half."""
        own = {"provider": "libvirt", "box": _BOX, "folder": self._folder, **more}
        table = "".join(f'{name} = "{value}"\n' for name, value in own.items())
        text = f'name = "bench{os.getpid()}"\nbackend = "vagrant"\n[python]\nversion = "{_X_Y}"\n[vagrant]\n{table}'
        (self.ours / "envman.toml").write_text(text + services, encoding="utf-8")

    def envman(self, name: str, *words: str, prepare: Callable[[], None] | None = None) -> Subject:
        """A subject of ours."""
        return self.bench.subject(name, self.bench.envman(*words), self.ours, prepare=prepare)

    def vagrant(self, name: str, *words: str, prepare: Callable[[], None] | None = None) -> Subject:
        """One of theirs."""
        return self.bench.subject(name, ["vagrant", *words], self.theirs, prepare=prepare)

    def up(self) -> None:
        """Both run, so that a row begins with what it measures; what theirs lacks in packages, no such row needs."""
        self.bench.call(self.bench.envman("up"), self.ours)
        self.bench.call(["vagrant", "up", "--no-provision"], self.theirs)

    def call_envman(self, *words: str) -> Callable[[], None]:
        """Something of ours to be done first."""
        return lambda: self.bench.call(self.bench.envman(*words), self.ours)

    def call_vagrant(self, *words: str) -> Callable[[], None]:
        """The same of theirs."""
        return lambda: self.bench.call(["vagrant", *words], self.theirs)

    def remove(self) -> None:
        """Take both machines away."""
        try:
            self.bench.call(["vagrant", "destroy", "--force"], self.theirs)
        finally:
            self.bench.call(self.bench.envman("destroy", "--yes", "--data"), self.ours)


def quick(pair: Pair, runs: int) -> list[Figure]:
    """What is typed all day, in a machine that runs."""
    pair.up()
    status, run, up = (
        (pair.envman("envman status", "status"), pair.vagrant("vagrant status", "status"), 0.06),
        (pair.envman("envman run true", "run", "true"), pair.vagrant("vagrant ssh -c true", "ssh", "-c", "true"), 0.08),
        (
            pair.envman("envman up, nothing to do", "up"),
            pair.vagrant("vagrant up, it runs", "up", "--no-provision"),
            None,
        ),
    )
    figures = [one for ours, theirs, bar in (status, run, up) for one in measure(ours, [(theirs, bar)], runs=runs)]
    # A server is asked in its own protocol, and systemd about its unit.
    pair.write_spec('[services.db]\nuse = "postgres"\nversion = "15"\n')
    pair.call_envman("up")()
    figures += measure(pair.envman("envman status, with a server", "status"), [status[1:]], runs=runs)
    return figures + measure(pair.envman("envman run true, with a server", "run", "true"), [run[1:]], runs=runs)


def starts(pair: Pair, runs: int) -> list[Figure]:
    """From nothing, once each, with packages; then out of sleep, and through a halt."""
    figures = measure(
        pair.envman("envman up, from nothing", "up"),
        [(pair.vagrant("vagrant up, from nothing", "up"), None)],
        runs=1,
        warm=False,
    )
    halted = ["sh", "-c", f"'{pair.bench.envman()[0]}' down && '{pair.bench.envman()[0]}' up"]
    figures += measure(
        pair.bench.subject("envman down, then up", halted, pair.ours),
        [(pair.bench.subject("vagrant halt, then up", ["sh", "-c", "vagrant halt && vagrant up"], pair.theirs), None)],
        runs=1,
        warm=False,
    )
    pair.write_spec(stop="suspend")
    return figures + measure(
        pair.envman("envman up, suspended before", "up", prepare=pair.call_envman("down")),
        [(pair.vagrant("vagrant resume", "resume", prepare=pair.call_vagrant("suspend")), None)],
        runs=runs,
    )


def copied(pair: Pair, runs: int) -> list[Figure]:
    """A folder that is copied before and after every command; `vagrant rsync` copies it once, and runs nothing."""
    for root in (pair.ours, pair.theirs):
        for number in range(_FILES):
            file = root / "files" / f"{number // 100:03}" / f"{number % 100:02}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{number}\n" * 20, encoding="utf-8")
    pair.up()

    def change(root: Path) -> Callable[[], None]:
        def write() -> None:
            (root / "files" / "050" / "50.txt").write_text(os.urandom(8).hex(), encoding="utf-8")

        return write

    same = measure(
        pair.envman("envman run true, nothing changed", "run", "true"),
        [(pair.vagrant("vagrant rsync, nothing changed", "rsync"), None)],
        runs=runs,
    )
    return same + measure(
        pair.envman("envman run true, one file changed", "run", "true", prepare=change(pair.ours)),
        [(pair.vagrant("vagrant rsync, one file changed", "rsync", prepare=change(pair.theirs)), None)],
        runs=runs,
    )


ROWS: dict[str, Callable[[Bench, int], list[Figure]]] = {
    "vagrant-quick": _measured(quick, 1),
    "vagrant-starts": _measured(starts, 5),
    "vagrant-rsync": _measured(copied, 3, folder="rsync"),
}
