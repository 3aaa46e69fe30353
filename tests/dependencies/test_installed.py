"""What is installed, by the names of its metadata folders, and what has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from envman.dependencies import installed


@pytest.mark.parametrize(
    "name",
    ["alpha", "Alpha", "ruamel.yaml", "a_b", "A__B", "a-_.-b", "zope.interface", "Flask-SQLAlchemy", "a---b"],
)
def test_names_are_compared_in_the_form_of_the_standard(name: str) -> None:
    assert installed.normal(name) == canonicalize_name(name)


def test_packages_are_read_from_their_metadata_folders_alone(tmp_path: Path) -> None:
    for name in (
        "Flask_SQLAlchemy-3.1.1.dist-info",
        "ruamel.yaml-0.18.dist-info",
        "torch-2.5.1+cpu.dist-info",
        "alpha-1.0rc1.dist-info",
        "alpha",
        "beta-1.0.dist-info.tmp",
        "__pycache__",
        "größe",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "gamma.py").touch()
    assert installed.read(tmp_path) == {
        "alpha": "1.0rc1",
        "flask-sqlalchemy": "3.1.1",
        "ruamel-yaml": "0.18",
        "torch": "2.5.1+cpu",
    }
    assert list(installed.read(tmp_path)) == sorted(installed.read(tmp_path))


def test_a_folder_that_cannot_be_read_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert installed.read(tmp_path) == installed.read(tmp_path / "absent") == installed.read(tmp_path / "file") == {}


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({}, {}, ()),
        ({"a": "1"}, {"a": "1"}, ()),
        ({}, {"a": "1"}, ("+ a 1",)),
        ({"a": "1"}, {}, ("- a 1",)),
        ({"a": "1"}, {"a": "2"}, ("~ a 1 → 2",)),
        ({"b": "1", "z": "1"}, {"a": "1", "c": "1", "z": "2"}, ("+ a 1", "- b 1", "+ c 1", "~ z 1 → 2")),
        ({"a": ""}, {"a": "1"}, ("~ a  → 1",)),
    ],
)
def test_a_change_is_a_line_a_package_in_the_order_of_their_names(
    before: dict[str, str], after: dict[str, str], lines: tuple[str, ...]
) -> None:
    assert installed.changes(before, after) == lines
