"""How a machine is, told by its provider's own command."""

from __future__ import annotations

from pathlib import Path

import pytest

from envman.frozen import replace
from envman_vagrant import providers, states
from envman_vagrant.driver import Driver
from envman_vagrant.states import State

pytestmark = pytest.mark.usefixtures("scratch")
_ID = "0b7b29bd-1b5f-4a3f-9a8e-2a3b4c5d6e7f"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine with programs of the test's own, and nothing else."""
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def _says(environ: dict[str, str], program: str, text: str, code: int = 0) -> None:
    file = Path(environ["PATH"]) / program
    said = file.with_suffix(".says")
    said.write_text(text)
    file.write_text(f'#!/bin/sh\nwhile read -r line; do echo "$line"; done <"{said}"\n[ {code} = 0 ] || exit {code}\n')
    file.chmod(0o755)


def _known(folder: Path, provider: str, identity: str = _ID) -> Path:
    file = folder / "machines" / "default" / provider / "id"
    file.parent.mkdir(parents=True)
    file.write_text(identity)
    return folder


def test_no_machine_asks_nobody(tmp_path: Path, environ: dict[str, str]) -> None:
    assert states.of(providers.table()["libvirt"], tmp_path, environ) == (State.ABSENT, "")


# What virsh 9.0, VBoxManage 7.0, vmrun 17, prlctl 18 and docker 26 print.
_ANSWERS = [
    ("libvirt", "virsh", "running\n\n", 0, State.RUNNING),
    ("libvirt", "virsh", "paused\n\n", 0, State.SAVED),
    ("libvirt", "virsh", "pmsuspended\n\n", 0, State.SAVED),
    ("libvirt", "virsh", "shut off\n\n", 0, State.POWEROFF),
    ("libvirt", "virsh", "in shutdown\n\n", 0, State.RUNNING),
    ("libvirt", "virsh", "crashed\n\n", 0, State.ABORTED),
    ("libvirt", "virsh", f"error: failed to get domain '{_ID}'\n", 1, State.GHOST),
    ("libvirt", "virsh", "error: failed to connect to the hypervisor\n", 1, State.UNKNOWN),
    ("virtualbox", "VBoxManage", 'name="x"\nVMState="running"\nVMStateChangeTime="2026"\n', 0, State.RUNNING),
    ("virtualbox", "VBoxManage", 'VMState="saved"\n', 0, State.SAVED),
    ("virtualbox", "VBoxManage", 'VMState="poweroff"\n', 0, State.POWEROFF),
    ("virtualbox", "VBoxManage", 'VMState="aborted"\n', 0, State.ABORTED),
    ("virtualbox", "VBoxManage", "VBoxManage: error: Could not find a registered machine named 'x'\n", 1, State.GHOST),
    ("vmware_desktop", "vmrun", f"Total running VMs: 1\n{_ID}\n", 0, State.RUNNING),
    ("vmware_desktop", "vmrun", "Total running VMs: 0\n", 0, State.UNKNOWN),
    ("parallels", "prlctl", "VM envman-x exist suspended\n", 0, State.SAVED),
    ("docker", "docker", "running\n", 0, State.RUNNING),
    ("docker", "docker", "exited\n", 0, State.POWEROFF),
    ("docker", "docker", f"Error: No such object: {_ID}\n", 1, State.GHOST),
]


@pytest.mark.parametrize("answer", _ANSWERS)
def test_answers(answer: tuple[str, str, str, int, State], tmp_path: Path, environ: dict[str, str]) -> None:
    name, program, text, code, state = answer
    _says(environ, program, text, code)
    assert states.of(providers.table()[name], _known(tmp_path / "dot", name), environ) == (state, _ID)


def test_without_the_provider_s_program_nothing_is_known(tmp_path: Path, environ: dict[str, str]) -> None:
    found, _ = states.of(providers.table()["libvirt"], _known(tmp_path / "dot", "libvirt"), environ)
    assert found is State.UNKNOWN


def test_a_provider_that_hangs(tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_LIMIT", 0.3)
    file = Path(environ["PATH"]) / "virsh"
    file.write_text("#!/bin/sh\n/bin/sleep 60\n")
    file.chmod(0o755)
    found, _ = states.of(providers.table()["libvirt"], _known(tmp_path / "dot", "libvirt"), environ)
    assert found is State.UNKNOWN


@pytest.mark.parametrize(
    ("told", "state"),
    [("running", State.RUNNING), ("not_created", State.GHOST), ("stopped", State.POWEROFF), ("odd", State.UNKNOWN)],
)
def test_vagrant_is_asked_where_nobody_else_tells(
    told: str, state: State, tmp_path: Path, environ: dict[str, str]
) -> None:
    _says(environ, "vagrant", f"1,default,provider-name,hyperv\n1,default,state,{told}\n")
    dot = _known(tmp_path / "dot", "hyperv")
    one = Driver(folder=tmp_path, dotfiles=dot, provider="hyperv", environ=environ, patience=0)
    assert states.of(providers.table()["hyperv"], dot, environ, one) == (state, _ID)


def test_a_vagrant_that_fails_knows_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    _says(environ, "vagrant", "no\n", 1)
    dot = _known(tmp_path / "dot", "hyperv")
    one = Driver(folder=tmp_path, dotfiles=dot, provider="hyperv", environ=environ, patience=0)
    assert states.of(providers.table()["hyperv"], dot, environ, one)[0] is State.UNKNOWN


def test_a_name_is_no_pattern(tmp_path: Path, environ: dict[str, str]) -> None:
    _says(environ, "vmrun", "Total running VMs: 1\n/vms/aXvmx\n")
    one = replace(providers.table()["vmware_desktop"])
    found, _ = states.of(one, _known(tmp_path / "dot", "vmware_desktop", "/vms/a.vmx"), environ)
    assert found is State.UNKNOWN
