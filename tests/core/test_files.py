"""Files that are whole or as they were, digests without seams, and removal that follows no link."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from envman.files import content, digest, read_json, readable_size, remove_tree, size_of, write_json, write_staged

WRITER = """
import sys
from pathlib import Path
from envman.files import write_staged
for _ in range(200):
    write_staged(Path(sys.argv[1]), sys.argv[2] * 50_000)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("text", ["", "one\ntwo\n", "größe 日本 🐍", "a\r\nb\rc\n", "\0"])
def test_a_file_is_written_as_it_is_and_nothing_stays_beside_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "deep" / "größe" / "-a file"
    write_staged(file, text)
    assert file.read_bytes() == text.encode()
    write_staged(file, text + "more")
    assert file.read_bytes() == text.encode() + b"more"
    assert names(file.parent) == ["-a file"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_staged(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_staged(file, "new" * 100_000 + "\ud800")
    assert file.read_text("utf-8") == "old"
    assert names(tmp_path) == ["a"]


def test_a_write_where_a_folder_stands_fails_and_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="a"):
        write_staged(tmp_path / "a", "text")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").is_dir()


def test_a_file_for_one_user_is_never_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_staged(file, "open")
    write_staged(file, "secret", mode=0o600)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_and_what_it_leads_to_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("alive", encoding="utf-8")
    (tmp_path / "link").symlink_to("target")
    write_staged(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text("utf-8") == "alive"
    assert (tmp_path / "link").read_text("utf-8") == "new"
    assert not (tmp_path / "link").is_symlink()


def test_a_reader_finds_a_whole_file_at_every_moment(tmp_path: Path) -> None:
    file, over = tmp_path / "a", threading.Event()
    whole = {letter * 200_000 for letter in "abc"}
    write_staged(file, "a" * 200_000)
    torn: list[int] = []

    def read() -> None:
        while not over.is_set():
            text = content(file).decode()
            if text not in whole:
                torn.append(len(text))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for letter in "abc" * 40:
            write_staged(file, letter * 200_000)
    finally:
        over.set()
        reader.join()
    assert torn == []


@pytest.mark.usefixtures("scratch")
def test_two_writers_at_once_leave_the_file_of_one_of_them(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "a"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(file), letter]) for letter in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert file.read_text("utf-8") in ("a" * 50_000, "b" * 50_000)
    assert names(file.parent) == ["a"]


def test_json_comes_back_and_can_be_read_by_people(tmp_path: Path) -> None:
    value = {"größe": "日本", "a": [1, None, True, {"b": "c\n"}]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    text = (tmp_path / "a.json").read_text("utf-8")
    assert "größe" in text
    assert text.endswith("}\n")


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"a": 1',
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"[" * 100_000,
        b'{"a": ' + b"1" * 5000 + b"}",
    ],
)
def test_a_damaged_or_foreign_json_file_is_an_empty_table(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.json").write_bytes(damage)
    assert read_json(tmp_path / "a.json") == {}


def test_a_missing_json_file_is_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "loop.json").symlink_to("loop.json")
    for name in ("absent.json", "folder.json", "loop.json", "absent/a.json"):
        assert read_json(tmp_path / name) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        (["abc"], ["ab", "c"]),
        (["a", ""], ["a"]),
        ([], [""]),
        (["1:a"], ["1", "a"]),
        (["a", "b"], ["b", "a"]),
        (["a1:b"], ["a", "b"]),
    ],
)
def test_in_a_digest_no_part_runs_into_the_next(one: list[str], other: list[str]) -> None:
    assert digest(one) != digest(other)


def test_a_digest_is_the_same_for_text_and_its_bytes_and_on_every_day() -> None:
    assert digest(["größe", b"x"]) == digest(["größe".encode(), "x"])
    assert digest(iter(["a"])) == digest(["a"])
    assert digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest([os.fsdecode(b"caf\xe9")]) == digest([b"caf\xe9"])


def test_what_cannot_be_read_has_no_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0\xff")
    assert content(tmp_path / "a") == b"\0\xff"
    assert content(tmp_path) == content(tmp_path / "absent") == b""


def test_the_size_of_a_folder_is_what_it_takes_on_disk(tmp_path: Path) -> None:
    inner = tmp_path / "größe" / "-deep"
    inner.mkdir(parents=True)
    (inner / "a").write_bytes(b"x" * 100_000)
    before = size_of(tmp_path)
    assert before >= 100_000
    (tmp_path / "b").write_bytes(b"x" * 50_000)
    assert size_of(tmp_path) - before >= 50_000
    assert size_of(tmp_path / "absent") == 0


def test_what_is_linked_is_counted_once_or_not_at_all(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "a").write_bytes(b"x" * 100_000)
    (outside / "big").write_bytes(b"x" * 1_000_000)
    before = size_of(folder)
    os.link(folder / "a", folder / "b")
    (folder / "out").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    assert size_of(folder) - before < 50_000


def test_a_sparse_file_takes_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1_000_000_000)
    assert size_of(tmp_path) < 1_000_000


def test_a_tree_is_removed_and_what_its_links_lead_to_stays(tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    (tree / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "canary").write_text("alive", encoding="utf-8")
    (tree / "deep" / "out").symlink_to(outside)
    (tree / "deep" / "file").symlink_to(outside / "canary")
    (tree / "gone").symlink_to("nowhere")
    remove_tree(tree)
    assert names(tmp_path) == ["outside"]
    assert names(outside) == ["canary"]


@pytest.mark.parametrize("leads_to", ["outside", "outside/canary", "nowhere"])
def test_of_a_link_only_the_link_is_removed(tmp_path: Path, leads_to: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text("alive", encoding="utf-8")
    (tmp_path / "link").symlink_to(leads_to)
    remove_tree(tmp_path / "link")
    assert names(tmp_path) == ["outside"]
    assert names(tmp_path / "outside") == ["canary"]


def test_a_file_is_removed_and_what_is_not_there_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("", encoding="utf-8")
    remove_tree(tmp_path / "a")
    remove_tree(tmp_path / "a")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_499, "1 kB"),
        (84_000_000, "84 MB"),
        (2_100_000_000, "2.1 GB"),
        (2_000_000_000_000, "2000.0 GB"),
    ],
)
def test_a_size_is_told_as_people_read_it(count: int, said: str) -> None:
    assert readable_size(count) == said


@pytest.mark.parametrize(("count", "said"), [(999_600, "1 MB"), (999_999_999, "1.0 GB")])
def test_a_size_never_has_four_digits_where_a_larger_unit_fits(count: int, said: str) -> None:
    assert readable_size(count) == said


def test_a_path_that_is_no_utf8_can_be_remembered(tmp_path: Path) -> None:
    root = os.fsdecode(b"/home/caf\xe9")
    write_json(tmp_path / "a.json", {"root": root})
    assert read_json(tmp_path / "a.json") == {"root": root}
