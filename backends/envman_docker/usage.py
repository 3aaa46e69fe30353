"""What the stack takes of the engine's disk."""

from __future__ import annotations

from collections.abc import Mapping

from envman.backend import Usage
from envman.project import Project
from envman_docker import engine, naming


def usage(project: Project, environ: Mapping[str, str]) -> Usage:
    """By the names that a destroy lists."""
    mine = f"{naming.PROJECT}={naming.identity(project)}"
    sizes: dict[str, int] = {}
    with engine.api(environ) as asked:
        for one in asked.containers(all=True, size=True, filters={"label": mine}):
            sizes[f"container {one['Names'][0].lstrip('/')}"] = int(one.get("SizeRw", 0))
        for one in asked.images(filters={"label": mine}):
            for name in one.get("RepoTags") or [one["Id"]]:
                sizes[f"image {name}"] = int(one["Size"])
        if any(asked.volumes(filters={"label": mine}).get("Volumes") or ()):
            for one in asked.df().get("Volumes") or ():
                if (one.get("Labels") or {}).get(naming.PROJECT) == naming.identity(project):
                    sizes[f"volume {one['Name']}"] = int(one.get("UsageData", {}).get("Size", 0))
    return Usage(disk=sizes)
