"""What a real engine holds of a project, asked through the docker command and not through envman."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.support.scratch import Scratch

LABEL = "dev.envman.project"


def docker(*words: str) -> str:
    """What the docker command says; raises when it fails."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def identity(shop: Scratch) -> str:
    """The project's id."""
    return (shop.root / ".envman" / "id").read_text(encoding="ascii").strip()


def container(shop: Scratch, service: str = "workspace") -> str:
    """The container of a service."""
    labels = (f"label={LABEL}={identity(shop)}", f"label=dev.envman.service={service}")
    (found,) = docker("ps", "--all", "--quiet", "--no-trunc", *(w for one in labels for w in ("-f", one))).split()
    return found


def inspected(name: str) -> dict[str, Any]:
    """All that the engine tells of an object."""
    (found,) = json.loads(docker("inspect", name))
    return dict(found)


def of(identity: str) -> dict[str, list[str]]:
    """Every object that carries a project's label."""
    label = ("-f", f"label={LABEL}={identity}")
    return {
        "containers": docker("ps", "-aq", *label).split(),
        "images": docker("images", "-q", *label).split(),
        "volumes": docker("volume", "ls", "-q", *label).split(),
        "networks": docker("network", "ls", "-q", *label).split(),
    }


def processes(shop: Scratch) -> list[str]:
    """What runs in the workspace beyond what keeps it open."""
    rows = docker("top", container(shop), "-eo", "pid,args").splitlines()[1:]
    words = [row.split(None, 1)[1] for row in rows]
    return [one for one in words if "docker-init" not in one and one != "sleep infinity"]


def until(condition: Callable[[], object], patience: float = 15.0) -> None:
    """Wait for something that comes soon."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def deaf(**more: str) -> dict[str, str]:
    """The variables of somebody whose engine does not answer."""
    return {"DOCKER_HOST": f"unix://{os.devnull}.nowhere", **more}
