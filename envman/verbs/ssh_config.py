"""`envman ssh-config`: what editors and other tools need to reach the inside by ssh."""

from __future__ import annotations

from envman import active
from envman.answer import Answer
from envman.errors import UsageError
from envman.problem import Problem
from envman.request import Request


def ssh_config(request: Request) -> Answer:
    """The settings of one host, as ssh reads them."""
    found = active.find(request)
    tell = getattr(found.backend, "ssh_config", None)
    if tell is None:
        message = f"{found.backend.NAME} is not reached by ssh"
        raise UsageError(Problem(message=message, hint="envman shell opens it"))
    host, settings = tell(found.project, request.environ)
    lines = [f"Host {host}", *(f"  {name} {value}" for name, value in settings)]
    result = {"host": host, "settings": [{"name": name, "value": value} for name, value in settings]}
    return Answer(result=result, text="\n".join(lines))
