"""What can be done about a service in the machine, each as a value."""

from __future__ import annotations

from envman.frozen import frozen


@frozen
class Start:
    """Start a service and wait until it is ready; the others of its wave begin at the same moment."""

    name: str
    wave: tuple[str, ...]


@frozen
class Stop:
    """End services; their data stays."""

    names: tuple[str, ...]


@frozen
class KeepData:
    """Copy the data of a service out of a machine that is about to go."""

    name: str
    perhaps: bool = False  # nobody knows whether there is any


@frozen
class KeepVolumes:
    """The same, of what a container keeps."""

    name: str
