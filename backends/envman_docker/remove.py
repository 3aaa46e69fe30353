"""Removing what carries the project's label, and nothing else."""

from __future__ import annotations

from envman.backend import Job
from envman.files import remove_tree
from envman_docker import engine, naming, stack
from envman_docker.operations import RemoveStack


def remove(operation: RemoveStack, job: Job) -> str | None:
    mine = {"label": [f"{naming.PROJECT}={naming.identity(job.project)}"]}
    with engine.api(job.environ) as asked:
        for one in asked.containers(all=True, filters=mine):
            asked.remove_container(one["Id"], force=True)
        shared = [one["Name"] for one in asked.networks(filters={"label": "dev.envman.shared"})]
        for one in asked.networks(filters=mine):
            asked.remove_network(one["Id"])
        for name in shared:
            if not asked.inspect_network(name).get("Containers"):
                asked.remove_network(name)
        for one in asked.images(filters=mine):
            for reference in one.get("RepoTags") or [one["Id"]]:
                asked.remove_image(reference, force=True)
        for one in (asked.volumes(filters=mine).get("Volumes") or ()) if operation.data else ():
            asked.remove_volume(one["Name"])
    remove_tree(stack.secrets_folder(job.project))
    return None
