"""The reference pages say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import generate
from envman import errors

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("file", generate.pages(), ids=lambda file: file.name)
def test_a_generated_page_is_what_the_generator_gives(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == generate.pages()[file], "run: make docs"


def test_the_page_of_exit_codes_names_every_one() -> None:
    page = (ROOT / "docs" / "reference" / "exit-codes-json.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    classes = [value for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "exit_code")]
    constants = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert told == {0} | constants | {one.exit_code for one in classes}


def test_every_variable_of_the_user_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(ENVMAN_\w+)` \|", page, re.MULTILINE))
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "envman").rglob("*.py"))
    # What envman tells its shells, and the processes that stand in for commands elsewhere.
    assert told == set(re.findall(r"(?<!_)\bENVMAN_[A-Z_]+\b", sources)) - {"ENVMAN_ACTIVE", "ENVMAN_INSIDE"}
