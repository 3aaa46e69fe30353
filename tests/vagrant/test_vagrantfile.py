"""The generated files: the same Ruby for every project, and values that no Ruby ever becomes."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from envman.errors import EngineMissing, StepFailed, UsageError
from envman.project import Project
from envman_vagrant import providers, trust, vagrantfile
from envman_vagrant.driver import Driver
from tests.support import engines
from tests.vagrant.described import project

_NASTY = "it's \"q\" #{raise 'x'} ünï `id` \\ $HOME"
_PATH = {"PATH": os.environ["PATH"]}
# Real settings of the providers' own classes, whether or not this machine could run them.
_LOOK = """
vm = Object.instance_method(:clone).bind(config.vm).call
vm.finalize!
told = vm.get_provider_config(machine["provider"].to_sym)
unknown = told.instance_variable_get(:@__invalid_methods).to_a
raise "unknown: #{unknown}" unless unknown.empty?
seen = machine["settings"].keys.to_h { |key| [key, told.instance_variable_get("@#{key}").inspect] }
File.write(File.join(File.dirname(machine["raw"]), "seen.json"), JSON.generate(seen))
"""


def _value(made: Project, provider: str = "libvirt") -> dict[str, Any]:
    return vagrantfile.machine(made, providers.table()[provider], _PATH)


def _driver(made: Project, provider: str = "libvirt") -> Driver:
    environ = {**os.environ, "VAGRANT_HOME": str(made.root.parent / "vagrant-home")}
    return Driver(folder=trust.folder(made), dotfiles=made.root.parent / "dot", provider=provider, environ=environ)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder with files of every kind, under a name that no shell and no Ruby likes."""
    place = tmp_path / _NASTY
    (place / "cookbooks" / "app").mkdir(parents=True)
    for name in ("a 'b' #{c}.sh", "play.yml", "site.pp"):
        (place / name).write_text("---\n")
    return place


_PROVISION: list[dict[str, Any]] = [
    {"shell": "a 'b' #{c}.sh", "args": ["#{`id`}", 'a "q"', "line\nline", "ünï"]},
    {"ansible": "play.yml"},
    {"ansible_local": "play.yml"},
    {"puppet": "site.pp"},
    {"chef": "cookbooks/app"},
]


def test_the_ruby_is_the_same_whatever_the_spec(root: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    files = [vagrantfile.write(made, _value(made)) for made in (
        project(root, name=_NASTY, folder="rsync", box="b", provision=_PROVISION),
        project(plain, folder="rsync"),
    )]  # fmt: skip
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_text().startswith("# Written by envman")


def test_the_values(root: Path) -> None:
    made = project(root, cpus=2, memory="2 GB", folder="rsync", network="192.168.56.10", ssh_agent=True)
    value = _value(made)
    assert value["settings"] == {"default_prefix": "envman-shop-01234567-", "cpus": 2, "memory": 2048}
    assert value["folder"]["host"] == str(root)
    assert value["folder"]["guest"] == "/project"
    assert value["calls"] == []
    assert value["forward_agent"] is True
    assert json.loads((vagrantfile.write(made, value).parent / "machine.json").read_text()) == value


def test_the_box_s_own_driver_is_left_alone(root: Path) -> None:
    assert _value(project(root, folder="rsync"))["settings"] == {"default_prefix": "envman-shop-01234567-"}


def test_shared_memory_only_for_the_folder_that_needs_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_unusable", lambda *_: None)
    assert _value(project(root))["calls"] == [["memorybacking", "access", {"mode": "shared"}]]


def test_a_disk_is_told_to_whom_it_concerns(root: Path) -> None:
    made = project(root, disk="20 GB", folder="rsync")
    assert _value(made)["settings"]["machine_virtual_size"] == 20
    assert _value(made)["disk"] is None
    assert _value(made, "virtualbox")["disk"] == "20GB"


def test_a_vagrantfile_that_was_taken_over_stays(root: Path) -> None:
    made = project(root, folder="rsync")
    file = vagrantfile.write(made, _value(made))
    own = file.read_text().partition("\n")[2]
    file.write_text(own)
    vagrantfile.write(made, _value(project(root, folder="rsync", cpus=3)))
    assert file.read_text() == own
    assert vagrantfile.is_taken(file)
    assert json.loads((file.parent / "machine.json").read_text())["settings"]["cpus"] == 3


def test_a_missing_file_is_named_with_its_key(root: Path) -> None:
    with pytest.raises(UsageError) as raised:
        _value(project(root, folder="rsync", provision=[{"shell": "nowhere.sh"}]))
    assert raised.value.problems[0].key == "vagrant.provision[0].shell"


def test_what_has_to_be_loaded_again(root: Path) -> None:
    raw = root / "raw.rb"
    raw.write_text("# one\n")
    before = project(root, folder="rsync", raw="raw.rb")
    first = vagrantfile.inputs(before, _value(before))
    provisioned = project(root, folder="rsync", raw="raw.rb", provision=[{"shell": "a 'b' #{c}.sh"}])
    assert vagrantfile.inputs(provisioned, _value(provisioned)) == first
    larger = project(root, folder="rsync", raw="raw.rb", cpus=4)
    assert vagrantfile.inputs(larger, _value(larger)) != first
    raw.write_text("# two\n")
    assert vagrantfile.inputs(before, _value(before)) != first


def test_provisioning_is_judged_by_content(root: Path) -> None:
    made = project(root, provision=[{"shell": "a 'b' #{c}.sh"}, {"chef": "cookbooks/app"}])
    assert vagrantfile.provision_inputs(project(root)) == ""
    first = vagrantfile.provision_inputs(made)
    os.utime(root / "a 'b' #{c}.sh", (1, 1))
    assert vagrantfile.provision_inputs(made) == first
    (root / "cookbooks" / "app" / "metadata.rb").write_text("name 'app'\n")
    assert vagrantfile.provision_inputs(made) != first


def test_what_is_carried_out_here_is_asked_about_once_it_changes(root: Path) -> None:
    (root / "raw.rb").write_text("# first\n")
    made = project(root, folder="rsync", raw="raw.rb", provision=[{"ansible": "play.yml"}])
    trust.deliver(made, _value(made), {})
    assert (trust.folder(made) / "raw.rb").read_text() == "# first\n"
    trust.deliver(made, _value(made), {})
    (root / "raw.rb").write_text("# second\n")
    with pytest.raises(UsageError, match=r"raw\.rb is carried out on this machine") as raised:
        trust.deliver(made, _value(made), {})
    assert "ENVMAN_TRUST=" in str(raised.value.problems[0].hint)
    assert (trust.folder(made) / "raw.rb").read_text() == "# first\n"
    trust.deliver(made, _value(made), {"ENVMAN_TRUST": str(root / "raw.rb")})
    trust.deliver(made, _value(made), {})
    assert (trust.folder(made) / "raw.rb").read_text() == "# second\n"


def test_a_vagrantfile_that_was_taken_over_inside_counts_only_when_somebody_looked(root: Path) -> None:
    made = project(root, folder="rsync")
    trust.deliver(made, _value(made), {})
    (vagrantfile.folder(made) / "Vagrantfile").write_text("system 'touch /tmp/owned'\n")
    with pytest.raises(UsageError, match="has changed since"):
        trust.deliver(made, _value(made), {})
    assert (trust.folder(made) / "Vagrantfile").read_text() == vagrantfile.template()


@pytest.mark.engine
@pytest.mark.usefixtures("scratch")
def test_the_real_vagrant_takes_every_value_as_it_is(root: Path) -> None:
    engines.has(shutil.which("vagrant") is not None, "vagrant is not on this machine")
    made = project(
        root,
        name=_NASTY,
        folder="rsync",
        box='own/"b#{x}"',
        box_version="1.0",
        cpus=2,
        memory="1 GB",
        disk="20 GB",
        network="192.168.56.10",
        provision=_PROVISION,
        raw="raw.rb",
    )
    look = "File.write(File.join(File.dirname(machine['raw']), 'seen.json'), JSON.generate([config.vm.box, told]))\n"
    (root / "raw.rb").write_text(f"told = config.vm.provisioners[0].config.args\n{look}", encoding="utf-8")
    trust.deliver(made, _value(made), _PATH)
    _driver(made).validate()
    assert json.loads((root / "seen.json").read_text()) == ['own/"b#{x}"', _PROVISION[0]["args"]]


@pytest.mark.engine
@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("name", ["libvirt", "virtualbox", "hyperv", "docker"])
def test_each_provider_knows_the_settings(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The classes of the providers themselves are asked; those of plugins that are not here cannot be: they are known
    # from the plugins' documentation alone.
    engines.has(shutil.which("vagrant") is not None, "vagrant is not on this machine")
    monkeypatch.setattr(providers, "_unusable", lambda *_: None)
    (root / "raw.rb").write_text(_LOOK, encoding="utf-8")
    kind = "virtiofs" if name == "libvirt" else "rsync"
    made = project(root, folder=kind, box="own/box", cpus=2, memory="1 GB", disk="20 GB", raw="raw.rb")
    trust.deliver(made, _value(made, name), _PATH)
    with suppress(EngineMissing):  # it has read all, and then says that it cannot run here
        _driver(made, name).validate()
    seen = json.loads((root / "seen.json").read_text())
    assert any("envman-shop-01234567" in value for value in seen.values())


@pytest.mark.engine
@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        ("# fine\nconfig.vm.boot_timeout = nonsuch\n", 2, "NameError"),
        ("config.vm.boot_timeout = 1\nend\n", 2, "SyntaxError"),
        ("\n\nraise 'no good'\n", 3, "no good"),
    ],
)
def test_a_fault_of_the_user_s_own_ruby_has_its_place(root: Path, raw: str, line: int, said: str) -> None:
    engines.has(shutil.which("vagrant") is not None, "vagrant is not on this machine")
    (root / "raw.rb").write_text(raw)
    made = project(root, folder="rsync", raw="raw.rb")
    trust.deliver(made, _value(made), _PATH)
    with pytest.raises(StepFailed, match=said) as raised:
        _driver(made).validate()
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == (str(root / "raw.rb"), line)
