"""What no lock covers is resolved once and kept; envman lock writes it down for everybody."""

from __future__ import annotations

from pathlib import Path

from tests.projects.conftest import PYPROJECT, Checkout
from tests.support.index import Index
from tests.support.scratch import Scratch
from tests.support.wheels import make_wheel


def test_a_resolution_is_kept_until_it_is_upgraded(tmp_path: Path, uv_cache: Path, scratch: Scratch) -> None:
    house = tmp_path / "house"
    house.mkdir()
    make_wheel(house, "moving", "1.0")
    with Index(house) as index:
        scratch.environ["UV_DEFAULT_INDEX"] = index.url
        scratch.write({"requirements.txt": "moving\n"})
        scratch.up()
        make_wheel(house, "moving", "2.0")
        assert scratch.envman("destroy", "--yes").code == 0
        scratch.up()
        assert scratch.installed()["moving"] == "2.0"  # destroy forgets, as it says
        make_wheel(house, "moving", "3.0")
        (scratch.root / ".venv" / "bin" / "python").unlink()
        scratch.up()
        assert scratch.installed()["moving"] == "2.0"
        assert scratch.envman("lock").code == 0
        scratch.up()
        assert scratch.installed()["moving"] == "2.0"
        upgraded = scratch.envman("lock", "--upgrade", "--json")
        assert upgraded.result["changes"] == ["~ moving 2.0 → 3.0"]
        scratch.up()
        assert scratch.installed()["moving"] == "3.0"


def test_a_written_lock_covers_a_fresh_clone(checkout: Checkout) -> None:
    scratch = checkout.scratch
    checkout.commit({"pyproject.toml": PYPROJECT, "envman.toml": '[python]\npackages = ["gamma"]\n'})
    refused = scratch.envman("up", "--locked")
    assert refused.code == 2
    assert "envman lock" in refused.err
    assert scratch.envman("lock").code == 0
    text = (scratch.root / "pylock.toml").read_text(encoding="utf-8")
    assert "sha256" in text
    assert str(scratch.home) not in text
    assert scratch.envman("up", "--locked").code == 0
    assert {"alpha", "beta", "gamma"} <= set(scratch.installed())
    assert scratch.up()["steps"] == []


def test_a_written_lock_that_became_old_is_named(checkout: Checkout) -> None:
    scratch = checkout.scratch
    checkout.commit({"pyproject.toml": PYPROJECT})
    assert scratch.envman("lock").code == 0
    scratch.write({"pyproject.toml": PYPROJECT.replace('["alpha"]', '["alpha<2", "gamma"]')})
    refused = scratch.envman("up", "--locked")
    assert refused.code == 2
    assert "pylock.toml is older than pyproject.toml" in refused.err
    scratch.up()
    assert scratch.installed()["alpha"] == "1.0"
    assert "envman lock" in [drift["fix"] for drift in scratch.status()["drift"]]
    assert scratch.envman("lock").code == 0
    assert scratch.status()["drift"][0]["fix"] == "envman up"
    scratch.up()
    assert scratch.status()["drift"] == []


def test_packages_of_the_spec_are_resolved_within_the_projects_lock(checkout: Checkout) -> None:
    scratch = checkout.scratch
    scratch.write(
        {
            "pyproject.toml": PYPROJECT.replace('"alpha"', '"alpha<2"'),
            "envman.toml": '[python]\npackages = ["beta", "gamma"]\n',
        }
    )
    checkout.uv("lock")
    scratch.up()
    found = scratch.installed()
    assert found["alpha"] == "1.0"
    assert {"beta", "gamma"} <= set(found)
    refused = scratch.envman("up", "--locked")
    assert refused.code == 2
    assert "python.packages" in refused.err


def test_offline_needs_nothing_once_all_is_known(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "alpha\n"})
    scratch.up()
    (scratch.root / ".venv" / "bin" / "python").unlink()
    assert [step["name"] for step in scratch.up("--offline", UV_DEFAULT_INDEX="http://127.0.0.1:9/")["steps"]] == [
        "python",
        "packages",
    ]


def test_what_is_installed_by_hand_stays_until_the_inputs_change(scratch: Scratch) -> None:
    scratch.write({"requirements.txt": "alpha==1.0\n"})
    scratch.up()
    assert scratch.envman("run", "sh", "-c", "uv pip install -q gamma").code == 0
    (drift,) = scratch.status()["drift"]
    assert drift["fix"] == 'keep it: [python] packages = ["gamma"]'
    assert scratch.up()["steps"] == []
    scratch.write({"requirements.txt": "alpha==2.0\n"})
    said = scratch.envman("up")
    assert "- gamma 1.0 (installed by hand" in said.err
    assert "gamma" not in scratch.installed()
