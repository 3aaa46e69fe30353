"""A project whose image is looked at, and the bases and addresses that its tests need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from uuid import uuid4

from tests.support.scratch import Outcome, Scratch

SPEC = 'name = "shop"\nbackend = "docker"\n[python]\nversion = "3.12"\n'
OWNER, GROUP = 12345, 12346


def docker(*words: str, stdin: str = "") -> str:
    """What the docker command answers."""
    done = subprocess.run(["docker", *words], input=stdin, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bridge() -> str:
    """The address of this machine that every container reaches."""
    return docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}") or "172.17.0.1"


@contextmanager
def base(dockerfile: str) -> Iterator[str]:
    """An image of the tests' own to begin with, which no registry has."""
    name = f"envman-test-base:{uuid4().hex[:12]}"
    docker("build", "--quiet", "--tag", name, "-", stdin=dockerfile)
    try:
        yield name
    finally:
        docker("image", "rm", "--force", name)


class Box:
    """A scratch project on the Docker level."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        scratch.patience = 400  # a build waits for others that use the same packages of the system
        self.root = scratch.root

    def write(self, spec: str = SPEC, requirements: str = "alpha==1.0\n", **files: str) -> None:
        """The project's files; in names, two underlines are a slash."""
        named = {name.replace("__", "/"): text for name, text in files.items()}
        self.scratch.write({"envman.toml": spec, "requirements.txt": requirements, **named})

    def up(self, *words: str, **variables: str) -> list[str]:
        """Bring it up; the names of the steps."""
        outcome = self.scratch.call(("up", "--json", *words), variables)
        assert outcome.code == 0, outcome.err
        return [step["name"] for step in outcome.result["steps"]]

    def run(self, *words: str, **variables: str) -> str:
        """What a command inside says."""
        outcome = self.scratch.call(("run", "--no-up", *words), variables)
        assert outcome.code == 0, outcome.err
        return outcome.out.strip()

    def python(self, line: str, **variables: str) -> str:
        """The same, for a line of Python."""
        return self.run("python", "-c", line, **variables)

    def as_owner(self, *words: str, owner: int = OWNER, group: int = GROUP) -> Outcome:
        """Call envman as somebody else, who owns the project and may talk to the engine."""
        engines = os.stat("/var/run/docker.sock").st_gid
        # Where tests are run by root, their interpreter stands in a folder that only root may read.
        reads = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
        become = ["setpriv", "--reuid", str(owner), "--regid", str(group), "--groups", str(engines), *reads]
        done = subprocess.run(
            [*become, sys.executable, "-m", "envman", *words],
            cwd=self.root, env=self.scratch.environ, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def give(self, owner: int = OWNER, group: int = GROUP) -> None:
        """Make all of it somebody else's."""
        for place, folders, files in os.walk(self.scratch.home):
            for name in (".", *folders, *files):
                os.lchown(os.path.join(place, name), owner, group)

    @property
    def identity(self) -> str:
        """The project's id."""
        return (self.root / ".envman" / "id").read_text(encoding="utf-8").strip()

    def image(self, tag: str = "dev") -> dict[str, Any]:
        """All that the engine tells about one of the project's images."""
        (told,) = json.loads(docker("image", "inspect", self.name(tag)))
        found: dict[str, Any] = told
        return found

    def name(self, tag: str = "dev") -> str:
        """What one of its images is called."""
        names = docker(
            "images", "--filter", f"label=dev.envman.project={self.identity}", "--format", "{{.Repository}}:{{.Tag}}"
        )
        (name,) = [one for one in names.split() if one.endswith(f":{tag}")]
        return name

    def images(self) -> set[str]:
        """All images that carry the project's label."""
        mine = f"label=dev.envman.project={self.identity}"
        return set(docker("images", "--all", "--no-trunc", "--quiet", "--filter", mine).split())

    def layers(self, tag: str = "dev") -> list[str]:
        """The layers of one of its images, from below."""
        found: list[str] = self.image(tag)["RootFS"]["Layers"]
        return found

    def containers(self) -> list[str]:
        """Its containers."""
        return docker("ps", "--all", "--quiet", "--filter", f"label=dev.envman.project={self.identity}").split()

    def everything_kept(self) -> Iterator[tuple[str, bytes]]:
        """All that engine and envman keep of the project, as bytes, each with the place where it stands."""
        for tag in ("base", "dev"):
            name = self.name(tag)
            yield f"history of {tag}", docker("history", "--no-trunc", name).encode()
            yield f"settings of {tag}", docker("image", "inspect", name).encode()
            yield from _saved(name)
        for one in self.containers():
            yield f"container {one}", docker("inspect", one).encode()
        for place in (self.root / ".envman", self.scratch.data):
            for file in place.rglob("*"):
                if file.is_file() and file.name != "uv":
                    yield str(file), file.read_bytes()


def _saved(name: str) -> Iterator[tuple[str, bytes]]:
    saved = subprocess.run(["docker", "save", name], capture_output=True, check=True, timeout=300).stdout
    with tarfile.open(fileobj=BytesIO(saved)) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                yield f"{name}: {member.name}", stream.read()
