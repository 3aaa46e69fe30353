"""Removing what carries the project's label, and nothing else."""

from __future__ import annotations

from typing import Any

from envman.backend import Job
from envman.files import remove_tree
from envman_docker import engine, naming, stack
from envman_docker.operations import RemoveStack


def remove(operation: RemoveStack, job: Job) -> str | None:
    mine = {"label": [f"{naming.PROJECT}={naming.identity(job.project)}"]}
    with engine.api(job.environ) as asked:
        for one in asked.containers(all=True, filters=mine):
            asked.remove_container(one["Id"], force=True, v=True)  # with the volumes that nobody can name
        shared = [one["Name"] for one in asked.networks(filters={"label": "dev.envman.shared"})]
        for one in asked.networks(filters=mine):
            asked.remove_network(one["Id"])
        for name in shared:
            _leave(asked, name)
        for one in asked.images(filters=mine):
            for reference in one.get("RepoTags") or [one["Id"]]:
                asked.remove_image(reference, force=True)
        for one in (asked.volumes(filters=mine).get("Volumes") or ()) if operation.data else ():
            asked.remove_volume(one["Name"])
    remove_tree(stack.secrets_folder(job.project))
    return None


def _leave(asked: Any, network: str) -> None:
    from docker.errors import APIError

    # The network itself counts those that run alone; a project that is down wants to come back to it.
    if asked.containers(all=True, filters={"network": network}):
        return
    try:
        asked.remove_network(network)
    except APIError:
        pass  # in this moment another project has joined it, or was the last to leave
