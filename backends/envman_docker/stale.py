"""Processes of the project that have to begin anew, though they run or wait to be started again."""

from __future__ import annotations

from collections.abc import Sequence

from envman.backend import Job
from envman_docker import naming
from envman_docker.asking import Asking
from envman_docker.observe import began

_PATIENCE = 10


def end(names: Sequence[str], job: Job) -> None:
    """End those that are in a network that is gone, or in a loop of crashes; Compose would leave them as they are."""
    asked = Asking(job.environ)
    boxes = asked.containers(label=naming.mine(job.project))
    found = {one["Labels"].get(naming.SERVICE): one["Id"] for one in boxes}
    if naming.WORKSPACE not in found:
        return
    edge = began(asked.container(found[naming.WORKSPACE])["State"]["StartedAt"])
    for name in names:
        if name not in found or name == naming.WORKSPACE:
            continue
        told = asked.container(found[name])
        state = told["State"]
        left_behind = told["HostConfig"]["NetworkMode"].startswith("container:") and began(state["StartedAt"]) < edge
        if state["Status"] == "restarting" or (state["Running"] and left_behind):
            asked.stop(found[name], _PATIENCE)
