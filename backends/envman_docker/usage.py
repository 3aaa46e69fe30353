"""What the stack takes of the engine's disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envman.backend import Usage
from envman.project import Project
from envman_docker import naming
from envman_docker.asking import Asking


def usage(project: Project, environ: Mapping[str, str]) -> Usage:
    """By the names that a destroy lists."""
    asked, mine = Asking(environ), naming.mine(project)
    sizes: dict[str, int] = {}
    for one in asked.containers(size=True, label=mine):
        sizes[f"container {one['Names'][0].lstrip('/')}"] = int(one.get("SizeRw", 0))
    sizes.update(_images(asked, mine))
    if asked.volumes(label=mine):
        sizes.update(_volumes(asked, naming.identity(project)))
    return Usage(disk=sizes)


def _images(asked: Asking, mine: str) -> Iterator[tuple[str, int]]:
    """Each with what it adds to those of the project that it is made from: they share the rest."""
    told = [found for one in asked.images(label=mine) if (found := asked.image(one["Id"])) is not None]
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


def _volumes(asked: Asking, identity: str) -> Iterator[tuple[str, int]]:
    for one in asked.weighed_volumes():
        if (one.get("Labels") or {}).get(naming.PROJECT) == identity:
            yield f"volume {one['Name']}", int((one.get("UsageData") or {}).get("Size", 0))
