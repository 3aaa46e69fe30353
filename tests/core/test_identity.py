"""Which project a folder is: made, moved, copied, cleaned, forged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from envman import generated, identity, paths
from envman.errors import EnvmanError
from envman.files import read_json
from envman.identity import Identity

RECORD = "project.json"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder that nobody has claimed."""
    return folder(tmp_path / "shop")


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def written(root: Path) -> str:
    return (root / generated.FOLDER / "id").read_text(encoding="ascii").strip()


def test_a_folder_has_none_before_it_is_claimed_and_asking_leaves_nothing(shop: Path, tmp_path: Path) -> None:
    assert identity.find(shop, "shop") is None
    assert list(shop.iterdir()) == []
    assert not (tmp_path / "data").exists()
    assert identity.known() == []


def test_a_claimed_folder_is_known_by_both_halves(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    assert written(shop) == own.id
    assert len(own.id) == 16
    assert set(own.id) <= set("0123456789abcdef")
    assert identity.find(shop, "shop") == own == identity.claim(shop, "shop")
    assert own.folder == Path(paths.project_folder(own.id))
    ((known, record),) = identity.known()
    assert known == own
    assert (record["root"], record["name"]) == (str(shop), "shop")


@pytest.mark.parametrize("name", ["größe 日本", "-dash", "new\nline", 'it\'s "so"', "..."])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    root = folder(tmp_path / "deep" / name)
    own = identity.claim(root, name)
    assert identity.find(root, name) == own
    shutil.rmtree(root / generated.FOLDER)
    assert identity.find(root, name) == own


def test_two_folders_of_one_name_are_two_projects(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "a" / "shop"), folder(tmp_path / "b" / "shop")
    assert identity.claim(one, "shop").id != identity.claim(two, "shop").id
    assert len(identity.known()) == 2


def test_git_does_not_see_what_is_generated(shop: Path) -> None:
    identity.claim(shop, "shop")
    assert (shop / generated.FOLDER / ".gitignore").read_text("utf-8").splitlines()[-1] == "*"


def test_a_moved_folder_is_adopted_and_then_at_home(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    identity.remember(own, ports={"web": 8000})
    moved = shop.rename(tmp_path / "elsewhere")
    assert identity.find(moved, "shop") == Identity(id=own.id, moved_from=shop)
    assert identity.claim(moved, "shop").id == own.id
    assert identity.find(moved, "shop") == Identity(id=own.id)
    assert identity.recall(own)["root"] == str(moved)
    assert identity.recall(own)["ports"] == {"web": 8000}


def test_what_stands_where_a_moved_folder_was_is_another_project(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    shop.rename(tmp_path / "elsewhere")
    folder(shop)
    assert identity.find(shop, "shop") is None
    assert identity.claim(shop, "shop").id != own.id
    assert identity.find(tmp_path / "elsewhere", "shop") == Identity(id=own.id, moved_from=shop)


def test_a_copy_is_another_project_and_the_first_keeps_its_own(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    copy = tmp_path / "copy"
    shutil.copytree(shop, copy)
    assert identity.find(copy, "shop") is None
    other = identity.claim(copy, "shop")
    assert other.id != own.id
    assert (written(copy), written(shop)) == (other.id, own.id)
    assert identity.find(shop, "shop") == own


def test_one_folder_under_two_paths_is_one_project(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    link = tmp_path / "link"
    link.symlink_to(shop)
    found = identity.find(link, "shop")
    assert found is not None
    assert found.id == own.id


def test_a_cleaned_checkout_gets_its_id_back(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    shutil.rmtree(shop / generated.FOLDER)
    assert identity.find(shop, "shop") == own
    assert identity.claim(shop, "shop") == own
    assert written(shop) == own.id


def test_a_cleaned_checkout_of_another_name_inherits_nothing(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    shutil.rmtree(shop / generated.FOLDER)
    assert identity.find(shop, "another") is None
    assert identity.claim(shop, "another").id != own.id


def test_another_folder_that_was_put_in_its_place_inherits_nothing(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    other = folder(tmp_path / "other")
    shutil.rmtree(shop / generated.FOLDER)
    shop.rename(tmp_path / "aside")
    other.rename(shop)
    assert identity.find(shop, "shop") is None
    assert identity.claim(shop, "shop").id != own.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0123456789abcdef",
        "0123456789ABCDEF",
        "../../../../../etc",
        "a" * 5000,
        "0123456789abcde/",
        "größe 日本 größe!",
    ],
)
def test_an_id_that_was_never_given_counts_for_nothing(shop: Path, text: str) -> None:
    file = folder(shop / generated.FOLDER) / "id"
    file.write_text(text, encoding="utf-8")
    assert identity.find(shop, "shop") is None
    own = identity.claim(shop, "shop")
    assert written(shop) == own.id != text


def test_an_id_of_somebody_elses_checkout_takes_nothing_over(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    foreign = folder(tmp_path / "foreign")
    (folder(foreign / generated.FOLDER) / "id").write_text(own.id, encoding="ascii")
    assert identity.find(foreign, "shop") is None
    assert identity.claim(foreign, "shop").id != own.id
    assert identity.find(shop, "shop") == own


def test_a_renamed_project_keeps_its_id(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    assert identity.claim(shop, "renamed") == own
    assert identity.recall(own)["name"] == "renamed"


def test_what_is_remembered_stays_beside_what_was(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    identity.remember(own, python="3.12.4", ports={"web": 8000})
    identity.remember(own, ports={"web": 8001})
    identity.claim(shop, "shop")
    kept = identity.recall(own)
    assert (kept["python"], kept["ports"], kept["root"]) == ("3.12.4", {"web": 8001}, str(shop))
    assert isinstance(kept["created"], int)
    assert identity.recall(None) == {}


def test_a_claim_that_changes_nothing_writes_nothing(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    record = own.folder / RECORD
    files = [record, shop / generated.FOLDER / "id"]
    for file in files:
        os.utime(file, ns=(1, 1))
    identity.claim(shop, "shop")
    assert [file.stat().st_mtime_ns for file in files] == [1, 1]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"root": 7}', "\0"])
def test_a_damaged_record_is_the_same_as_none(shop: Path, content: str) -> None:
    own = identity.claim(shop, "shop")
    (own.folder / RECORD).write_text(content, encoding="utf-8")
    assert identity.find(shop, "shop") is None
    new = identity.claim(shop, "shop")
    assert read_json(new.folder / RECORD)["root"] == str(shop)
    assert identity.find(shop, "shop") == new


def test_a_forgotten_project_gets_a_new_id(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    identity.forget(own, data=False)
    assert identity.find(shop, "shop") is None
    assert identity.known() == []
    assert not own.folder.exists()
    assert identity.claim(shop, "shop").id != own.id
    identity.forget(own, data=False)


def test_data_that_is_kept_finds_its_project_again(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    (folder(own.data / "db") / "canary").write_text("alive", encoding="utf-8")
    folder(own.folder / "locks")
    identity.forget(own, data=False)
    assert sorted(entry.name for entry in own.folder.iterdir()) == ["data", RECORD]
    shutil.rmtree(shop / generated.FOLDER)
    assert identity.claim(shop, "shop") == own
    assert (own.data / "db" / "canary").read_text("utf-8") == "alive"
    identity.forget(own, data=True)
    assert not own.folder.exists()
    assert identity.find(shop, "shop") is None


def test_no_link_is_followed_out_of_what_is_forgotten(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    outside = folder(tmp_path / "outside")
    (outside / "canary").write_text("alive", encoding="utf-8")
    (own.folder / "logs").symlink_to(outside)
    own.data.symlink_to(outside)
    identity.forget(own, data=True)
    assert (outside / "canary").exists()
    assert not own.folder.exists()


def test_a_project_lives_where_its_folder_is_not_another_projects(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    assert identity.lives_at(own, shop)
    shutil.rmtree(shop / generated.FOLDER)
    assert identity.lives_at(own, shop)
    other = identity.claim(folder(tmp_path / "other"), "other")
    assert not identity.lives_at(own, tmp_path / "other")
    assert identity.lives_at(other, tmp_path / "other")
    assert not identity.lives_at(own, tmp_path / "absent")


def test_forgetting_one_project_leaves_the_others(shop: Path, tmp_path: Path) -> None:
    own = identity.claim(shop, "shop")
    other = identity.claim(folder(tmp_path / "other"), "other")
    identity.forget(own, data=True)
    assert [known for known, _ in identity.known()] == [other]


def test_projects_whose_folder_is_gone_are_still_known(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    shutil.rmtree(shop)
    assert [known for known, _ in identity.known()] == [own]


def test_things_that_are_no_projects_are_not_known(shop: Path) -> None:
    own = identity.claim(shop, "shop")
    (own.folder.parent / "file").write_text("", encoding="utf-8")
    folder(own.folder.parent / "empty")
    assert [known for known, _ in identity.known()] == [own]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVMAN_DATA", str(tmp_path / "data"))


def test_a_copy_does_not_take_the_id_of_a_checkout_that_was_cleaned(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    own = identity.claim(shop, "shop")
    shutil.copytree(shop, tmp_path / "copy")
    shutil.rmtree(shop / generated.FOLDER)  # git clean -fdx
    assert identity.claim(tmp_path / "copy", "shop").id != own.id
    assert identity.find(shop, "shop") == own


def test_a_folder_whose_name_is_no_utf8_can_be_claimed_or_is_refused_in_words(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(str(tmp_path)) + b"/caf\xe9"))
    root.mkdir()
    try:
        own = identity.claim(root, "cafe")
    except (EnvmanError, OSError):
        return
    assert identity.find(root, "cafe") == own
