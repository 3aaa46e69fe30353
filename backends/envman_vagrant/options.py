"""[vagrant]: what only a machine of its own can honour."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address

from envman.frozen import as_dict, frozen
from envman.spec.model import Spec
from envman.spec.shape import Fault, ListOf, Path, Refused, Report, Scalar, Table, choice, key
from envman.spec.values import flag, text, words

PROVIDERS = ("virtualbox", "libvirt", "vmware_desktop", "parallels", "hyperv", "qemu", "docker", "lxc")
FOLDERS = ("virtiofs", "virtualbox", "vmware", "parallels", "docker", "lxc", "rsync", "nfs", "9p", "smb")
KINDS = ("shell", "ansible", "ansible_local", "puppet", "chef")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([MGT])B?", re.ASCII | re.IGNORECASE)
_LEAST = 128  # MB of memory, in which no system comes up


def _megabytes(value: str) -> float:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise Refused(f'"{value}" is not a size', 'write, for example, "2 GB"')
    return float(found[1]) * (1, 1024, 1024**2)["MGT".index(found[2].upper())]


def _memory(value: str) -> int:
    found = round(_megabytes(value))
    if found < _LEAST:
        raise Refused(f"{value} of memory is too little for any system", 'write, for example, "2 GB"')
    return found


def _disk(value: str) -> int:
    found = _megabytes(value) / 1024
    if found < 1 or found != int(found):
        raise Refused(f'"{value}" is not a size for a disk', 'write whole gigabytes, for example, "20 GB"')
    return int(found)


def _cpus(value: int) -> int:
    if value < 1:
        raise Refused(f"{value} is not a number of processors", "write, for example, 2")
    return value


def _private(value: str) -> str:
    try:
        address = IPv4Address(value)
    except AddressValueError:
        raise Refused(f'"{value}" is not an IPv4 address', 'write, for example, "192.168.56.10"') from None
    if not address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified:
        hint = "take one of 192.168.0.0/16, 172.16.0.0/12 or 10.0.0.0/8; VirtualBox allows 192.168.56.0/21"
        raise Refused(f"{value} is no address of a private network", hint)
    if value.endswith((".0", ".1", ".255")):
        raise Refused(f"{value} belongs to the network itself, or to this machine", "take another last number")
    return value


@frozen
class Provision:
    """One of [vagrant] provision: a script or a playbook, handed to Vagrant as it is."""

    shell: str | None = key(words, None, doc="A script, run as root.", example='"provision.sh"')
    ansible: str | None = key(
        words, None, doc="A playbook, played by Ansible of this machine.", example='"playbook.yml"'
    )
    ansible_local: str | None = key(words, None, doc="A playbook, played by Ansible inside.", example='"playbook.yml"')
    puppet: str | None = key(words, None, doc="A manifest of Puppet.", example='"manifests/site.pp"')
    chef: str | None = key(words, None, doc="The folder of a cookbook, for chef_solo.", example='"cookbooks/app"')
    args: tuple[str, ...] = key(ListOf(text), (), doc="Arguments of the script.", example='["--fast"]')

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def path(self) -> str:
        """The file or folder, as seen from the project."""
        return str(getattr(self, self.kind))


class _ProvisionShape(Table[Provision]):
    def __init__(self) -> None:
        super().__init__(Provision)

    def parse(self, value: object, path: Path, report: Report) -> Provision | None:
        found = super().parse(value, path, report)
        if found is None:
            return None
        named = [name for name, one in as_dict(found).items() if name in KINDS and one is not None]
        if len(named) != 1:
            said = f"says {' and '.join(named)}" if named else "says nothing to provision with"
            report(Fault(path, said, f"exactly one of {', '.join(KINDS)}"))
            return None
        if found.args and found.shell is None:
            report(Fault((*path, "args"), f"{named[0]} takes no arguments", "they are for shell"))
            return None
        return found


@frozen
class Options:
    """[vagrant]: what only a machine of its own can honour."""

    provider: str | None = key(
        choice(*PROVIDERS), None, doc="Who runs the machine. Default: the first that is here.", example='"libvirt"'
    )
    box: str | None = key(
        words,
        None,
        doc="The system to begin with: Debian or Ubuntu. Default: Debian 12 for the provider and the processor.",
        example='"debian/bookworm64"',
    )
    box_version: str | None = key(
        words, None, doc="The version of the box, or a range of versions.", example='"12.20250126.1"'
    )
    cpus: int | None = key(
        Scalar(int, "a number of processors", _cpus, {"minimum": 1}),
        None,
        doc="Processors of the machine. Default: what the box says.",
        example="2",
    )
    memory: int | None = key(
        Scalar(str, "a string", _memory),
        None,
        doc="Memory of the machine. Default: what the box says.",
        example='"2 GB"',
    )
    disk: int | None = key(
        Scalar(str, "a string", _disk),
        None,
        doc="Size of its disk, where the provider can change that; a disk only grows.",
        example='"20 GB"',
    )
    gui: bool = key(flag, False, doc="Show the machine's screen, where the provider has a window.", example="true")
    folder: str | None = key(
        choice(*FOLDERS),
        None,
        doc="How the project's folder gets in. Default: the first that works here; rsync copies at every up and run.",
        example='"rsync"',
    )
    network: str | None = key(
        Scalar(str, "a string", _private),
        None,
        doc="An address of its own in a private network with this machine.",
        example='"192.168.56.10"',
    )
    stop: str = key(
        choice("halt", "suspend"),
        "halt",
        doc="What down does: shut it down, or keep its memory and come back in seconds.",
        example='"suspend"',
    )
    provision: tuple[Provision, ...] = key(
        ListOf(_ProvisionShape()),
        (),
        doc="Scripts and playbooks that Vagrant runs before anything else of the project; again when they change.",
        example='[{shell = "provision.sh"}]',
    )
    raw: str | None = key(
        words,
        None,
        doc="A file of Ruby, evaluated last in the Vagrantfile with config at hand, for what nobody foresaw.",
        example='"vagrant.rb"',
    )
    ssh_agent: bool = key(flag, False, doc="Forward the agent of ssh.", example="true")
    git_identity: bool = key(flag, False, doc="Let git inside know your name and address.", example="true")


SHAPE: Table[Options] = Table(Options)
_DEFAULT = Options()


def of(spec: Spec) -> Options:
    """The project's own table."""
    found = spec.options.get("vagrant")
    return found if isinstance(found, Options) else _DEFAULT
