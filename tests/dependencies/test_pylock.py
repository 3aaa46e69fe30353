"""pylock.toml files: read whatever they hold, selected for a Python, joined, written so that they come back."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from envman.dependencies import pylock

WHEEL = {"name": "a-1.0-py3-none-any.whl", "url": "https://example.com/a.whl", "hashes": {"sha256": "0" * 64}}


def lock(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"lock-version": "1.0", "created-by": "test", **more, "packages": list(entries)}


def package(name: str, version: str = "1.0", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, **more}


@pytest.mark.parametrize("damage", [b"", b"= =", b"\xff", b'packages = "x"\n', b"packages = [1, 'x']\n"])
def test_a_damaged_lock_has_no_packages(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "pylock.toml").write_bytes(damage)
    assert pylock.packages(pylock.read(tmp_path / "pylock.toml")) == []


def test_a_missing_lock_has_no_packages(tmp_path: Path) -> None:
    assert pylock.packages(pylock.read(tmp_path / "absent.toml")) == pylock.packages(pylock.read(tmp_path)) == []


@pytest.mark.parametrize(
    ("marker", "python", "applies"),
    [
        (None, "3.12.4", True),
        ("python_version >= '3.11'", "3.12.4", True),
        ("python_version < '3.10'", "3.12", False),
        ("python_version < '3.10'", "3.9", True),
        ("python_full_version >= '3.12.4'", "3.12.4", True),
        ("python_full_version >= '3.12.4'", "3.12.3", False),
        ("python_full_version == '3.12.0'", "3.12", True),
        ("sys_platform == 'no such platform'", "3.12", False),
        ("sys_platform == 'no such platform' or python_version == '3.12'", "3.12", True),
        ("extra == 'fancy'", "3.12", False),
        ("not a marker", "3.12", True),
    ],
)
def test_markers_decide_for_the_python_that_is_asked_for(marker: str | None, python: str, applies: bool) -> None:
    entry = package("Alpha_B", **({"marker": marker} if marker else {}))
    assert pylock.selected(lock(entry), python) == ({"alpha-b": "1.0"} if applies else {})


def test_of_entries_of_one_name_the_one_whose_marker_applies_is_selected() -> None:
    entries = (
        package("alpha", "1.0", marker="python_version < '3.12'"),
        package("alpha", "2.0", marker="python_version >= '3.12'"),
        {"name": "local", "directory": {"path": "."}},
    )
    assert pylock.selected(lock(*entries), "3.11.2") == {"alpha": "1.0", "local": ""}
    assert pylock.selected(lock(*entries), "3.12") == {"alpha": "2.0", "local": ""}


def test_constraints_are_requirements_of_exactly_these_versions() -> None:
    entries = (
        package("alpha", "1.0+cpu"),
        package("beta", "2.0", marker="python_version < '3.12' and extra == 'x'"),
        {"name": "local", "directory": {"path": "."}},
    )
    lines = [Requirement(line) for line in pylock.as_constraints(lock(*entries)).splitlines()]
    assert [(one.name, str(one.specifier)) for one in lines] == [("alpha", "==1.0+cpu"), ("beta", "==2.0")]
    assert lines[0].marker is None
    assert str(lines[1].marker) == 'python_version < "3.12" and extra == "x"'
    assert pylock.as_constraints({}) == ""


def test_changes_are_told_against_a_lock_that_was_there() -> None:
    before, after = lock(package("A_b"), package("c")), lock(package("a-b", "2.0"), package("d"))
    assert pylock.changes(before, after) == ("~ a-b 1.0 → 2.0", "- c 1.0", "+ d 1.0")
    assert pylock.changes(before, before) == ()
    assert pylock.changes({}, after) == ()


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    written = lock(
        package("größe", marker="python_version < '3.12' and sys_platform != \"x\"", wheels=[WHEEL, WHEEL]),
        package("one", sdist={"url": "https://example.com/a b.tar.gz", "size": 12, "hashes": {"sha256": "1"}}),
        package("local", directory={"path": "../größe b", "editable": True}),
        package("odd", note='back\\slash "quoted" \n line', empty=[], when=datetime(2026, 1, 2, tzinfo=UTC)),
        package("dated", day=date(2026, 1, 2), nested=[[1, 2], []], table={"deep": {"er": {"x": 1.5}}}),
        environments=["sys_platform == 'linux'"],
        **{"requires-python": ">=3.11"},
    )
    file = tmp_path / "deep" / "pylock.toml"
    pylock.write(file, written)
    assert pylock.read(file) == written
    assert tomllib.loads(file.read_text("utf-8")) == written


def test_tables_of_tools_stay_tables_of_tools(tmp_path: Path) -> None:
    written = {
        "lock-version": "1.0",
        "tool": {"envman": {"inputs": "x"}},
        "created-by": "y",
        "packages": [package("a")],
    }
    pylock.write(tmp_path / "pylock.toml", written)
    assert pylock.read(tmp_path / "pylock.toml") == written


def test_a_lock_without_packages_comes_back(tmp_path: Path) -> None:
    pylock.write(tmp_path / "pylock.toml", lock())
    found = pylock.read(tmp_path / "pylock.toml")
    assert found["lock-version"] == "1.0"
    assert pylock.packages(found) == []


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (None, None, None),
        (None, "python_version < '3.12'", None),
        ("python_version < '3.12'", None, None),
        ("python_version < '3.12'", "python_version < '3.12'", "python_version < '3.12'"),
        (
            "python_version < '3.12'",
            "os_name == 'nt' and os_name != 'x'",
            "(python_version < '3.12') or (os_name == 'nt' and os_name != 'x')",
        ),
    ],
)
def test_what_two_locks_have_is_needed_where_either_says_so(
    tmp_path: Path, first: str | None, second: str | None, joined: str | None
) -> None:
    def entry(marker: str | None) -> dict[str, Any]:
        return package("alpha", wheels=[WHEEL], **({"marker": marker} if marker else {}))

    pylock.write(tmp_path / "base.toml", lock(entry(first)))
    pylock.join(tmp_path / "base.toml", lock(entry(second)), tmp_path / "target.toml")
    assert pylock.packages(pylock.read(tmp_path / "target.toml")) == [entry(joined)]


def test_a_joined_lock_has_the_entries_of_both_in_order_and_the_head_of_the_first(tmp_path: Path) -> None:
    base = lock(package("beta"), package("delta"), **{"requires-python": ">=3.11"})
    pylock.write(tmp_path / "base.toml", base)
    addition = lock(package("alpha"), package("beta", "2.0"), package("gamma"), **{"requires-python": ">=3.13"})
    pylock.join(tmp_path / "base.toml", addition, tmp_path / "target.toml")
    found = pylock.read(tmp_path / "target.toml")
    assert [(entry["name"], entry["version"]) for entry in found["packages"]] == [
        ("alpha", "1.0"), ("beta", "1.0"), ("beta", "2.0"), ("delta", "1.0"), ("gamma", "1.0")
    ]  # fmt: skip
    assert found["requires-python"] == ">=3.11"
    assert pylock.read(tmp_path / "base.toml") == base


@pytest.mark.parametrize("kind", ["directory", "archive"])
@pytest.mark.parametrize(
    ("path", "moved"), [(".", ".."), ("größe b", "../größe b"), ("../up", "../../up"), ("/abs", "/abs")]
)
def test_a_place_in_the_project_is_found_from_where_the_joined_lock_stands(
    tmp_path: Path, kind: str, path: str, moved: str
) -> None:
    entry = {"name": "local", kind: {"path": path, "editable": True}}
    pylock.write(tmp_path / "pylock.toml", lock(entry))
    pylock.join(tmp_path / "pylock.toml", {}, tmp_path / ".envman" / "pylock.toml")
    (found,) = pylock.packages(pylock.read(tmp_path / ".envman" / "pylock.toml"))
    assert found == {"name": "local", kind: {"path": moved, "editable": True}}


@pytest.mark.parametrize("marker", ["'dev' in dependency_groups", "'fancy' in extras"])
def test_a_marker_of_the_standard_for_locks_is_no_defect(marker: str) -> None:
    pylock.selected(lock({"name": "alpha", "version": "1.0", "marker": marker}), "3.12.4")


def test_a_lock_whose_packages_are_a_number_has_none() -> None:
    assert pylock.packages({"packages": 7}) == []


def test_two_entries_of_one_version_are_both_kept(tmp_path: Path) -> None:
    """PEP 751 allows it: the same version from different places for different markers."""
    linux = {"name": "alpha", "version": "1.0", "marker": "sys_platform == 'linux'", "index": "https://a.example"}
    other = {"name": "alpha", "version": "1.0", "marker": "sys_platform != 'linux'", "index": "https://b.example"}
    pylock.write(tmp_path / "pylock.toml", lock(linux, other))
    pylock.join(tmp_path / "pylock.toml", {}, tmp_path / "target.toml")
    assert len(pylock.packages(pylock.read(tmp_path / "target.toml"))) == 2


@pytest.mark.parametrize("form", ["wheels", "sdist", "vcs"])
def test_every_path_of_an_entry_moves_with_the_lock(tmp_path: Path, form: str) -> None:
    place = {"path": "vendor/alpha-1.0", "hashes": {"sha256": "0" * 64}}
    entry = {"name": "alpha", "version": "1.0", form: [place] if form == "wheels" else place}
    pylock.write(tmp_path / "pylock.toml", lock(entry))
    pylock.join(tmp_path / "pylock.toml", {}, tmp_path / ".envman" / "pylock.toml")
    (found,) = pylock.packages(pylock.read(tmp_path / ".envman" / "pylock.toml"))
    moved = found[form][0] if form == "wheels" else found[form]
    assert moved["path"] == "../vendor/alpha-1.0"
