"""Why Vagrant failed, out of what it says, and what to type next."""

from __future__ import annotations

import re

from envman.errors import EngineMissing, EnvmanError, StepFailed
from envman.frozen import frozen_in_order
from envman.problem import Problem
from envman_vagrant import providers

_ERROR = re.compile(r"^\d+,[^,]*,error-exit,([^,]*),(.*)$", re.MULTILINE)
_UI = re.compile(r"^\d+,[^,]*,ui,(\w+),(.*)$")
_DATA = re.compile(r"^\d+,[^,]*,[\w-]+(,|$)")
_PREFIX = re.compile(r"^(?:==>|   ) [\w.-]+: ", re.MULTILINE)
_CAUSES = re.compile(r"^(?:Message|Error|Stderr|Details): *(.+)", re.MULTILINE)
LOCKED = re.compile(r"another process is already executing an action|because it is locked!|held by another instance of")
# Docker's provider looks at every container that there is, and one of somebody else's has just gone.
PASSED = re.compile(r"No such (?:object|container): [0-9a-f]{12}")
# Another vagrant has made the machine in this moment, in the words of Docker, libvirt and VirtualBox.
TAKEN = re.compile(r"name .* already (?:in use|taken|exists)", re.IGNORECASE)
_COMPANY = 'if this network has certificates of its own: [network] ca = "…"'


@frozen_in_order
class _Known:
    pattern: str
    message: str
    hint: str
    engine: bool = False  # the machine cannot be run here at all: an engine is missing


# Vagrant 2.3 and 2.4 say these; what comes first decides. {…} are groups of the pattern, or facts of the call.
_TABLE = (
    _Known(
        r"is locked!|already executing an action|held by another instance of",
        "another vagrant process is at work on this machine",
        "wait for it to end; ps -ef | grep vagrant shows it",
    ),
    _Known(
        r"Path: (?P<file>.+\.rb)\nLine number: (?P<line>\d+)\nMessage: (?P<said>[^\n]+)",
        "{said}",
        "mend the file: it is Ruby, evaluated with config at hand",
    ),
    _Known(
        r"plugins failed to (?:initialize|load)|failed to properly resolve required dependencies"
        r"|failed to initialize at a very early stage",
        "Vagrant's plugins no longer load",
        "vagrant plugin repair; if that does not help: vagrant plugin expunge --reinstall",
        True,
    ),
    _Known(
        r"The provider '(?P<which>[^']+)' could not be found",
        "Vagrant has no provider {which}",
        "vagrant plugin install {plugin}",
        True,
    ),
    _Known(
        r"VT-x is not available|VT-x is disabled|AMD-V is (?:not available|disabled)|VERR_(?:VMX|SVM)_"
        r"|could not access KVM|KVM is not available|domain type 'kvm'|/dev/kvm",
        "this machine offers no hardware virtualisation",
        "turn on VT-x or AMD-V in its firmware; inside a virtual machine: nested virtualisation",
        True,
    ),
    _Known(
        r"kernel module is not loaded|vboxdrv|installation is incomplete",
        "the kernel module of VirtualBox is not loaded",
        "sudo modprobe vboxdrv, or sudo /sbin/vboxconfig where it is not built yet",
        True,
    ),
    _Known(
        r"(?s)(?:libvirt|Libvirt).*(?:Permission denied|authentication unavailable|access denied)",
        "you may not talk to libvirt",
        'sudo usermod -aG libvirt "$USER", then log in again',
        True,
    ),
    _Known(
        r"(?s)(?:libvirt|Libvirt).*(?:Failed to connect socket|Connection refused|No such file or directory)"
        r"|Error while connecting to Libvirt",
        "libvirt does not answer",
        "start it: sudo systemctl start libvirtd",
        True,
    ),
    _Known(
        r"could not detect VirtualBox|\"VBoxManage\" command or one of its",
        "VirtualBox is not on this machine",
        "install VirtualBox: https://www.virtualbox.org/wiki/Downloads",
        True,
    ),
    _Known(
        r"isn't usable on this system\. The\s+reason is shown below:\s+(?P<said>[\s\S]+?)(?:\.\s|\.?\Z)",
        "the provider cannot be used here: {said}",
        "envman doctor shows what this machine can run",
        True,
    ),
    _Known(
        r"No usable default provider",
        "Vagrant finds no provider on this machine",
        "envman doctor shows what brings one",
        True,
    ),
    _Known(
        r"(?i)SSL certificate problem|certificate verify failed|unable to get local issuer",
        "the box cannot be fetched: its server shows a certificate that this machine does not trust",
        _COMPANY,
    ),
    _Known(
        r"doesn't support the provider\s+you requested",
        "the box has no version for the provider {provider}",
        'choose another: [vagrant] box = "…", or another provider',
    ),
    _Known(
        r"no available version that\s+matches the constraints[\s\S]*?Constraints: *(?P<asked>[^\n]*)"
        r"\s+Available versions: *(?P<there>[^\n]*)",
        "the box has no version {asked}",
        "there are: {there}",
    ),
    _Known(
        r"The box '(?P<box>[^']+)' could not be found or|The box '(?P<box2>[^']+)' does not exist"
        r"|box \"?(?P<box3>[^\s\"]+)\"? could not be found",
        "the box {box}{box2}{box3} is not in the catalogue, or this machine cannot reach that",
        "look for it: https://portal.cloud.hashicorp.com/vagrant/discover, or add a file: vagrant box add --name …",
    ),
    _Known(
        r"isn't installed for the provider",
        "the box is here for another provider alone",
        "vagrant box list shows it; remove it, and the right one is fetched",
    ),
    _Known(
        r"(?i)requested URL returned error: (?P<code>40[134])",
        "the box cannot be fetched: its server answers {code}",
        "look at its name and version: [vagrant] box, box_version",
    ),
    _Known(
        r"(?s)(?:downloading the (?:remote file|metadata)|URL to a Vagrant Cloud).*?"
        r"(?P<said>(?:Could not resolve|Failed to connect|Connection|Operation timed)[^\n]*|$)",
        "the box cannot be fetched: {said}",
        "is the network there? A box that is here already needs none",
    ),
    _Known(
        r"(?i)cannot allocate memory|not enough (?:free )?memory|VERR_NO_MEMORY|cannot set up guest memory",
        "this machine has not enough free memory for the one asked for",
        '[vagrant] memory = "1 GB" asks for less',
    ),
    _Known(
        r"(?i)No space left on device|VERR_DISK_FULL|ENOSPC",
        "the disk of this machine is full",
        "envman prune, or vagrant box prune",
    ),
    _Known(
        r"Timed out while waiting for the machine to boot|No IP address found"
        r"|never entered the ready state",
        "the machine runs, and does not answer by ssh",
        "look at its screen: [vagrant] gui = true, or virt-viewer; envman destroy --backend vagrant makes it anew",
    ),
    _Known(
        r"not yet ready for SSH|Domain is not (?:running|created)",
        "the machine does not run",
        "envman up starts it",
    ),
    _Known(
        r"SSH authentication failed",
        "the machine does not take Vagrant's key",
        "envman destroy --backend vagrant, then up: it gets a new one",
    ),
    _Known(
        r"forwarded port to (?P<port>\d+) is already in use",
        "port {port} of this machine is taken",
        "free it, or name another: [ports]",
    ),
    _Known(
        r"Address already in use|ranges are all also used",
        "a port of this machine that the machine needs is taken",
        "ss -ltnp shows by whom",
    ),
    _Known(
        r"machine with the name '(?P<name>[^']+)' already exists|Name `(?P<name2>[^`]+)` of domain .* already taken",
        "the provider has a machine {name}{name2} already, which is not known to be this project's",
        "look at it; if nobody needs it, remove it with the provider's own tools",
    ),
    _Known(
        r"Volume for domain is already created",
        "the disk of this project's machine is still there, and the machine is not: its provider has lost it",
        "nobody can ask it for its data: envman destroy --data removes it; then envman up",
    ),
    _Known(
        r"(?i)VBOX_E_OBJECT_NOT_FOUND|Domain not found|no domain with matching|Could not find a registered machine",
        "the machine is gone at the provider, and Vagrant does not know",
        "envman up makes it anew",
    ),
    _Known(
        r"(?s)errors in the configuration of this machine[^:]*:\s*(?P<said>.+)",
        "Vagrant refuses the configuration: {said}",
        "envman check --backend vagrant",
    ),
    _Known(
        r"syntax error in the following Vagrantfile[^\n]*\n[^\n]*\s+(?P<file>/[^\n]+?):(?P<line>\d+): (?P<said>[^\n]+)",
        "{said}",
        "mend it, or remove the file: the next up writes it again",
    ),
    _Known(
        r"snapshot name `(?P<name>[^`]+)` was not found",
        "the machine has no snapshot {name}",
        "envman snapshot list",
    ),
    _Known(
        r"rsync.*(?:not found|could not be found)",
        "rsync is not on this machine",
        "sudo apt-get install rsync",
    ),
    _Known(
        r"exited after cleanup due to external interrupt",
        "Vagrant was interrupted",
        "envman up goes on",
    ),
    _Known(
        r"(?m)^\S*/(?P<place>[^/\s]+\.rb):\d+:in [^\n]+: (?P<said>[^\n]+ \(\w*Error\))$",
        "Vagrant itself has failed, in {place}: {said}",
        "another version of Vagrant, or of its plugin, may do better",
    ),
)


def unescaped(text: str) -> str:
    """A field of Vagrant's lines for programs."""
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("%!(VAGRANT_COMMA)", ",")


def line_of(line: str) -> str | None:
    """What a line for programs says to people; None for one that says nothing to them."""
    shown = _UI.match(line)
    if shown is not None:
        return _PREFIX.sub("", unescaped(shown[2])).rstrip()
    return None if _DATA.match(line) else line.rstrip()


def _told(output: str) -> str:
    found = _ERROR.findall(output)
    if found:
        return unescaped(str(found[-1][1])).strip()
    lines = [said for line in output.splitlines() if (said := line_of(line))]
    return "\n".join(lines).strip()


def error(output: str, provider: str, command: str) -> EnvmanError:
    """The failure of a command, for the user."""
    told = _told(output)
    # Some reasons stand above the error itself, in what the provider said before.
    for text in (told, output):
        for known in _TABLE:
            found = re.search(known.pattern, text)
            if found is not None:
                return _as_error(known, found, provider)
    return StepFailed(
        Problem(message=f"vagrant {command} failed: {_gist(told)}", hint="envman up --verbose shows all that it says")
    )


def _gist(told: str) -> str:
    """One line of an explanation in many: what it quotes, else its first sentence."""
    cause = _CAUSES.search(told)
    if cause is not None:
        return cause[1].strip()
    first = " ".join(told.partition("\n\n")[0].split())
    return first.partition(". ")[0].rstrip(".") or "it does not say why"


def _as_error(known: _Known, found: re.Match[str], provider: str) -> EnvmanError:
    groups = {name: " ".join(value.split()) for name, value in found.groupdict(default="").items()}
    one = providers.table().get(provider)
    facts = {"provider": provider, "plugin": (one.plugin if one else "") or provider, **groups}
    problem = Problem(
        message=known.message.format_map(facts),
        hint=known.hint.format_map(facts),
        file=groups.get("file") or None,
        line=int(groups["line"]) if groups.get("line") else None,
    )
    return EngineMissing(problem) if known.engine else StepFailed(problem)
