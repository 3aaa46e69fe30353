"""The units of systemd that services are, as values and as text."""

from __future__ import annotations

from envman.frozen import frozen
from envman.spec.model import Service
from envman_vagrant.services import layout

_TRIES, _WITHIN = 5, 60  # starts in so many seconds, after which a service is left alone
_PAUSE = 1  # second between the end of a service and its next start
_RESTARTS = {"always": "always", "on-failure": "on-failure", "never": "no"}


@frozen
class Unit:
    """All that systemd is told about a service: its command and its secrets stand in a file of its own."""

    name: str
    title: str
    user: str
    after: tuple[str, ...] = ()  # the services that it needs: it begins after them, and ends before
    once: bool = False
    may_end: bool = False
    restart: str = "always"
    stop: str = "TERM"
    patience: int = 10  # seconds between that signal and the last
    umask: str = "0022"
    engine: str = ""  # the unit that it needs to be there until it has ended
    ends: str = ""  # a command that ends it, before any signal
    ended: str = ""  # one that clears away what is left of it


def of(name: str, service: Service, title: str, user: str) -> Unit:
    """The unit of a service, as the spec wants it."""
    return Unit(
        name=name,
        title=title,
        user=user,
        after=service.needs,
        once=service.once,
        may_end=service.may_end,
        restart="never" if service.once else service.restart,
    )


def text(unit: Unit) -> str:
    """The unit's file. No word of it comes from a command or a variable: there is nothing to quote but the title."""
    after = " ".join(["network.target", *filter(None, [unit.engine]), *(layout.unit(name) for name in unit.after)])
    ends = f"ExecStop=-{unit.ends}\n" if unit.ends else ""
    ended = f"ExecStopPost=-{unit.ended}\n" if unit.ended else ""
    # What the docker command ends with when the signal of a stop has ended what it ran.
    fine = "SuccessExitStatus=130 131 143\n" if unit.engine else ""
    stays = "RemainAfterExit=yes\n" if unit.may_end else ""  # so that having ended well is told from not having run
    return f"""\
# Written by envman.
[Unit]
Description=envman: {unit.name} ({_described(unit.title)})
After={after}
StartLimitIntervalSec={_WITHIN}
StartLimitBurst={_TRIES}

[Service]
Type={"oneshot" if unit.once else "exec"}
User={unit.user}
UMask={unit.umask}
ExecStart=/bin/sh {layout.of(unit.name).start}
{ends}{ended}{fine}{stays}Restart={_RESTARTS[unit.restart]}
RestartSec={_PAUSE}
KillMode=mixed
KillSignal=SIG{unit.stop}
TimeoutStopSec={unit.patience}
SyslogIdentifier={unit.name}
LogRateLimitIntervalSec=0
"""


def _described(title: str) -> str:
    return " ".join(title.split()).replace("%", "%%")
