"""From files to a spec: layers, overlays, and every problem at once with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from envman.errors import UsageError
from envman.problem import Problem
from envman.spec.load import find_root, load
from envman.spec.model import Command, Spec


def write(folder: Path, **files: str) -> Path:
    names = {"spec": "envman.toml", "local": "envman.local.toml", "pyproject": "pyproject.toml"}
    for key, text in files.items():
        (folder / names[key]).write_text(text, encoding="utf-8")
    return folder


def spec(folder: Path, **files: str) -> Spec:
    return load(write(folder, **files)).spec


def problems(folder: Path, profiles: list[str] | None = None, **files: str) -> list[Problem]:
    with pytest.raises(UsageError) as caught:
        load(write(folder, **files), profiles=profiles)
    return list(caught.value.problems)


def places(found: list[Problem]) -> list[tuple[str, int | None, int | None, str | None]]:
    return [(Path(one.file or "").name, one.line, one.column, one.key) for one in found]


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        spec='nam = "shop"\n[python]\nversion = 3.12\ngroups = ["dev", 7]\n[ports]\nweb = 99999\n'
        '[env]\n1X = "a"\nY = "{ports.wep.host}"\n',
        local="[tasks]\ntest = []\n[profile.ci]\nbackedn = 1\n",
    )
    assert places(found) == [
        ("envman.local.toml", 2, 1, "tasks.test"),
        ("envman.local.toml", 4, 1, "backedn"),
        ("envman.toml", 1, 1, "nam"),
        ("envman.toml", 3, 1, "python.version"),
        ("envman.toml", 4, 18, "python.groups[1]"),
        ("envman.toml", 6, 1, "ports.web"),
        ("envman.toml", 8, 1, "env.1X"),
        ("envman.toml", 9, 1, "env.Y"),
    ]
    assert [one.hint for one in found if one.key in ("nam", "backedn")] == [
        'did you mean "backend"?',
        'did you mean "name"?',
    ]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a = = 1\n", 1, "TOML"),
        ("x = {\n a = 1\n}\n", 1, "TOML"),
        ("a = 1\na = 2\n", 2, "TOML"),
        ("x = " + "[" * 5000, None, "nested"),
        ("x = 1" + "0" * 5000, None, "TOML"),
        ("d = 2026-13-45\n", None, "TOML"),
    ],
)
def test_broken_toml_is_told_with_its_line(tmp_path: Path, text: str, line: int | None, told: str) -> None:
    (found,) = problems(tmp_path, spec=text)
    assert told in found.message
    assert line is None or found.line == line


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "envman.toml").write_bytes(b'name = "a"\nx = "\xff"\n')
    (found,) = problems(tmp_path)
    assert (found.message, found.line) == ("is not UTF-8", 2)
    (tmp_path / "envman.toml").unlink()
    (tmp_path / "envman.toml").mkdir()
    assert "cannot be read" in problems(tmp_path)[0].message


def test_lines_are_counted_alike_whatever_ends_them(tmp_path: Path) -> None:
    (tmp_path / "envman.toml").write_bytes(b'# one\r\n\r\n[python]\r\nversoin = "3.12"\r\n')
    assert places(problems(tmp_path)) == [("envman.toml", 4, 1, "python.versoin")]


def test_overlays_merge_tables_replace_lists_and_remove_with_false(tmp_path: Path) -> None:
    found = spec(
        tmp_path,
        spec='env_files = ["a"]\nprofiles = ["ci"]\n[env]\nA = "1"\nB = "1"\nC = "1"\n[tasks]\nx = "x"\n'
        '[profile.ci]\nenv_files = ["b"]\n[profile.ci.env]\nB = "2"\nC = "2"\n',
        local='[env]\nC = "3"\nA = false\n[tasks]\nx = false\n',
    )
    assert found.env_files == ("b",)
    assert {name: str(value[0].text) for name, value in found.env.variables.items() if hasattr(value[0], "text")} == {
        "B": "2",
        "C": "3",
    }
    assert found.tasks == {}


def test_pyproject_may_hold_the_spec_but_not_beside_another(tmp_path: Path) -> None:
    table = '[project]\nname = "x"\n[tool.envman]\nname = "shop"\nbakend = "venv"\n'
    assert places(problems(tmp_path, pyproject=table)) == [("pyproject.toml", 5, 1, "bakend")]
    (both,) = problems(tmp_path, pyproject=table, spec="")
    assert "both" in both.message


def test_an_old_envman_says_so_instead_of_unknown_key(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, spec='requires = ">=99"\nfuture_key = 1\n')
    assert (found.key, found.line) == ("requires", 1)
    assert spec(tmp_path, spec='requires = ">=0.1"\n').requires == ">=0.1"


def test_commands_are_lines_or_programs(tmp_path: Path) -> None:
    tasks = spec(tmp_path, spec='[tasks]\na = "x | y"\nb = ["x", "y z"]\n').tasks
    assert tasks["a"].argv() == ("sh", "-c", "x | y")
    assert tasks["a"].argv(("1", "2")) == ("sh", "-c", 'x | y "$@"', "sh", "1", "2")
    assert tasks["b"] == Command(("x", "y z"))
    assert tasks["b"].argv(("-v",)) == ("x", "y z", "-v")


def test_services_are_checked_among_each_other(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        spec='[services.a]\nuse = "x"\nimage = "y"\n[services.b]\nrun = "x"\nneeds = ["c"]\n'
        '[services.c]\nrun = "y"\nneeds = ["b"]\n'
        '[env]\nU = "{services.d.url}"\n',
    )
    said = " ".join(one.message for one in found)
    assert "has use and image" in said
    assert "b → c → b" in said
    assert 'there is no "d" in services' in said


def test_the_nearest_spec_upwards_is_the_projects(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    write(tmp_path, spec="")
    assert find_root(inner) == tmp_path
    write(tmp_path / "a", pyproject="[tool.envman]\n")
    assert find_root(inner) == tmp_path / "a"
    write(inner, pyproject="[tool.other]\n")
    assert find_root(inner) == tmp_path / "a"
