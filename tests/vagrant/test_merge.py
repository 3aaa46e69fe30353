"""What is copied in which direction: nothing of the user's is ever lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envman_vagrant import folder, merge
from envman_vagrant.folder import Record
from envman_vagrant.merge import Decision

A, B, C = "1 1000000001 644", "1 2000000002 644", "1 3000000003 644"


def _decided(before: str, here: str, there: str, *, trusted: bool = True) -> str:
    """The one word for a file that was, is here, and is there; a dash for one that is not."""
    looks = [{} if one == "-" else {"x": {"A": A, "B": B, "C": C}[one]} for one in (before, here, there)]
    done = merge.decide(*looks, trusted=trusted)
    return next((name for name in Decision.__annotations__ if getattr(done, name)), "")


@pytest.mark.parametrize(
    ("looks", "trusted", "untrusted"),
    [
        ("A A A", "", ""),
        ("- A A", "", ""),
        ("- A -", "push", "push"),
        ("- - A", "pull", "pull"),
        ("A B A", "push", "push"),
        ("A A B", "pull", "conflicts"),
        ("A B C", "conflicts", "conflicts"),
        ("A B B", "", ""),
        ("- A B", "conflicts", "conflicts"),
        ("A - A", "remove_there", "remove_there"),
        ("A - B", "pull", "pull"),
        ("A A -", "remove_here", "push"),
        ("A B -", "push", "push"),
        ("A - -", "", ""),
    ],
)
def test_every_case(looks: str, trusted: str, untrusted: str) -> None:
    assert _decided(*looks.split()) == trusted
    assert _decided(*looks.split(), trusted=False) == untrusted


_STAMPS = st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e"]), st.sampled_from([A, B, C]))


@given(_STAMPS, _STAMPS, _STAMPS, st.booleans())
def test_both_sides_end_the_same_and_nothing_that_changed_here_is_written_over(
    before: dict[str, str], here: dict[str, str], there: dict[str, str], trusted: bool
) -> None:
    done = merge.decide(before, here, there, trusted=trusted)
    touched = {*done.pull, *done.remove_here}
    assert all(name not in here or here[name] == before.get(name) for name in touched)
    mine = {name: one for name, one in here.items() if name not in done.remove_here}
    mine |= {name: there[name] for name in done.pull}
    theirs = {name: one for name, one in there.items() if name not in done.remove_there}
    theirs |= {name: here[name] for name in (*done.push, *done.conflicts)}
    assert mine == theirs == merge.settled(before, here, there, done)
    assert merge.decide(mine, mine, theirs, trusted=trusted).is_nothing


def test_a_folder_comes_with_what_is_in_it() -> None:
    done = merge.decide({}, {"mine/": "/"}, {"theirs/": "/", "theirs/x": A}, trusted=True)
    assert (done.push, done.pull) == (("mine/",), ("theirs/x",))


def test_what_is_inside_goes_before_its_folder() -> None:
    known = {"a/": "/", "a/b": A}
    assert merge.decide(known, {}, known, trusted=True).remove_there == ("a/b", "a/")


def test_a_file_that_became_a_folder() -> None:
    done = merge.decide({"a": A}, {"a": A}, {"a/": "/", "a/b": A}, trusted=True)
    assert (done.remove_here, done.pull) == (("a",), ("a/b",))
    # A file that changed here stands in the way, and stays.
    done = merge.decide({"a": A}, {"a": B}, {"a/": "/", "a/b": A}, trusted=True)
    assert (done.push, done.pull) == (("a",), ())
    done = merge.decide({"a": A}, {"a/": "/", "a/b": A}, {"a": B}, trusted=True)
    assert done.pull == ()


def test_file_systems_that_know_whole_seconds() -> None:
    assert merge.same("1 5000000000 644", "1 5123456789 644")
    assert not merge.same("1 5000000000 644", "1 6123456789 644")
    assert not merge.same("1 5000000001 644", "1 5123456789 644")
    assert not merge.same("1 5000000000 644", "1 5123456789 755")
    assert not merge.same("-> a", "-> b")
    assert not merge.same("/", A)


class TestLook:
    """What is known of the folder here."""

    def test_names_of_every_kind(self, tmp_path: Path) -> None:
        names = ["a b", "-x", "two\nlines", "ä漢🐍", "#c", "*", os.fsdecode(b"\xff\xfe")]
        for name in names:
            (tmp_path / name).write_text("x")
        (tmp_path / "link").symlink_to("nowhere")
        (tmp_path / "empty").mkdir()
        os.mkfifo(tmp_path / "pipe")
        found, _ = folder.look(str(tmp_path), ())
        assert set(found) == {*names, "link", "empty/"}
        assert found["link"] == "-> nowhere"

    @pytest.mark.parametrize(
        "change",
        [
            lambda root: (root / "new").write_text(""),
            lambda root: (root / "in/file").write_text("longer"),
            lambda root: (root / "in/file").chmod(0o755),
            lambda root: os.utime(root / "in/file", ns=(1, 1)),
            lambda root: (root / "in/file").unlink(),
            lambda root: (root / "in/file").rename(root / "in/other"),
            lambda root: (root / "more").mkdir(),
        ],
    )
    def test_any_change_is_another_digest(self, tmp_path: Path, change: Callable[[Path], object]) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in/file").write_text("x")
        before = folder.look(str(tmp_path), ())[1]
        assert folder.look(str(tmp_path), ())[1] == before
        change(tmp_path)
        assert folder.look(str(tmp_path), ())[1] != before

    @pytest.mark.parametrize("place", ["left", "a/__pycache__", "node_modules", ".envman/vagrant", ".git/objects"])
    def test_what_is_left_makes_no_difference(self, tmp_path: Path, place: str) -> None:
        (tmp_path / place).mkdir(parents=True)
        before = folder.look(str(tmp_path), ("left/",))
        (tmp_path / place / "file").write_text("x")
        assert folder.look(str(tmp_path), ("left/",)) == before


def test_the_record(tmp_path: Path) -> None:
    file = str(tmp_path / "copied")
    assert folder.read(file).here == ""
    folder.write(file, Record("a", "b", "c", ("x\ny/", os.fsdecode(b"\xff/"))))
    found = folder.read(file)
    assert (found.here, found.there, found.token) == ("a", "b", "c")
    assert found.left == ("x\ny/", os.fsdecode(b"\xff/"))
    (tmp_path / "copied").write_bytes(b"half")
    assert folder.read(file).here == ""
