"""What is remembered of a project on one backend: whole, of this format, or none at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envman import state
from envman.state import Record


def test_a_record_comes_back(tmp_path: Path) -> None:
    record = Record().with_hook("setup:a", "1").with_hook("größe 日本", "2").with_hook("setup:a", "3")
    state.write(tmp_path / "deep", "venv", record)
    assert state.read(tmp_path / "deep", "venv") == Record(hooks={"setup:a": "3", "größe 日本": "2"})


def test_a_record_with_another_hook_leaves_the_one_before_as_it_was() -> None:
    before = Record(hooks={"a": "1"})
    assert before.with_hook("b", "2").hooks == {"a": "1", "b": "2"}
    assert before.hooks == {"a": "1"}


def test_every_backend_has_its_own(tmp_path: Path) -> None:
    state.write(tmp_path, "venv", Record(hooks={"a": "1"}))
    assert state.read(tmp_path, "docker") == Record()
    state.write(tmp_path, "docker", Record(hooks={"a": "2"}))
    state.forget(tmp_path, "docker")
    assert state.read(tmp_path, "docker") == Record()
    assert state.read(tmp_path, "venv") == Record(hooks={"a": "1"})


def test_where_nothing_was_done_nothing_is_remembered(tmp_path: Path) -> None:
    assert state.read(None, "venv") == Record()
    assert state.read(tmp_path / "absent", "venv") == Record()
    state.forget(tmp_path, "venv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"format": 1},
        {"format": 1, "hooks": None},
        {"format": 1, "hooks": ["a"]},
        {"format": 2, "hooks": {"a": "1"}},
        {"format": "1", "hooks": {"a": "1"}},
        {"hooks": {"a": "1"}},
    ],
)
def test_a_record_of_another_format_is_none(tmp_path: Path, content: Any) -> None:
    (tmp_path / "venv.json").write_text(json.dumps(content), encoding="utf-8")
    assert state.read(tmp_path, "venv") == Record()


def test_every_shorter_piece_of_a_record_is_none(tmp_path: Path) -> None:
    state.write(tmp_path, "venv", Record(hooks={"setup:größe": "1"}))
    file = tmp_path / "venv.json"
    whole = file.read_bytes()
    for end in range(len(whole.rstrip())):
        file.write_bytes(whole[:end])
        assert state.read(tmp_path, "venv") == Record(), whole[:end]


def test_a_record_that_is_written_over_a_damaged_one_counts(tmp_path: Path) -> None:
    (tmp_path / "venv.json").write_bytes(b"\xff")
    state.write(tmp_path, "venv", state.read(tmp_path, "venv").with_hook("a", "1"))
    assert state.read(tmp_path, "venv").hooks == {"a": "1"}


@pytest.mark.parametrize("fingerprint", [None, 7, ["x"], {"a": 1}])
def test_a_fingerprint_of_the_wrong_type_matches_no_real_one(tmp_path: Path, fingerprint: Any) -> None:
    content = {"format": 1, "hooks": {"a": fingerprint, "b": "right"}}
    (tmp_path / "venv.json").write_text(json.dumps(content), encoding="utf-8")
    hooks = state.read(tmp_path, "venv").hooks
    assert hooks["b"] == "right"
    assert len(hooks.get("a", "")) < 16
