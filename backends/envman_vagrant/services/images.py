"""Servers out of images: their programs see the machine's files, its network and its users as if they stood in it.

So all that is known of a server of the machine's own is true of them too: where its data is, who owns it, which port it
listens on, what makes a dump.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import envman_templates
from envman.backend import Job
from envman_vagrant import guest, naming
from envman_vagrant.services import boxed, layout

_FOLDER = Path(str(envman_templates.__file__)).parent / "vagrant"
_IMAGE, _COMMAND = _FOLDER / "image.sh", _FOLDER / "image_command.sh"


def enter(image: str) -> str:
    """The program of the machine that becomes a command of the image."""
    return f"{layout.SERVERS}/{re.sub('[^A-Za-z0-9._-]', '-', image)}"


def programs(image: str, wanted: Sequence[str], asked: str, job: Job) -> Sequence[Sequence[str]]:
    """Those that the image has, each with its file and what it says when it is asked for its version."""
    boxed.prepare(image, job)
    inside = {"image": image, "user": layout.USER, "state": naming.STATE, "run": layout.RUN}
    values = {
        "image": image,
        "wanted": " ".join(wanted),
        "asked": asked,
        "enter": enter(image),
        "text": f"#!/bin/sh\n{boxed.told(inside)}{_COMMAND.read_text(encoding='utf-8')}",
    }
    done = guest.run(job, boxed.told(values) + _IMAGE.read_text(encoding="utf-8"), f"could not look into {image}")
    return [line.split("\t")[1:] for line in done.output.splitlines() if line.startswith("program\t")]
