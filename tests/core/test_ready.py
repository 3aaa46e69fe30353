"""The ready file: every value comes back as it was written, and nothing that is not whole is believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envman import __version__, ready
from envman.ready import Ready

ODD = [
    "",
    " ",
    "plain",
    "two words",
    "tab\there",
    "new\nline",
    "return\rhere",
    "\r\n",
    "back\\slash",
    r"\n",
    r"\t",
    "\\",
    "\\\n",
    "\\\\n",
    "\\\\\t\\",
    "größe 日本 🐍",
    "separators \u2028 \x0b \x1c \x85",
    os.fsdecode(b"caf\xe9"),
    "end",
    "=x",
    "-dash",
    'it\'s "so" $HOME `x`',
]


def filled(text: str = "x") -> Ready:
    file = Ready()
    file.root, file.name, file.identity = f"/home/{text}", text, "0123456789abcdef"
    file.backend, file.enter, file.summary = "venv", "envman_venv.enter", f"{text} · venv"
    file.facts = {"status": text, text: "key"}
    file.place = {"prefix": text, "label": ""}
    file.inputs = [(f"/home/{text}", 12, 1_700_000_000_123_456_789), ("/absent", -1, 0)]
    file.depends = [("DOCKER_HOST", text), ("EMPTY", "")]
    file.env_files = [(text, True), ("/home/x/.env", False)]
    file.variables = [("A", [f"={text}", "$TOKEN", f"?B:{text}"]), ("EMPTY", [])]
    file.tasks = {"test": ["sh", text], text: ["", "program", text, ""]}
    return file


def facts(file: Ready) -> dict[str, object]:
    return {name: getattr(file, name) for name in Ready.__slots__}


def keep(folder: Path, text: str) -> None:
    (folder / ready.FILE).write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


@pytest.mark.parametrize("text", ODD)
def test_what_was_written_comes_back(tmp_path: Path, text: str) -> None:
    keep(tmp_path, filled(text).dump())
    found = ready.read(str(tmp_path))
    assert found is not None
    assert facts(found) == facts(filled(text))


def test_an_empty_one_comes_back_empty() -> None:
    found = Ready.load(Ready().dump())
    assert found is not None
    assert facts(found) == facts(Ready())


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text[: len(text) // 2],
        lambda text: text.removesuffix("end\n"),
        lambda text: text + "more\n",
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(__version__, f"{__version__}.1", 1),
        lambda text: text.replace("envman ready 1", "envman ready 2", 1),
        lambda text: text.replace("\t12\t", "\ttwelve\t", 1),
        lambda text: text.replace("\t12\t", "\t", 1),
        lambda text: text.replace("\tvenv\t", "\t", 1),
        lambda text: text.replace("\nfact\tstatus\tx", "\nfact\tstatus", 1),
    ],
)
def test_one_that_is_not_whole_is_the_same_as_none(tmp_path: Path, damage: Callable[[str], str]) -> None:
    whole = filled().dump()
    damaged = damage(whole)
    assert damaged != whole
    assert Ready.load(damaged) is None
    keep(tmp_path, damaged)
    assert ready.read(str(tmp_path)) is None


def test_every_shorter_piece_of_one_is_the_same_as_none() -> None:
    whole = filled("end").dump()
    assert [cut for cut in range(len(whole)) if Ready.load(whole[:cut]) is not None] == []


def test_a_line_of_a_kind_that_nobody_knows_is_passed_over() -> None:
    found = Ready.load(filled().dump().replace("\nend\n", "\nfuture\t1\nend\n"))
    assert found is not None
    assert facts(found) == facts(filled())


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert ready.read(str(tmp_path)) is None
    assert ready.read(str(tmp_path / "absent")) is None
    (tmp_path / ready.FILE).mkdir()
    assert ready.read(str(tmp_path)) is None


def test_bytes_that_are_no_text_are_no_ready_file(tmp_path: Path) -> None:
    (tmp_path / ready.FILE).write_bytes(b"\xff\xfe\x00" * 100)
    assert ready.read(str(tmp_path)) is None


@pytest.fixture
def watched(tmp_path: Path) -> Ready:
    """A ready file whose inputs are a file, a folder, a link and something that is not there."""
    (tmp_path / "größe a.txt").write_text("one", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "leads").write_text("two", encoding="utf-8")
    (tmp_path / "link").symlink_to("leads")
    file = Ready()
    names = ("größe a.txt", "folder", "link", "absent")
    file.inputs = [ready.stamp(str(tmp_path / name)) for name in names]
    return file


def test_inputs_that_nobody_touched_are_unchanged(watched: Ready) -> None:
    assert ready.unchanged(watched)
    assert ready.unchanged(Ready())


def test_another_engine_is_a_change_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Ready()
    file.depends = [("ENVMAN_TEST_ENGINE", "tcp://one"), ("ENVMAN_TEST_NOTHING", "")]
    monkeypatch.delenv("ENVMAN_TEST_NOTHING", raising=False)
    assert not ready.unchanged(file)
    monkeypatch.setenv("ENVMAN_TEST_ENGINE", "tcp://two")
    assert not ready.unchanged(file)
    monkeypatch.setenv("ENVMAN_TEST_ENGINE", "tcp://one")
    assert ready.unchanged(file)
    monkeypatch.setenv("ENVMAN_TEST_NOTHING", "")
    assert ready.unchanged(file)
    monkeypatch.setenv("ENVMAN_TEST_NOTHING", "x")
    assert not ready.unchanged(file)


@pytest.mark.parametrize(
    "touch",
    [
        lambda root: (root / "größe a.txt").write_text("other", encoding="utf-8"),
        lambda root: os.utime(root / "größe a.txt", ns=(1, 1)),
        lambda root: (root / "größe a.txt").unlink(),
        lambda root: (root / "folder" / "new").mkdir(),
        lambda root: (root / "leads").write_text("longer", encoding="utf-8"),
        lambda root: (root / "leads").unlink(),
        lambda root: (root / "absent").write_text("", encoding="utf-8"),
        lambda root: (root / "absent").mkdir(),
    ],
)
def test_an_input_that_changed_appeared_or_went_is_noticed(
    tmp_path: Path, watched: Ready, touch: Callable[[Path], object]
) -> None:
    os.utime(tmp_path / "folder", ns=(1, 1))
    watched.inputs[1] = ready.stamp(str(tmp_path / "folder"))
    touch(tmp_path)
    assert not ready.unchanged(watched)


def test_a_stamp_sees_the_smallest_step_of_time(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    os.utime(file, ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_001))
    before = ready.stamp(str(file))
    os.utime(file, ns=(1_700_000_000_000_000_002, 1_700_000_000_000_000_002))
    assert ready.stamp(str(file)) != before
