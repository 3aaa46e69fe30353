"""Where an image's packages come from: indexes with passwords, proxies, a company's certificates, compilers, git."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from tests.docker.images import SPEC, Box, base, bridge
from tests.support import engines
from tests.support.index import Index
from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine

_USER, _PASSWORD = "planted-user", "planted-s3cret-w0rd"
_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def box(scratch: Scratch) -> Iterator[Box]:
    """A project that is not up yet; what it made of the engine goes at the end."""
    engines.needs("docker")
    made = Box(scratch)
    made.write()
    yield made
    outcome = scratch.envman("destroy", "--yes", "--data")
    assert outcome.code == 0, outcome.err


# What is installed


def test_a_package_that_needs_a_compiler(box: Box) -> None:
    """What is missing is named, with the key that brings it; and that key brings it."""
    del box.scratch.environ["UV_DEFAULT_INDEX"]  # such a package is nothing to make up
    box.write(requirements="netifaces==0.11.0\n")
    said = box.scratch.envman("up")
    assert said.code == 1
    assert 'hint: add "build-essential" to [system] packages' in said.err
    assert "[Errno 2] No such file or directory: 'gcc'" in said.err
    assert "--mount=type" not in said.err, "what our own file says is nobody's business here"
    box.write(SPEC + '[system]\npackages = ["gcc", "libc6-dev"]\n', requirements="netifaces==0.11.0\nmarkupsafe\n")
    box.up()
    assert box.python("import netifaces; print(len(netifaces.interfaces()) > 0)") == "True"
    assert box.python("import markupsafe._speedups; print('compiled')") == "compiled"


def test_a_package_from_git(box: Box) -> None:
    """Git is added to the base, because the requirement needs it."""
    work = box.scratch.home / "package"
    work.mkdir()
    (work / "pyproject.toml").write_text(_BACKEND, encoding="utf-8")
    (work / "backend.py").write_text(_writes_wheel("fromgit"), encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet", "."], cwd=work, check=True)
    subprocess.run([*git, "add", "."], cwd=work, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "one"], cwd=work, check=True)
    subprocess.run([*git, "update-server-info"], cwd=work, check=True)
    handler = partial(_Quiet, directory=str(work))
    with _served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as port:
        box.write(requirements=f"fromgit @ git+http://127.0.0.1:{port}/.git\n")
        box.up()
    assert box.python("import fromgit; print(fromgit.word)") == "fromgit"
    assert box.run("git", "--version")


def test_the_project_itself_and_a_member_of_its_workspace(box: Box) -> None:
    """Both editable, from a uv.lock, with an extra and a group."""
    del box.scratch.environ["UV_DEFAULT_INDEX"]
    system = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    mine = (
        '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = ["helper"]\n'
        '[project.optional-dependencies]\nmore = ["six"]\n[dependency-groups]\ndev = ["iniconfig"]\nother = ["idna"]\n'
        f'[tool.uv.workspace]\nmembers = ["helper"]\n[tool.uv.sources]\nhelper = {{workspace = true}}\n{system}'
    )
    helper = f'[project]\nname = "helper"\nversion = "1"\nrequires-python = ">=3.12"\n{system}'
    box.write(
        SPEC + 'extras = ["more"]\n',
        **{"src__shop__app.py": "word = 1\n", "helper__src__helper__app.py": "word = 1\n"},
    )
    box.scratch.write({"pyproject.toml": mine, "helper/pyproject.toml": helper})
    box.up()
    show = "import shop.app, helper.app, six, iniconfig; print(shop.app.word, helper.app.word)"
    assert box.python(show) == "1 1"
    box.scratch.write({"src/shop/app.py": "word = 2\n", "helper/src/helper/app.py": "word = 3\n"})
    assert box.up() == []
    assert box.python(show) == "2 3"
    assert "idna" not in box.run("uv", "pip", "list", "--quiet")


def test_hashed_requirements_that_include_others(box: Box, wheelhouse: Path) -> None:
    """Each file as it is, found by the others where they expect it."""

    def pinned(name: str) -> str:
        wheel = next(wheelhouse.glob(f"{name}-1.0-*.whl"))
        return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"

    files = {"requirements__base.txt": pinned("alpha"), "requirements__dev.txt": f"-r base.txt\n{pinned('gamma')}"}
    box.write(SPEC + 'from = "requirements/dev.txt"\n', **files)
    box.up()
    assert box.python("import alpha, gamma; print(alpha.version)") == "1.0"


def _writes_wheel(name: str, *, also: str = "pass") -> str:
    return f"""\
import os, zipfile
def _also():
    {also}
def prepare_metadata_for_build_wheel(folder, settings=None):
    _also()
    os.mkdir(os.path.join(folder, "{name}-1.0.dist-info"))
    with open(os.path.join(folder, "{name}-1.0.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    return "{name}-1.0.dist-info"
def build_wheel(folder, settings=None, metadata=None):
    _also()
    wheel = "{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        archive.writestr("{name}.py", "word = '{name}'\\n")
        archive.writestr("{name}-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        archive.writestr("{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr("{name}-1.0.dist-info/RECORD", "")
    return wheel
build_editable = build_wheel
"""


def test_nothing_of_the_project_runs_on_this_machine(box: Box) -> None:
    """What builds a package was written by others: it runs, but in a container."""
    canary = box.scratch.home / "canary"
    places = f"('{canary}', '/project/ran')"
    evil = f"[open(place, 'a').write('x') for place in {places} if os.path.isdir(os.path.dirname(place))]"
    box.write(
        requirements="./evil\n",
        **{"evil__pyproject.toml": _BACKEND, "evil__backend.py": _writes_wheel("evil", also=evil)},
    )
    box.up()
    assert box.python("import evil; print(evil.word)") == "evil"
    assert (box.root / "ran").exists(), "it ran inside"
    assert not canary.exists()


# Passwords


def _forms(index: Index, how: str, home: Path) -> dict[str, str]:
    if how == "in the address":
        return {"UV_DEFAULT_INDEX": index.url_with_credentials}
    if how == "in variables":
        told = {"UV_INDEX_OWN_USERNAME": _USER, "UV_INDEX_OWN_PASSWORD": _PASSWORD}
        return {"UV_INDEX": f"own={index.url}", "UV_DEFAULT_INDEX": index.url, **told}
    host = index.host.partition(":")[0]
    (home / ".netrc").write_text(f"machine {host} login {_USER} password {_PASSWORD}\n", encoding="utf-8")
    (home / ".netrc").chmod(0o600)
    return {"UV_DEFAULT_INDEX": index.url}


@pytest.mark.parametrize("where", ["127.0.0.1", "the bridge"])
@pytest.mark.parametrize("how", ["in the address", "in variables", "in netrc"])
def test_an_index_with_a_password(box: Box, wheelhouse: Path, how: str, where: str) -> None:
    """It is used, for the project's own build too, and is found nowhere afterwards."""
    address = where if "." in where else bridge()
    with Index(wheelhouse, user=_USER, password=_PASSWORD, address=address) as index:
        told = _forms(index, how, box.scratch.home)
        backend = _BACKEND.replace("[]", '["alpha"]')
        project = f'[project]\nname = "shop"\nversion = "1.0"\ndependencies = ["gamma"]\n{backend}'
        box.scratch.write({"pyproject.toml": project, "backend.py": _writes_wheel("shop")})
        (box.root / "requirements.txt").unlink()
        box.scratch.environ.update(told)
        box.up("--verbose")
        assert any(one.authorised for one in index.requests)
    assert box.run("gamma") == "gamma speaks"
    both = f"{_USER}:{_PASSWORD}"
    canaries = [one.encode() for one in (_PASSWORD, base64.b64encode(both.encode()).decode())]
    kept = [place for place, held in box.everything_kept() if any(one in held for one in canaries)]
    assert kept == []


# Whom to trust


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A folder with a company's authority, and a server's certificate that it has signed."""
    folder = tmp_path / "company"
    folder.mkdir()
    run = partial(subprocess.run, cwd=folder, check=True, capture_output=True)
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run([*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=company", "-addext", "keyUsage=keyCertSign"])
    names = f"subjectAltName=IP:127.0.0.1,IP:{bridge()}"
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"]
    run([*new, "-keyout", "own.key", "-out", "own.pem", "-subj", "/CN=packages", *signed])
    (folder / "server.pem").write_text((folder / "own.key").read_text() + (folder / "own.pem").read_text())
    return folder


_ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).status)"


def test_a_companys_authority(box: Box, wheelhouse: Path, company: Path) -> None:
    """pip, uv, curl and Python trust it, in the build and afterwards; without it, none of them does."""
    box.write(SPEC + '[system]\npackages = ["curl"]\n[network]\nca = "company.pem"\n', requirements="alpha==1.0\npip\n")
    shutil.copy(company / "ca.pem", box.root / "company.pem")
    folder = company / "wheels"
    shutil.copytree(wheelhouse, folder)
    _fetch_pip(folder)
    with Index(folder, address=bridge(), tls=company / "server.pem") as index:
        box.scratch.environ["UV_DEFAULT_INDEX"] = index.url
        box.up()
        assert box.run("python", "-c", _ASK, index.url) == "200"
        assert box.run("curl", "--silent", "--fail", index.url)
        assert (
            box.run("pip", "download", "--quiet", "--index-url", index.url, "--dest", "/tmp/got", "alpha") is not None
        )
        assert box.run("uv", "pip", "install", "--quiet", "--index-url", index.url, "gamma") is not None
        box.write(SPEC + "[network]\nca = false\n", requirements="alpha==1.0\n")
        said = box.scratch.envman("up")
        assert said.code == 1
        assert "certificate" in said.err


def _fetch_pip(folder: Path) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(folder)]
    subprocess.run(["python3", "-m", "pip", "download", *quiet, "pip"], check=True)


def test_this_machines_own_authorities(box: Box) -> None:
    """Where an administrator put some, they are trusted inside; where the spec says no, nothing of them is there."""
    own = sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
    box.up()
    inside = box.run("sh", "-c", "cat /usr/local/share/ca-certificates/* 2>/dev/null || true")
    assert all(file.read_text(encoding="utf-8").split("-----")[2].strip() in inside for file in own)
    assert ("SSL_CERT_FILE" in box.run("env")) is bool(own)
    box.write(SPEC + "[network]\nca = false\n")
    box.up()
    assert box.run("sh", "-c", "ls /usr/local/share/ca-certificates; printenv SSL_CERT_FILE || true") == ""


def test_an_authority_that_is_not_there(box: Box) -> None:
    """Said before any work."""
    box.write(SPEC + '[network]\nca = "nowhere.pem"\n')
    said = box.scratch.envman("up")
    assert (said.code, "nowhere.pem is not there" in said.err) == (2, True)


# Proxies


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Proxy(_Quiet):
    """Hands on what it is asked for, and remembers it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.path, timeout=60) as answer:
                body = answer.read()
                self.send_response(answer.status)
        except OSError as error:
            body = b""
            self.send_response(getattr(error, "code", 502))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _served:
    def __init__(self, server: http.server.HTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return self._server.server_port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("where", ["127.0.0.1", "the bridge"])
def test_a_proxy(box: Box, where: str) -> None:
    """The build goes through it, the processes inside are told of it, and no image knows of it."""
    address = where if "." in where else bridge()
    _Proxy.asked.clear()
    spec = SPEC + '[env]\nWORD = "one"\n[services.other]\nrun = "sleep 600"\n'
    with (
        _served(http.server.ThreadingHTTPServer((address, 0), _Proxy)) as port,
        base(f"FROM python:3.12-slim-bookworm\nENV OF_THIS_TEST={uuid4().hex}\n") as name,
    ):
        there = f"http://{_USER}:{_PASSWORD}@{address}:{port}"
        told = {"HTTP_PROXY": there, "http_proxy": there, "NO_PROXY": "127.0.0.1,example.org"}
        box.write(f'{spec}[docker]\nbase = "{name}"\n')
        box.scratch.environ.update(told)
        box.up("--refresh")
        env = dict(line.split("=", 1) for line in box.run("env").splitlines() if "=" in line)
        kept = [place for place, held in box.everything_kept() if _PASSWORD.encode() in held]
    assert any("debian" in asked for asked in _Proxy.asked), "apt went through it"
    if address == "127.0.0.1":
        assert "HTTP_PROXY" not in env, "nobody in there could reach it"
    else:
        assert env["HTTP_PROXY"] == env["http_proxy"] == there
        assert {"127.0.0.1", "example.org", "other", "localhost"} <= set(env["NO_PROXY"].split(","))
    # What a process of the project is told stands in a file that only the user can reach.
    assert [place for place in kept if "variables" not in os.path.basename(place)] == []
