"""Where the things of services stand in the machine, and as whom their servers run."""

from __future__ import annotations

from envman.frozen import frozen
from envman_vagrant import naming

USER = "envman-services"  # it owns their data, and nothing else
DATA = f"{naming.STATE}/data"
VOLUMES = f"{naming.STATE}/volumes"  # what containers keep, whose users are their own
NOTES = f"{naming.STATE}/services"  # of the last start of each
SERVERS = f"{naming.STATE}/servers"  # that came as wheels
LARGE = f"{naming.STATE}/large"  # files of a moment that do not fit into memory, where the others stand
# In memory, and gone with the next boot: nothing starts before somebody asks for it.
RUN = "/run/envman"
UNITS = "/run/systemd/system"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unit(name: str) -> str:
    """The unit of a service."""
    return f"{naming.UNIT}{name}.service"


@frozen
class Places:
    """The files and folders of one service."""

    data: str  # what must outlive it
    volumes: str  # the same, of a container
    run: str  # what is made anew at every start
    notes: str
    unit: str

    @property
    def start(self) -> str:
        """The script that its unit begins; it may hold secrets."""
        return f"{self.run}/start"

    @property
    def container(self) -> str:
        """The file that its container's id stands in, where it is one."""
        return f"{self.run}/container"

    @property
    def aside(self) -> str:
        """Where data stands that is about to be replaced."""
        return f"{self.data}.replaced"

    @property
    def fresh(self) -> str:
        """Where data is made that is to take its place."""
        return f"{self.data}.new"


def of(name: str) -> Places:
    """The places of a service."""
    return Places(
        data=f"{DATA}/{name}",
        volumes=f"{VOLUMES}/{name}",
        run=f"{RUN}/{name}",
        notes=f"{NOTES}/{name}",
        unit=f"{UNITS}/{unit(name)}",
    )


def locked(name: str) -> str:
    """The beginning of a script that nobody else may carry out at the same time.

    One whose connection was lost goes on until it is done.
    """
    return f"umask 077\ninstall -d -m 755 {RUN}\nexec 9>{RUN}/.{name}.lock\nflock 9\n"
