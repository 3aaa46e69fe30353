"""Short questions to the machine, of which nobody has to read the answer line by line."""

from __future__ import annotations

from collections.abc import Mapping

from envman import process
from envman.process import Completed
from envman_vagrant import ssh

_LIMIT = 30.0  # seconds: a machine that is busy may think for a while


def ask(place: Mapping[str, str], environ: Mapping[str, str], script: str) -> Completed:
    """What a script of sh answers, carried out by root."""
    words = ssh.words(place, ssh.HOST, ssh.AS_ROOT)
    return process.capture(words, env=ssh.variables(environ), cwd="/", said=script, limit=_LIMIT)
