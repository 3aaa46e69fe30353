"""What is written down may be old, foreign or damaged: it is never believed, and nothing ends in a defect."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.scratch import Scratch

SPEC = '[hooks]\nsetup = ["echo ran >> hooks.log"]\n'


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A project that is up."""
    scratch.write({"requirements.txt": "gamma\n", "envman.toml": SPEC})
    scratch.up()
    return scratch


def state_of(shop: Scratch) -> Path:
    (record,) = (shop.data / "projects").glob("*/project.json")
    return record.parent


def hooks_run(shop: Scratch) -> int:
    return len((shop.root / "hooks.log").read_text(encoding="utf-8").splitlines())


def test_a_note_of_the_wrong_shape_is_nobodys_note(shop: Scratch) -> None:
    file = shop.root / ".venv" / "envman.json"
    note = json.loads(file.read_text(encoding="utf-8"))
    for changed in (
        {"python": None},
        {"python": "three"},
        {"python": ""},
        {"installed": None},
        {"generation": None},
        {"path": 7},
        {"created": "yes"},
        {"nobody": "knows this"},
        {"format": 99},
    ):
        file.write_text(json.dumps({**note, **changed}), encoding="utf-8")
        said = shop.envman("plan")
        assert said.code == 0, said.err
        assert ".venv is not envman's, and is left alone" in said.out
    # Without a note that we understand it is somebody else's: it stays, and ours stands beside it.
    assert shop.up()["python"]["executable"] == str(shop.root / ".envman" / "venv" / "bin" / "python")
    assert shop.envman("run", "gamma").out == "gamma speaks\n"
    assert (shop.root / ".venv" / "bin" / "python").exists()


def test_a_note_of_another_project_does_not_make_its_environment_ours(shop: Scratch) -> None:
    file = shop.root / ".venv" / "envman.json"
    note = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**note, "project": "0123456789abcdef"}), encoding="utf-8")
    assert "it belongs to another project" in shop.envman("plan").out
    assert shop.envman("run", "gamma").out == "gamma speaks\n"
    assert json.loads(file.read_text(encoding="utf-8"))["project"] == note["project"]


def test_a_record_of_hooks_that_cannot_be_read_runs_them_again(shop: Scratch) -> None:
    contents = (
        "",
        "[]",
        "{",
        '{"format": 99}',
        '{"format": 1, "hooks": []}',
        '{"format": 1, "hooks": {"setup:x": [1]}}',
    )
    for count, content in enumerate(contents, 2):
        (state_of(shop) / "venv.json").write_text(content, encoding="utf-8")
        shop.write({"requirements.txt": "gamma\n"})
        assert [step["name"] for step in shop.up()["steps"]] == ["setup"]
        assert hooks_run(shop) == count


def test_a_record_of_the_wrong_shape_costs_no_more_than_a_new_up(shop: Scratch) -> None:
    file = state_of(shop) / "project.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    for changed in ({"root": 5}, {"name": 3}, {"place": "x"}, {"python": 3}, {"python": "x.y"}, {"backend": 5}):
        file.write_text(json.dumps({**record, **changed}), encoding="utf-8")
        for command in ("list", "plan"):
            said = shop.envman(command)
            assert said.code == 0, said.err
    shop.up()
    assert shop.envman("run", "gamma").out == "gamma speaks\n"


def test_a_ready_file_that_cannot_be_believed_is_written_anew(shop: Scratch) -> None:
    # The first import leaves a folder of bytecode, which is a change that the ready file notices once.
    shop.envman("run", "gamma")
    shop.envman("up")
    file = state_of(shop) / "ready"
    whole = file.read_bytes()
    for damage in (
        b"envman ready 1 0.0.0-older" + whole[whole.index(b"\n") :],
        whole[: len(whole) // 2],
        b"",
        b"\xff\xfe" + whole,
        whole.replace(str(shop.root).encode(), b"/elsewhere"),
    ):
        file.write_bytes(damage)
        assert shop.envman("run", "gamma").out == "gamma speaks\n"
        assert file.read_bytes() == whole
    assert hooks_run(shop) == 1


def test_an_id_that_was_never_given_is_not_taken_over(shop: Scratch) -> None:
    for written in ("0123456789abcdef", "../../../../etc", "", "x" * 5000):
        (shop.root / ".envman" / "id").write_text(written, encoding="utf-8")
        assert shop.status()["project"]["id"] != written
    given = shop.up()["project"]["id"]
    assert (shop.root / ".envman" / "id").read_text(encoding="utf-8").strip() == given
    assert {folder.name for folder in (shop.data / "projects").iterdir()} == {given}


def test_a_branch_and_back_by_way_of_an_up_redoes_only_what_differs(shop: Scratch) -> None:
    shop.write({"requirements.txt": "gamma\nalpha==1.0\n"})
    assert shop.envman("run", "python", "-c", "import alpha").code == 0
    shop.write({"requirements.txt": "gamma\n"})
    # Its resolution is still known: the way back needs no index.
    steps = shop.up(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/")["steps"]
    assert [step["name"] for step in steps] == ["packages", "setup"]
    assert set(shop.installed()) == {"gamma"}


def test_a_checkout_that_rewrites_every_file_changes_nothing(shop: Scratch) -> None:
    for name in ("requirements.txt", "envman.toml"):
        file = shop.root / name
        text = file.read_text(encoding="utf-8")
        file.unlink()
        shop.write({name: text})
        os.utime(file, (1, 1))
    assert shop.envman("plan", "--exit-code").code == 0
    assert shop.envman("run", "gamma").out == "gamma speaks\n"
    assert "nothing to do" in shop.envman("up").err
    assert hooks_run(shop) == 1


def test_a_failed_resolution_leaves_the_old_environment(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "gamma\n"})
    before = scratch.up()["python"]["version"]
    other = "3.12" if not before.startswith("3.12") else "3.13"
    scratch.write({".python-version": f"{other}\n", "requirements.txt": "gamma\nnosuchpackage\n"})
    assert scratch.envman("up").code == 1
    assert scratch.envman("run", "--no-up", "gamma").out == "gamma speaks\n"
    scratch.write({"requirements.txt": "gamma\n"})
    assert scratch.up()["python"]["version"].startswith(other)


def test_a_folder_whose_name_cannot_be_in_path_is_told(scratch: Scratch, tmp_path: Path) -> None:
    odd = Scratch(tmp_path, scratch.environ["UV_DEFAULT_INDEX"], name="a:b")
    odd.write({"requirements.txt": "gamma\n"})
    refused = odd.envman("up")
    assert refused.code == 1
    assert 'cannot be in PATH, because of the ":" in its name' in refused.err
    assert "usage:" not in refused.err
    assert odd.envman("destroy", "--yes").code == 0
    assert [path.name for path in odd.root.iterdir()] == ["requirements.txt"]
