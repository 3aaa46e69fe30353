"""The Dockerfile as text, and what decides about it: no engine is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envman.errors import EngineMissing, UsageError
from envman.files import remove_tree
from envman.frozen import replace
from envman.network import indexes, proxies
from envman_docker import commands, image, own, taken, users

_RECIPE = image.Recipe(
    base="python:3.12-slim-bookworm",
    python="3.12",
    system=("libpq-dev",),
    certificates=("-----BEGIN CERTIFICATE-----\n",),
    uid=1000,
    gid=1000,
    prompt="shop; rm -rf /",
)


def _text(**changes: object) -> str:
    return image.dockerfile(replace(_RECIPE, **changes), ["pylock.toml", "a file.txt"])


def test_what_old_engines_know() -> None:
    """No frontend is fetched, no heredoc used."""
    assert "# syntax" not in _text()
    assert "<<" not in _text()


def test_the_order_of_layers() -> None:
    """Certificates, system, user, packages; security updates; the caches are mounted."""
    text = _text()
    found = [
        text.index(word)
        for word in ("certificates/ /usr", "apt-get upgrade", "libpq-dev", "useradd", "USER 1000", "uv pip sync")
    ]
    assert found == sorted(found)
    assert text.count("type=cache") == 3
    assert "COPY . " not in text


def test_values_are_quoted() -> None:
    """What a spec says is a word for the shell, never more."""
    assert "--prompt 'shop; rm -rf /' /opt/venv" in _text()
    assert "'/opt/lock/a file.txt'" in _text()
    assert "ca-certificates 'a b$(c)';" in _text(system=("a b$(c)",))


def test_root_makes_no_user() -> None:
    """A project of root's is root's inside."""
    text = _text(uid=0, gid=0)
    assert "useradd" not in text
    assert "HOME=/root" in text


def test_without_authorities_of_ones_own() -> None:
    """Nothing is set that would lead somewhere else."""
    assert "SSL_CERT_FILE" not in _text(certificates=())


def test_where_uv_of_this_machine_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image gets one of its own."""
    monkeypatch.setattr(sys, "platform", "darwin")
    text = _text()
    assert re.search(r"--target /opt/tools uv==[\d.]+\n", text)
    assert "COPY --from=tools" in text
    assert "source=uv" not in text


@pytest.mark.engine
def test_hadolint(tmp_path: Path) -> None:
    """The usual rules, but for those that would pin what has to move, and for one that knows no contexts by name."""
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        found = shutil.which("hadolint")
        if found is None:
            pytest.skip("hadolint has no wheel for this platform")
        program = Path(found)
    file = tmp_path / "Dockerfile"
    for made in (_text(), _text(uid=0, gid=0), _text(certificates=(), system=())):
        file.write_text(made, encoding="utf-8")
        ignored = ["DL3008", "DL3005", "DL3009", "DL3002", "DL3022"]
        words = [str(program), *(word for one in ignored for word in ("--ignore", one)), str(file)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stdout == "", done.stdout


@pytest.mark.parametrize(
    ("told", "platform", "expected"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=builtin"]}, "linux", (1000, 1001)),
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, "linux", (0, 0)),
        ({"OperatingSystem": "Docker Desktop", "SecurityOptions": []}, "linux", (0, 0)),
        ({"OperatingSystem": "Docker Desktop", "SecurityOptions": []}, "darwin", (1000, 1001)),
        ({}, "linux", (1000, 1001)),
    ],
)
def test_who_works_inside(told: dict[str, object], platform: str, expected: tuple[int, int]) -> None:
    """Where the engine's root is the user, root it is."""
    assert users.inside((1000, 1001), told, platform) == expected


def test_an_engine_that_renumbers() -> None:
    """Nobody in it could write to the project."""
    with pytest.raises(EngineMissing, match="userns-remap"):
        users.inside((1000, 1000), {"SecurityOptions": ["name=userns"]}, "linux")


def test_what_a_dockerfile_copies(tmp_path: Path) -> None:
    """Files and folders that it names; not those of other stages, of addresses, and not the whole project."""
    lines = [
        "FROM debian:bookworm-slim AS a",
        "copy one.txt \\\n  two.txt /etc/",
        'COPY ["three.txt", "/etc/"]',
        "COPY --from=a four.txt /",
        "ADD https://example.org/x /x",
        "COPY . /app",
        "COPY *.cfg folder/ /etc/",
    ]
    for name in ("one.txt", "two.txt", "three.txt", "four.txt", "five.cfg", "folder/six", "beside"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "Dockerfile").write_text("\n".join(lines))
    names = {str(one.relative_to(tmp_path)) for one in own.files(tmp_path, "Dockerfile")}
    watched = {"Dockerfile", "Dockerfile.dockerignore", ".dockerignore"}
    assert names == watched | {"one.txt", "two.txt", "three.txt", "five.cfg", "folder/six"}
    before = own.state(tmp_path, "Dockerfile")
    (tmp_path / "beside").write_text("changed")
    assert own.state(tmp_path, "Dockerfile") == before
    (tmp_path / "folder" / "six").write_text("changed")
    assert own.state(tmp_path, "Dockerfile") != before


@pytest.mark.parametrize("text", ["FROM alpine:3", "FROM python:3.12-alpine AS a\nFROM debian AS b\nFROM a"])
def test_a_dockerfile_that_begins_with_alpine(tmp_path: Path, text: str) -> None:
    """Refused, through stages too, with the reason."""
    (tmp_path / "Dockerfile").write_text(text)
    with pytest.raises(UsageError, match="musl"):
        own.state(tmp_path, "Dockerfile")
    (tmp_path / "Dockerfile").write_text("FROM alpine AS tools\nFROM debian:bookworm-slim\nCOPY --from=tools /x /x\n")
    assert own.state(tmp_path, "Dockerfile")


def test_who_owns_a_generated_file(tmp_path: Path) -> None:
    """The first line says so; a file that is not there is nobody's."""
    file = tmp_path / "Dockerfile"
    assert taken.state(file) == ""
    file.write_text(_text())
    assert taken.state(file) == ""
    file.write_text(_text().partition("\n")[2])
    assert taken.state(file)
    remove_tree(file)


def test_proxies_inside() -> None:
    """Those that can be reached from there; servers of the project's own are asked without."""
    environ = {"HTTP_PROXY": "http://u:p@proxy:3128", "https_proxy": "http://127.0.0.1:1", "no_proxy": "example.org"}
    told = proxies.inside(environ, ["db", ""])
    assert told["HTTP_PROXY"] == "http://u:p@proxy:3128"
    assert "https_proxy" not in told
    assert told["NO_PROXY"] == told["no_proxy"] == "example.org,localhost,127.0.0.1,::1,db"
    assert proxies.inside({"HTTPS_PROXY": "localhost:3128", "NO_PROXY": "a"}, ["db"]) == {}


def test_what_only_this_machine_reaches() -> None:
    """Then a build has to share its network."""
    assert indexes.lead_here(["own=http://u:p@127.0.0.1:80/simple"])
    assert indexes.lead_here(["https://example.org/ http://localhost/"])
    assert not indexes.lead_here(["https://example.org/127.0.0.1", "10.0.0.1"])


def test_paths_with_commas() -> None:
    """Docker reads the value of --mount as a line of CSV."""
    assert commands.fields("readonly", type="bind", source='/a,b"c') == 'type=bind,"source=/a,b""c",readonly'


def test_what_a_failed_build_says() -> None:
    """The step's own words, not our Dockerfile."""
    lines = [
        "#6 1.0 fine",
        "#7 0.5 trying",
        "#7 0.7 it broke",
        "#7 ERROR: process did not complete",
        "------",
        " 7 | RUN",
    ]
    assert commands.last_words("\n".join(lines)) == ["trying", "it broke"]
    assert commands.last_words("ERROR: no engine\n\n") == ["ERROR: no engine"]
