"""What the stack takes of the engine's disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from envman.backend import Usage
from envman.project import Project
from envman_docker import engine, naming, sockets


def usage(project: Project, environ: Mapping[str, str]) -> Usage:
    """By the names that a destroy lists."""
    mine = f"{naming.PROJECT}={naming.identity(project)}"
    sizes: dict[str, int] = {}
    with engine.api(environ) as asked:
        for one in asked.containers(all=True, size=True, filters={"label": mine}):
            sizes[f"container {one['Names'][0].lstrip('/')}"] = int(one.get("SizeRw", 0))
        sizes.update(_images(asked, mine))
        if any(asked.volumes(filters={"label": mine}).get("Volumes") or ()):
            sizes.update(_volumes(engine.find(environ).address, naming.identity(project)))
    return Usage(disk=sizes)


def _images(asked: Any, mine: str) -> Iterator[tuple[str, int]]:
    """Each with what it adds to those of the project that it is made from: they share the rest."""
    told = [asked.inspect_image(one["Id"]) for one in asked.images(filters={"label": mine})]
    layers = {one["Id"]: one["RootFS"].get("Layers") or [] for one in told}
    for one in told:
        own = layers[one["Id"]]
        below = [
            other["Size"]
            for other in told
            if len(layers[other["Id"]]) < len(own) and own[: len(layers[other["Id"]])] == layers[other["Id"]]
        ]
        for index, name in enumerate(one.get("RepoTags") or [one["Id"]]):
            yield f"image {name}", 0 if index else int(one["Size"]) - max(below, default=0)


def _volumes(address: str, identity: str) -> Iterator[tuple[str, int]]:
    # Asked for all that it has, the engine measures every container and image of the machine.
    status, answer = sockets.ask(address, "GET", "/system/df?type=volume", patience=30)
    for one in (json.loads(answer).get("Volumes") or ()) if status == 200 else ():
        if (one.get("Labels") or {}).get(naming.PROJECT) == identity:
            yield f"volume {one['Name']}", int((one.get("UsageData") or {}).get("Size", 0))
