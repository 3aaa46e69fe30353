"""What a machine has for itself: with some providers it is a container, whose kernel is the one of this machine."""

from __future__ import annotations

from collections.abc import Mapping

from envman.errors import EnvmanError
from envman.spec.model import Spec
from envman_vagrant import backend, options, providers

_CONTAINERS = ("docker", "lxc")


def isolates(spec: Spec, environ: Mapping[str, str]) -> Mapping[str, str]:
    """What `compare` shows, with the provider that would be taken."""
    own = options.of(spec)
    try:
        name = own.provider or providers.choose(own, environ).name
    except EnvmanError:
        return backend.ISOLATES
    return {**backend.ISOLATES, "kernel": "shared"} if name in _CONTAINERS else backend.ISOLATES
