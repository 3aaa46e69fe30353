"""What the vagrant backend can be asked to do with the machine and its packages, each as a value."""

from __future__ import annotations

from enum import StrEnum

from envman.dependencies.resolve import Resolve
from envman.frozen import frozen


class Start(StrEnum):
    """How a machine comes to run."""

    CREATE = "create"
    BOOT = "boot"
    WAKE = "wake"
    RELOAD = "reload"


@frozen
class StartMachine:
    """Let it run as the spec says, connected."""

    how: Start
    as_it_was: bool = False  # whatever the spec says by now


@frozen
class Connect:
    """Connect to a machine that runs; bring its ports to what the spec says."""


@frozen
class PrepareSystem:
    """What stands below all projects' packages: certificates, system packages, our tools, variables."""

    inputs: str


@frozen
class CopyFolder:
    """Bring what changed in the project's folder there, and what was made there back."""


@frozen
class Provision:
    """Let Vagrant carry out the project's own provisioners."""

    inputs: str


@frozen
class ResolveInside:
    """Find versions for what no lock covers: in the machine, because it may run what others wrote."""

    resolve: Resolve


@frozen
class MakeEnvironment:
    """A new virtual environment."""

    python: str


@frozen
class InstallPackages:
    """Bring it to what the locks say."""

    python: str


@frozen
class StopMachine:
    """End it; it stays, and what it holds."""

    suspend: bool


@frozen
class RemoveMachine:
    """Remove it, and all of it that is on this machine."""

    data: bool = False  # also disks that nobody can be asked for
