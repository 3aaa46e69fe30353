"""Removing what carries the project's label, and nothing else."""

from __future__ import annotations

from envman.backend import Job
from envman.errors import StepFailed
from envman.files import remove_tree
from envman_docker import naming, options, stack
from envman_docker.asking import Asking
from envman_docker.operations import RemoveStack


def remove(operation: RemoveStack, job: Job) -> str | None:
    asked, mine = Asking(job.environ), naming.mine(job.project)
    shared = {one["Name"] for one in asked.networks(label="dev.envman.shared")}
    joined = shared & {*options.of(job.project.spec).join}
    for one in asked.containers(label=mine):
        joined |= shared & {*one["NetworkSettings"]["Networks"]}
        asked.remove_container(one["Id"], force=True, volumes=True)  # those that nobody can name
    for one in asked.networks(label=mine):
        asked.remove_network(one["Id"])
    for name in joined:  # no other: somebody may just have made one, to be in it in a moment
        _leave(asked, name)
    for one in asked.images(label=mine):
        for reference in one.get("RepoTags") or [one["Id"]]:
            asked.remove_image(reference, force=True)
    for one in asked.volumes(label=mine) if operation.data else ():
        asked.remove_volume(one["Name"])
    remove_tree(stack.secrets_folder(job.project))
    return None


def _leave(asked: Asking, network: str) -> None:
    # The network itself counts those that run alone; a project that is down wants to come back to it.
    if asked.containers(network=network):
        return
    try:
        asked.remove_network(network)
    except StepFailed:
        pass  # in this moment another project has joined it, or was the last to leave
