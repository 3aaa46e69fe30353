"""Canaries planted as secrets reach the processes that need them, and are found nowhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.index import Index
from tests.support.scratch import Outcome, Scratch

pytestmark = pytest.mark.engine

PASSWORD = "canary-of-the-index"
FILE_CANARY = "canary-of-the-env-file"
HOST_CANARY = "canary-of-the-host"
LINES = "canary-line-one\ncanary-line-two"

# It says all that it knows and fails, which is how secrets come into logs and messages.
TELLTALE = """\
env_files = ["secret.env"]

[env]
TOKEN = "${HOST_TOKEN}"
KEY = "${HOST_KEY:-none}"
BOTH = "user:${HOST_TOKEN}@place"

[hooks]
setup = ["env; env >&2; cat secret.env; test -e allowed"]
"""


class SlowIndex(Index):
    """An index that takes its time, so that uv can be looked at while it waits."""

    def _body(self, path: str) -> bytes | None:
        time.sleep(0.4)
        return super()._body(path)


@pytest.fixture
def guarded(wheelhouse: Path) -> Iterator[Index]:
    """An index that wants a password."""
    with Index(wheelhouse, user="deploy", password=PASSWORD) as served:
        yield served


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A user whose settings say nothing about indexes, and whose cache is empty."""
    del scratch.environ["UV_DEFAULT_INDEX"], scratch.environ["PIP_CONFIG_FILE"]
    scratch.environ["UV_CACHE_DIR"] = str(scratch.home / "own-cache")
    return scratch


def found_in(shop: Scratch, canary: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """The files of ours and of the project's that hold a canary, the user's own left out."""
    own = {shop.root / name for name in but}
    places = (shop.data, shop.home / "cache", shop.root)
    files = (path for place in places for path in place.rglob("*") if path.is_file() and path not in own)
    return [str(path) for path in files if canary.encode() in path.read_bytes() or canary in path.name]


def is_unspoken(outcome: Outcome, *canaries: str) -> None:
    for canary in canaries:
        assert canary not in outcome.out
        assert canary not in outcome.err


def everything_said(shop: Scratch) -> Iterator[Outcome]:
    for words in (
        ("plan",), ("plan", "--json", "--verbose"), ("status",), ("status", "--json"), ("check", "--json"),
        ("up", "--verbose"), ("up", "--json"), ("doctor",), ("list", "--json"), ("lock", "--verbose"),
    ):  # fmt: skip
        yield shop.envman(*words)


def test_values_of_env_files_and_of_the_host_are_found_nowhere(scratch: Scratch) -> None:
    one, two = LINES.splitlines()
    scratch.environ.update({"HOST_TOKEN": HOST_CANARY, "HOST_KEY": LINES})
    scratch.write(
        {"requirements.txt": "alpha\n", "envman.toml": TELLTALE, "secret.env": f'PASSWORD = "{FILE_CANARY}"\n'}
    )
    canaries = (FILE_CANARY, HOST_CANARY, one, two)
    for outcome in everything_said(scratch):
        is_unspoken(outcome, *canaries)
    failed = scratch.envman("up", "--verbose")
    assert failed.code == 1
    assert "PASSWORD=•••" in failed.err
    assert "BOTH=user:•••@place" in failed.err
    scratch.write({"allowed": ""})
    for outcome in everything_said(scratch):
        is_unspoken(outcome, *canaries)
    for canary in canaries:
        assert found_in(scratch, canary, but=("secret.env",)) == []
    # They are not lost either: whoever runs inside has them.
    said = scratch.envman("run", "sh", "-c", 'echo "$PASSWORD $TOKEN $KEY"')
    assert said.out == f"{FILE_CANARY} {HOST_CANARY} {LINES}\n"


def by_variable(shop: Scratch, guarded: Index) -> None:
    shop.environ["UV_DEFAULT_INDEX"] = guarded.url_with_credentials
    shop.write({"requirements.txt": "beta\n"})


def by_netrc(shop: Scratch, guarded: Index) -> None:
    shop.environ["UV_DEFAULT_INDEX"] = guarded.url
    file = shop.home / "netrc"
    file.write_text(f"machine {urlsplit(guarded.url).hostname} login deploy password {PASSWORD}\n", encoding="utf-8")
    file.chmod(0o600)
    shop.environ["NETRC"] = str(file)
    shop.write({"requirements.txt": "beta\n"})


def by_name_of_the_index(shop: Scratch, guarded: Index) -> None:
    shop.environ.update({"UV_INDEX_OURS_USERNAME": "deploy", "UV_INDEX_OURS_PASSWORD": PASSWORD})
    index = f'[[tool.uv.index]]\nname = "ours"\nurl = "{guarded.url}"\ndefault = true\n'
    shop.write({"pyproject.toml": f'[project]\nname = "shop"\nversion = "1"\ndependencies = ["beta"]\n{index}'})


def by_pip_variable(shop: Scratch, guarded: Index) -> None:
    shop.environ["PIP_INDEX_URL"] = guarded.url_with_credentials
    shop.write({"requirements.txt": "beta\n"})


def by_pip_conf(shop: Scratch, guarded: Index) -> None:
    file = shop.home / "config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(f"[global]\nindex-url = {guarded.url_with_credentials}\n", encoding="utf-8")
    shop.write({"requirements.txt": "beta\n"})


WAYS = [by_variable, by_netrc, by_name_of_the_index, by_pip_variable, by_pip_conf]


@pytest.mark.parametrize("way", WAYS)
def test_the_password_of_an_index_is_used_and_found_nowhere(shop: Scratch, guarded: Index, way: object) -> None:
    assert callable(way)
    way(shop, guarded)
    shop.write({"envman.toml": '[hooks]\nsetup = ["env | grep -v ^UV_INDEX_OURS_; test -e allowed"]\n'})
    failed = shop.envman("up", "--verbose")
    assert failed.code == 1, failed.err
    assert "hook setup" in failed.err, failed.err
    is_unspoken(failed, PASSWORD)
    assert any(request.authorised and request.path.startswith("/files/") for request in guarded.requests)
    shop.write({"allowed": ""})
    for outcome in everything_said(shop):
        is_unspoken(outcome, PASSWORD)
        assert outcome.code == 0, outcome.err
    assert set(shop.installed()) >= {"alpha", "beta"}
    assert found_in(shop, PASSWORD) == []
    # A lock that is committed names the index without its password, and installs from there.
    assert shop.envman("up").code == 0
    assert found_in(shop, PASSWORD) == []


def test_a_refused_password_is_told_without_the_password(shop: Scratch, guarded: Index) -> None:
    shop.environ["UV_DEFAULT_INDEX"] = guarded.url_with_credentials.replace(PASSWORD, "canary-wrong")
    shop.write({"requirements.txt": "beta\n"})
    for words in (("up", "--verbose"), ("up", "--json"), ("run", "true")):
        failed = shop.envman(*words)
        assert failed.code in (1, 125)
        assert "the package index refused the credentials" in failed.err
        is_unspoken(failed, "canary-wrong")
    assert found_in(shop, "canary-wrong") == []


def descendants(of: int) -> Iterator[str]:
    """The command lines below a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
    for process in list(parents):
        above = process
        while above not in (0, 1, of):
            above = parents.get(above, 0)
        if above == of:
            try:
                yield (Path("/proc") / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue


def test_no_command_line_shows_a_secret(shop: Scratch, wheelhouse: Path) -> None:
    with SlowIndex(wheelhouse, user="deploy", password=PASSWORD) as slow:
        by_variable(shop, slow)
        shop.environ["HOST_TOKEN"] = HOST_CANARY
        spec = TELLTALE.replace("env; env >&2; cat secret.env; test -e allowed", "sleep 0.3")
        shop.write({"envman.toml": spec, "secret.env": f"PASSWORD={FILE_CANARY}\n"})
        call = shop.start("up")
        seen: set[str] = set()
        end = time.monotonic() + 30
        while call.poll() is None and time.monotonic() < end:
            seen.update(descendants(call.pid))
            time.sleep(0.02)
        _, err = call.communicate(timeout=15)
    assert call.returncode == 0, err
    lines = "\n".join(seen)
    assert "pip compile" in lines, lines
    assert "pip sync" in lines
    assert "sleep 0.3" in lines
    for canary in (PASSWORD, FILE_CANARY, HOST_CANARY):
        assert canary not in lines


def test_state_is_readable_by_its_owner_alone_where_it_holds_values(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "alpha\n", "envman.toml": '[env]\nKEY = "written-in-the-spec"\n'})
    scratch.up()
    (ready,) = scratch.data.glob("projects/*/ready")
    assert ready.stat().st_mode & 0o077 == 0
    assert os.getuid() == ready.stat().st_uid


def test_a_password_in_a_direct_address_is_not_written_into_a_lock(shop: Scratch, guarded: Index) -> None:
    shop.environ.update({"UV_DEFAULT_INDEX": guarded.url_with_credentials, "HOST_PASSWORD": PASSWORD})
    address = f"http://deploy:${{HOST_PASSWORD}}@{guarded.host}/files/alpha-1.0-py3-none-any.whl"
    shop.write({"requirements.txt": f"alpha @ {address}\n"})
    refused = shop.envman("up", "--verbose")
    assert refused.code == 1
    assert "a direct address with a password would be written into the lock" in refused.err
    assert "~/.netrc" in refused.err
    is_unspoken(refused, PASSWORD)
    assert found_in(shop, PASSWORD) == []
