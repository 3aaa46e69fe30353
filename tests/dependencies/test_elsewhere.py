"""A lock that goes elsewhere takes along what only this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envman.dependencies import elsewhere, pylock
from envman.errors import StepFailed
from tests.support.wheels import make_wheel


def carried(tmp_path: Path, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a lock, once it stands elsewhere."""
    file = tmp_path / "pylock.toml"
    pylock.write(file, {"lock-version": "1.0", "created-by": "test", "packages": list(entries)})
    target = tmp_path / "there"
    target.mkdir()
    assert elsewhere.carry([file], target) == ["pylock.toml"]
    return pylock.packages(pylock.read(target / "pylock.toml"))


def wheels(*urls: str, **more: Any) -> dict[str, Any]:
    return {"name": "ours", "version": "1.0", "wheels": [{"url": url, **more} for url in urls]}


@pytest.mark.parametrize("folder", ["wheels", "with spaces and ä"])
def test_a_wheel_of_an_index_on_this_machine(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    wheel = make_wheel(tmp_path / folder, "ours", "1.0")
    (entry,) = carried(tmp_path, wheels(wheel.as_uri(), hashes={"sha256": "0" * 64}))
    (artefact,) = entry["wheels"]
    assert artefact["hashes"] == {"sha256": "0" * 64}
    assert "url" not in artefact
    assert (tmp_path / "there" / artefact["path"]).read_bytes() == wheel.read_bytes()
    assert Path(artefact["path"]).name == wheel.name


def test_what_can_be_fetched_there_too_stays(tmp_path: Path) -> None:
    entry = wheels("https://example.com/ours-1.0-py3-none-any.whl")
    assert carried(tmp_path, entry) == [entry]
    assert [one.name for one in (tmp_path / "there").iterdir()] == ["pylock.toml"]


def test_a_wheel_for_another_system_is_not_carried(tmp_path: Path) -> None:
    entry = wheels(
        "file:///nowhere/ours-1.0-cp312-cp312-win_amd64.whl",
        "file:///nowhere/ours-1.0-cp312-cp312-macosx_11_0_arm64.whl",
    )
    assert carried(tmp_path, entry) == [entry]


@pytest.mark.parametrize(
    "entry",
    [
        wheels("file:///nowhere/ours-1.0-py3-none-any.whl"),
        {"name": "ours", "version": "1.0", "archive": {"path": "/nowhere/ours-1.0.tar.gz"}},
    ],
)
def test_one_that_is_gone_is_named(tmp_path: Path, entry: dict[str, Any]) -> None:
    with pytest.raises(StepFailed, match=r"ours: the lock names /nowhere/ours-1\.0.*, which is not there"):
        carried(tmp_path, entry)
