"""The generated image, on a real engine: every rule of the design's section 8."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.docker.images import GROUP, OWNER, SPEC, Box, base, docker
from tests.support import engines
from tests.support.scratch import Scratch
from tests.support.wheels import make_wheel

pytestmark = pytest.mark.engine

_PLAIN = "python:3.12-slim-bookworm"


@pytest.fixture
def box(scratch: Scratch) -> Iterator[Box]:
    """A project that is not up yet; what it made of the engine goes at the end."""
    engines.needs("docker")
    made = Box(scratch)
    made.write()
    yield made
    outcome = scratch.call(("destroy", "--yes", "--data"), {"ENVMAN_TRUST": str(made.root)})
    assert outcome.code == 0, outcome.err


# Users


_LOOK = (
    'id -u; id -g; touch made; mkdir below; touch ~/inside ~/.cache/inside "$VIRTUAL_ENV/inside"; echo "$HOME"; id -un'
)


def _works_as_owner(box: Box) -> list[str]:
    outcome = box.as_owner("up")
    assert outcome.code == 0, outcome.err
    outcome = box.as_owner("run", "--no-up", "sh", "-ec", _LOOK)
    assert outcome.code == 0, outcome.err
    made = [(box.root / name).stat() for name in ("made", "below")]
    uid, gid, home, name = outcome.out.split()
    assert {(one.st_uid, one.st_gid) for one in made} == {(int(uid), int(gid))}
    assert home == "/home/dev"
    return [uid, gid, name]


def test_files_belong_to_the_user(box: Box) -> None:
    """Somebody who is not root calls envman; every place that is theirs can be written to."""
    box.give()
    assert _works_as_owner(box) == [str(OWNER), str(GROUP), "dev"]
    assert box.image()["Config"]["User"] == f"{OWNER}:{GROUP}"


@pytest.mark.parametrize(
    "people",
    [
        "RUN useradd --create-home --uid 12345 --user-group ubuntu",  # Ubuntu has such a user, of the usual number
        "RUN groupadd --gid 12346 staffers && groupadd dev && useradd --gid dev --create-home dev",
        "RUN groupadd --gid 12346 dev && useradd --uid 12345 --gid dev --create-home dev\nUSER dev",
    ],
    ids=["the uid", "the gid and the name", "all, and it is nobody's root"],
)
def test_a_base_that_has_those_numbers_already(box: Box, people: str) -> None:
    """The user of the base becomes ours; a name that is taken is not fought over."""
    with base(f"FROM {_PLAIN}\n{people}\n") as name:
        box.write(f'{SPEC}[docker]\nbase = "{name}"\n')
        box.give()
        uid, gid, _ = _works_as_owner(box)
        assert (uid, gid) == (str(OWNER), str(GROUP))


def test_root_on_the_project_of_somebody_else(box: Box) -> None:
    """Refused; trusted, the files inside are still the owner's."""
    box.give()
    assert "belongs to another user" in box.scratch.envman("up").err
    trust = {"ENVMAN_TRUST": str(box.root)}
    box.scratch.up(**trust)
    box.run("touch", "made", **trust)
    assert (box.root / "made").stat().st_uid == OWNER


def test_a_project_of_roots_is_roots_inside(box: Box) -> None:
    """The files belong to whoever the folder belongs to."""
    box.scratch.up()
    box.run("sh", "-c", "touch made ~/inside")
    assert (box.root / "made").stat().st_uid == os.getuid()
    assert box.run("id", "-u") == str(os.getuid())


def test_git_inside_of_a_worktree(box: Box) -> None:
    """The history is there, though the folder of the worktree holds none of it."""
    main = box.scratch.home / "main"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet", str(main)], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "the first"], cwd=main, check=True)
    subprocess.run([*git, "worktree", "add", "--quiet", str(box.scratch.home / "tree")], cwd=main, check=True)
    tree = Box(Scratch(box.scratch.home, box.scratch.environ["UV_DEFAULT_INDEX"], name="tree"))
    tree.write(SPEC + '[system]\npackages = ["git"]\n')
    tree.scratch.up()
    assert tree.run("git", "log", "--format=%s") == "the first"
    assert "envman.toml" in tree.run("git", "status", "--short")
    assert tree.scratch.envman("destroy", "--yes", "--data").code == 0


# Bases


@pytest.mark.parametrize("name", ["3.11-slim-trixie", "3.13-slim-bookworm"])
def test_python_of_both_suites(box: Box, name: str) -> None:
    """The version that was asked for, on the base that was asked for."""
    wanted, _, suite = name.split("-")
    box.write(f'backend = "docker"\n[python]\nversion = "{wanted}"\n[docker]\nbase = "python:{name}"\n')
    assert str(box.scratch.up()["python"]["version"]).startswith(wanted)
    assert f"VERSION_CODENAME={suite}" in box.run("cat", "/etc/os-release")
    assert box.python("import alpha; print(alpha.version)") == "1.0"


_DISTRIBUTION = (
    'backend = "docker"\n[python]\nversion = "{}"\n[system]\npackages = ["python3"]\n[docker]\nbase = "{}"\n'
)


def test_the_distributions_own_python(box: Box) -> None:
    """A base without any; what [system] packages bring is used, where it is what was asked for."""
    box.write(_DISTRIBUTION.format("3.13", "debian:trixie-slim"))
    box.scratch.up()
    assert box.python("import sys; print(sys.version_info[:2], sys.base_prefix)") == "(3, 13) /usr"


def test_another_python_than_the_one_asked_for(box: Box) -> None:
    """One clear message, that names both."""
    box.write(_DISTRIBUTION.format("3.12", "debian:trixie-slim"))
    said = box.scratch.envman("up")
    assert said.code == 1
    assert "the base has Python 3.13" in said.err
    assert "and 3.12 is asked for" in said.err
    assert len(said.err.splitlines()) < 8, said.err


def test_no_python_at_all(box: Box) -> None:
    """The same, for a base without any."""
    box.write('backend = "docker"\n[python]\nversion = "3.12"\n[docker]\nbase = "debian:bookworm-slim"\n')
    assert "the base has no Python, and 3.12 is asked for" in box.scratch.envman("up").err


@pytest.mark.parametrize(
    ("image", "why"),
    [("python:3.12-alpine", "musl"), ("alpine:3", "musl"), ("python:3.11-slim-trixie", "Python 3.11, and 3.12")],
)
def test_a_base_that_cannot_be_is_refused_before_any_work(box: Box, image: str, why: str) -> None:
    """The reason, and nothing in the engine."""
    box.write(f'{SPEC}[docker]\nbase = "{image}"\n')
    said = box.scratch.envman("up")
    assert said.code == 2
    assert why in said.err
    assert not box.containers()
    assert not box.images()


def test_an_alpine_that_does_not_say_so(box: Box) -> None:
    """Its first step finds out."""
    with base("FROM alpine:3\n") as name:
        box.write(f'{SPEC}[docker]\nbase = "{name}"\n')
        assert "the base has no apt: it must be Debian or Ubuntu" in box.scratch.envman("up").err


_OWN = f"""\
FROM alpine:3 AS other
FROM {_PLAIN}
COPY words.txt \\
     /etc/words.txt
COPY --chmod=755 tools/ /opt/tools/
ENV PATH=/opt/tools:$PATH
USER nobody
HEALTHCHECK CMD false
ENTRYPOINT ["false"]
"""


def test_a_dockerfile_of_the_projects_own(box: Box) -> None:
    """It is what ours begins with; what it copies counts by its content, what lies beside it does not count."""
    files = {"image__Dockerfile": _OWN, "image__words.txt": "one\n", "image__tools__speak": "#!/bin/sh\necho hello\n"}
    box.write(SPEC + '[docker]\ndockerfile = "image/Dockerfile"\n', **files)
    box.scratch.up()
    assert box.run("cat", "/etc/words.txt") == "one"
    assert box.run("speak") == "hello"
    box.scratch.write({"image/beside.txt": "nobody copies it"})
    assert box.scratch.up()["steps"] == []
    box.scratch.write({"image/tools/speak": "#!/bin/sh\necho goodbye\n"})
    assert "image" in [one["input"] for one in box.scratch.status()["drift"]]
    box.scratch.up()
    assert box.run("speak") == "goodbye"
    box.scratch.up("--refresh")
    assert len(box.images()) == 3


# Layers


def test_what_a_change_rebuilds(box: Box) -> None:
    """A source file: nothing. The lock: one layer. System packages: the base."""
    box.write(**{"app.py": "print(1)\n"})
    box.scratch.up()
    before, below = box.layers(), box.image("base")["Id"]
    assert box.layers()[:-1] == box.layers("base")
    box.scratch.write({"app.py": "print(2)\n"})
    assert box.scratch.up()["steps"] == []
    box.write(requirements="alpha==2.0\n")
    box.scratch.up()
    assert box.layers()[:-1] == before[:-1]
    assert box.layers()[-1] != before[-1]
    assert box.image("base")["Id"] == below
    box.write(SPEC + '[system]\npackages = ["hello"]\n', requirements="alpha==2.0\n")
    box.scratch.up()
    assert box.image("base")["Id"] != below
    assert box.run("hello")
    assert len(box.images()) == 2, "the images before it stay"


def test_refresh_makes_all_of_it_anew(box: Box) -> None:
    """Without what was built before; an image that is there alone is no reason to fail."""
    # A base of its own: what the engine remembers of others, other tests ask for at the same time.
    with base(f"FROM {_PLAIN}\nRUN echo mine > /etc/mine\n") as name:
        box.write(f'{SPEC}[docker]\nbase = "{name}"\n')
        box.scratch.up()
        before = {box.image(tag)["Id"] for tag in ("base", "dev")}
        assert [step["name"] for step in box.scratch.up("--refresh")["steps"]][:2] == ["image", "packages"]
        after = {box.image(tag)["Id"] for tag in ("base", "dev")}
        assert not before & after
        assert box.images() == after


def test_a_build_that_fails_leaves_what_was(box: Box) -> None:
    """The old image, and the container that runs."""
    box.scratch.up()
    before, boxes = box.image()["Id"], box.containers()
    box.write(requirements="alpha==1.0\nunbuildable\n")
    said = box.scratch.envman("up")
    assert said.code == 1
    assert "canary: this package never builds" in said.err
    assert (box.image()["Id"], box.containers()) == (before, boxes)
    assert box.python("import alpha; print(alpha.version)") == "1.0"
    box.write(requirements="alpha==2.0\n")
    box.scratch.up()
    assert box.python("import alpha; print(alpha.version)") == "2.0"


def test_nothing_that_is_waste(box: Box) -> None:
    """No lists and archives of apt, no cache of pip and uv, no uv: those are mounted."""
    box.write(SPEC + '[system]\npackages = ["git"]\n')
    box.scratch.up()
    places = "/var/lib/apt/lists /var/cache /root /home /opt/cache /opt/lock /usr/local/bin/uv /run/secrets /tmp"
    look = ["--rm", "--user", "0", "--entrypoint", "sh"]
    find = f"find {places} -xdev -type f -size +0 2>/dev/null | sort"
    there = docker("run", *look, _PLAIN, "-c", find).split()
    assert [file for file in docker("run", *look, box.name(), "-c", find).split() if file not in there] == []
    added = box.image("base")["Size"] - _size_of(_PLAIN)
    assert added < 60e6, "git is 52 MB of it"
    assert box.image()["Size"] - box.image("base")["Size"] < 1e6


def _size_of(name: str) -> int:
    docker("pull", "--quiet", name)
    return int(docker("image", "inspect", "--format", "{{.Size}}", name))


def test_how_programs_are_started(box: Box) -> None:
    """What the design promises of every backend, and the labels by which all of it is known."""
    box.scratch.up()
    config = box.image()["Config"]
    env = dict(one.split("=", 1) for one in config["Env"])
    assert (env["PYTHONUNBUFFERED"], env["PYTHONFAULTHANDLER"], env["VIRTUAL_ENV"]) == ("1", "1", "/opt/venv")
    assert not env["VIRTUAL_ENV"].startswith("/project")
    assert config["Labels"]["dev.envman.project"] == box.identity
    assert len(config["Labels"]["dev.envman.inputs"]) == 32
    assert config["Labels"]["dev.envman.base"] == box.image("base")["Id"]


def test_a_newer_base_reaches_the_packages(box: Box) -> None:
    """An up that was killed between the two builds is taken up again."""
    box.scratch.up()
    name = box.name("base")
    labels = [f"--label={key}={value}" for key, value in box.image("base")["Config"]["Labels"].items()]
    docker("build", "--quiet", "--tag", name, *labels, "-", stdin=f"FROM {name}\nUSER 0\nRUN touch /newer\nUSER 0:0\n")
    assert [step["name"] for step in box.scratch.up()["steps"]][:1] == ["packages"]
    assert box.run("ls", "/newer") == "/newer"


# Taken over


def test_a_dockerfile_that_the_user_took_over(box: Box) -> None:
    """Without our first line it is theirs: used as it is, never written again, and said."""
    box.scratch.up()
    file = box.root / ".envman" / "docker" / "Dockerfile"
    mine = file.read_text(encoding="utf-8").partition("\n")[2].replace("HEALTHCHECK NONE", "ENV WORD=mine")
    file.write_text(mine, encoding="utf-8")
    said = box.scratch.envman("up").err
    assert "from .envman/docker/Dockerfile, which is yours" in said
    assert box.run("printenv", "WORD") == "mine"
    assert file.read_text(encoding="utf-8") == mine
    box.write(requirements="alpha==2.0\n")
    box.scratch.up()
    assert file.read_text(encoding="utf-8") == mine
    assert box.scratch.up()["steps"] == []
    (told,) = [one for one in box.scratch.status()["drift"] if "Dockerfile" in one["input"]]
    assert "it is yours" in told["why"]
    file.unlink()
    box.scratch.up()
    assert file.read_text(encoding="utf-8").startswith("# Written by envman")


def test_a_compose_file_that_the_user_took_over(box: Box) -> None:
    """The same, and its containers are still known as ours."""
    box.scratch.up()
    file = box.root / ".envman" / "docker" / "compose.yaml"
    mine = file.read_text(encoding="utf-8").partition("\n")[2].replace("hostname: workspace", "hostname: mine")
    file.write_text(mine, encoding="utf-8")
    box.scratch.up()
    assert box.run("hostname") == "mine"
    assert box.scratch.up()["steps"] == []
    assert file.read_text(encoding="utf-8") == mine
    file.write_text(mine.replace("hostname: mine", "hostname: still-mine"), encoding="utf-8")
    box.scratch.up()
    assert box.run("hostname") == "still-mine"


def test_uv_is_not_copied_into_the_project_and_goes_to_the_engine_once(box: Box) -> None:
    box.scratch.up()
    given = box.root / ".envman" / "docker" / "context"
    assert {one.name for one in given.iterdir()} == {"certificates", "lock"}
    other = Box(Scratch(box.scratch.home, box.scratch.environ["UV_DEFAULT_INDEX"], name="other"))
    other.write()
    try:
        said = other.scratch.envman("up", "--verbose").err
    finally:
        assert other.scratch.envman("destroy", "--yes", "--data").code == 0
    sent = re.findall(r"transferring (?:context|given): (\S+)", said)
    assert sent, said
    assert not [size for size in sent if size.endswith("MB")], sent


def test_a_wheel_that_lies_in_the_project(box: Box) -> None:
    """A lock may name a file beside it."""
    wheel = make_wheel(box.root, "delta", "1.0", modules={"delta.py": "word = 'from the folder'\n"})
    box.write(requirements=f"./{wheel.name}\n")
    box.scratch.up()
    assert box.python("import delta; print(delta.word)") == "from the folder"
