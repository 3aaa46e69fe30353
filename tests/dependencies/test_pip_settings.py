"""What the user told pip about indexes, in uv's words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envman.dependencies import pip_settings

NO_FILES = {"PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a user who has told pip nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def config(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_whoever_told_pip_nothing_tells_uv_nothing() -> None:
    assert pip_settings.as_uv_variables(NO_FILES) == {}


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"PIP_INDEX_URL": "https://u:p%40@h/simple "}, {"UV_DEFAULT_INDEX": "https://u:p%40@h/simple"}),
        ({"PIP_INDEX_URL": ""}, {}),
        ({"PIP_EXTRA_INDEX_URL": "https://a\n  https://b "}, {"UV_INDEX": "https://a https://b"}),
        ({"PIP_FIND_LINKS": "/wheels  https://h/links"}, {"UV_FIND_LINKS": "/wheels,https://h/links"}),
        ({"PIP_NO_INDEX": "1"}, {"UV_NO_INDEX": "1"}),
        ({"PIP_NO_INDEX": "True"}, {"UV_NO_INDEX": "1"}),
        ({"PIP_NO_INDEX": "0"}, {}),
        ({"PIP_NO_INDEX": "false"}, {}),
        ({"PIP_TRUSTED_HOST": "a.example b.example:8080"}, {"UV_INSECURE_HOST": "a.example b.example:8080"}),
        ({"PIP_CERT": "/etc/größe ca.pem"}, {"SSL_CERT_FILE": "/etc/größe ca.pem"}),
        ({"PIP_CERT": "/pip.pem", "SSL_CERT_FILE": "/own.pem"}, {}),
        ({"PIP_PROXY": "http://proxy:3128"}, {"ALL_PROXY": "http://proxy:3128"}),
        ({"PIP_PROXY": "http://proxy:3128", "ALL_PROXY": "http://own"}, {}),
        ({"PIP_DEFAULT_TIMEOUT": "180", "PIP_QUIET": "1", "PIPX_HOME": "/x"}, {}),
    ],
)
def test_a_setting_of_pip_becomes_the_variable_of_uv(environ: dict[str, str], told: dict[str, str]) -> None:
    assert pip_settings.as_uv_variables({**NO_FILES, **environ}) == told


@pytest.mark.parametrize(
    "name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"]
)
def test_what_the_user_told_uv_itself_stays_in_force(name: str) -> None:
    environ = {**NO_FILES, "PIP_INDEX_URL": "https://pip", "PIP_EXTRA_INDEX_URL": "https://extra"}
    assert pip_settings.as_uv_variables({**environ, name: "https://uv"}) == {}
    assert pip_settings.as_uv_variables({**environ, name: ""})["UV_DEFAULT_INDEX"] == "https://pip"


@pytest.mark.parametrize(
    "text",
    [
        "[global]\nindex-url = https://conf/%40simple\n",
        "[global]\nindex_url=https://conf/%40simple\n",
        "[global]\nindex-url = https://other\n[install]\nindex-url = https://conf/%40simple\n",
        "[install]\nindex-url = https://conf/%40simple\n[global]\nindex-url = https://other\n",
        "[download]\nindex-url = https://other\n[global]\nindex-url: https://conf/%40simple\n",
    ],
)
def test_a_file_of_pip_is_read_as_pip_reads_it(home: Path, text: str) -> None:
    config(home / ".config" / "pip" / "pip.conf", text)
    assert pip_settings.as_uv_variables({})["UV_DEFAULT_INDEX"] == "https://conf/%40simple"


def test_several_lines_are_several_values(home: Path) -> None:
    config(
        home / ".config" / "pip" / "pip.conf",
        "[global]\nextra-index-url =\n    https://a\n    https://b\nfind-links =\n  /one\n  /two\n",
    )
    told = pip_settings.as_uv_variables({})
    assert (told["UV_INDEX"], told["UV_FIND_LINKS"]) == ("https://a https://b", "/one,/two")


def test_later_files_win_over_earlier_ones_and_variables_over_all(home: Path, tmp_path: Path) -> None:
    def said(environ: dict[str, str]) -> str:
        return pip_settings.read(environ)["index-url"]

    def naming(file: Path) -> Path:
        return config(file, f"[global]\nindex-url = https://{file.parent.name}\n")

    naming(home / ".pip" / "pip.conf")
    assert said({}) == "https://.pip"
    naming(home / ".config" / "pip" / "pip.conf")
    assert said({}) == "https://pip"
    naming(tmp_path / "größe xdg" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://xdg\n", encoding="utf-8"
    )
    xdg = {"XDG_CONFIG_HOME": str(tmp_path / "größe xdg")}
    assert said(xdg) == "https://xdg"
    named = naming(tmp_path / "named" / "any name.ini")
    assert said({**xdg, "PIP_CONFIG_FILE": str(named)}) == "https://named"
    assert said({"PIP_CONFIG_FILE": str(named), "PIP_INDEX_URL": "https://variable"}) == "https://variable"


def test_files_of_pip_can_be_switched_off_and_variables_stay(home: Path) -> None:
    config(home / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://conf\nproxy = http://p\n")
    assert pip_settings.as_uv_variables({**NO_FILES, "PIP_PROXY": "http://v"}) == {"ALL_PROXY": "http://v"}


@pytest.mark.parametrize(
    "damage", [b"index-url = https://x\n", b"[global\n", b"\xff\xfe", b"[global]\na=1\na=2\n", b"[global]\nindex-url\n"]
)
def test_a_file_that_pip_itself_would_refuse_says_nothing_and_the_others_still_count(home: Path, damage: bytes) -> None:
    config(home / ".config" / "pip" / "pip.conf", "").write_bytes(damage)
    config(home / ".pip" / "pip.conf", "[global]\nindex-url = https://whole\n")
    assert pip_settings.as_uv_variables({})["UV_DEFAULT_INDEX"] == "https://whole"


def test_a_named_file_that_is_not_there_is_no_failure(home: Path) -> None:
    environ = {"PIP_CONFIG_FILE": str(home / "absent.conf"), "PIP_INDEX_URL": "https://variable"}
    assert pip_settings.as_uv_variables(environ)["UV_DEFAULT_INDEX"] == "https://variable"
