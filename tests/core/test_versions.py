"""Ranges of versions: the plain forms answer as `packaging` does, and the rest is left to it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from packaging.specifiers import SpecifierSet

from envman import versions
from envman.versions import Version

VERSIONS = [
    (2, 7, 18),
    (3, 9, 0),
    (3, 9, 20),
    (3, 10, 0),
    (3, 11, 0),
    (3, 11, 4),
    (3, 11, 10),
    (3, 12, 0),
    (3, 13, 1),
    (4, 0, 0),
    (10, 0, 0),
]
RANGES = [
    "",
    ">=3.11",
    ">=3.11.0",
    ">=3.11.4",
    "<=3.11",
    "<=3.11.4",
    ">3.11",
    ">3.11.4",
    "<3.11",
    "<3.11.4",
    ">=3",
    "<4",
    ">=3.9,<4",
    ">=3.11, <3.13",
    " >= 3.11 ",
    ">=3.11,",
    ">=3.11,!=3.11.4",
    "~=3.11",
    "~=3.11.4",
    "==3.11.*",
    "==3.11.4",
    "!=3.11.*",
    "===3.11.4",
    ">=3.12,<3.11",
    ">=3.11rc1",
    "<3.12.0a1",
    ">=3.09",
]


@pytest.mark.parametrize("text", RANGES)
def test_a_range_holds_the_versions_that_packaging_says(text: str) -> None:
    told = {version for version in VERSIONS if versions.contains(text, version)}
    specifier = SpecifierSet(text)
    assert told == {one for one in VERSIONS if specifier.contains(".".join(map(str, one)), prereleases=True)}
    assert versions.is_valid(text)


@pytest.mark.parametrize(
    "text",
    ["3.11", "newest", ">=", ">=3.x", "=>3.11", "=3.11", "^3.11", "~3.11", ">=3.11.*", ">=3.11 <4", ">=٣"],
)
def test_what_packaging_does_not_know_is_no_range(text: str) -> None:
    assert not versions.is_valid(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3.12.4", (3, 12, 4)),
        ("3.12", (3, 12, 0)),
        ("3", (3, 0, 0)),
        ("1.2.3.4", (1, 2, 3, 4)),
        ("0.2.0rc1", (0, 2, 0)),
        ("0.2.0.dev3", (0, 2, 0)),
        ("1.10.0", (1, 10, 0)),
    ],
)
def test_a_release_is_the_numbers_that_a_version_begins_with(text: str, numbers: Version) -> None:
    assert versions.release(text) == numbers


@pytest.mark.usefixtures("scratch")
def test_plain_ranges_cost_no_import_of_packaging() -> None:
    script = (
        "import sys; from envman import versions; versions.contains('>=3.11,<4', (3, 12, 0)); versions.is_valid('>3');"
        "sys.exit('packaging' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
