"""Every form in which projects write down their dependencies comes up, works, and leaves the checkout clean."""

from __future__ import annotations

from tests.projects.conftest import PYPROJECT, Checkout


def _works(checkout: Checkout, *expected: str, absent: tuple[str, ...] = ()) -> None:
    scratch = checkout.scratch
    result = scratch.up()
    assert result["state"] == "running"
    found = scratch.installed()
    assert set(expected) <= set(found)
    assert not set(absent) & set(found)
    assert scratch.up()["steps"] == []
    assert checkout.is_clean(), checkout.git("status", "--porcelain")
    assert scratch.envman("down").code == 0
    assert scratch.envman("destroy", "--yes").code == 0
    assert checkout.is_clean()


def test_a_package_with_pyproject_alone(checkout: Checkout, package: dict[str, str]) -> None:
    checkout.commit(package)
    checkout.scratch.up()
    assert checkout.scratch.envman("run", "python", "test_shop.py").code == 0
    checkout.scratch.write({"src/shop.py": "word = 'second'\n"})
    assert checkout.scratch.envman("run", "python", "-c", "import shop; print(shop.word)").out == "second\n"
    checkout.git("checkout", "-q", ".")
    _works(checkout, "shop", "alpha", "beta", absent=("gamma", "platformed"))


def test_groups_and_extras_are_those_of_the_spec(checkout: Checkout, package: dict[str, str]) -> None:
    checkout.commit({**package, "envman.toml": '[python]\ngroups = ["docs"]\nextras = ["fancy"]\n'})
    _works(checkout, "shop", "alpha", "gamma", "platformed", absent=("beta",))


def test_a_project_that_is_no_package(checkout: Checkout) -> None:
    checkout.commit({"pyproject.toml": PYPROJECT})
    _works(checkout, "alpha", "beta", absent=("shop",))


def test_a_lock_of_uv(checkout: Checkout, package: dict[str, str]) -> None:
    checkout.scratch.write({**package, "envman.toml": '[python]\nextras = ["fancy"]\n'})
    checkout.uv("lock")
    checkout.commit({})
    _works(checkout, "shop", "alpha", "beta", "gamma", absent=("platformed",))


def test_a_lock_of_uv_that_is_older_than_the_project(checkout: Checkout, package: dict[str, str]) -> None:
    checkout.scratch.write(package)
    checkout.uv("lock")
    newer = package["pyproject.toml"].replace('["alpha"]', '["alpha", "gamma"]')
    checkout.commit({"pyproject.toml": newer})
    refused = checkout.scratch.envman("up", "--locked")
    assert refused.code == 2
    assert "uv.lock is older than pyproject.toml" in refused.err
    assert "hint: envman lock" in refused.err
    assert checkout.is_clean()
    checkout.scratch.up()
    assert "gamma" in checkout.scratch.installed()
    assert checkout.git("status", "--porcelain") == " M uv.lock\n"
    assert checkout.scratch.up()["steps"] == []


def test_lock_renews_a_lock_of_uv(checkout: Checkout) -> None:
    small = '[project]\nname = "shop"\nversion = "0.1"\nrequires-python = ">=3.11"\ndependencies = ["beta"]\n'
    checkout.scratch.write({"pyproject.toml": small})
    checkout.uv("lock")
    checkout.commit({"pyproject.toml": small.replace('["beta"]', '["beta", "gamma"]')})
    renewed = checkout.scratch.envman("lock", "--json").result
    assert [change.split()[:2] for change in renewed["changes"]] == [["+", "gamma"]]
    assert checkout.scratch.envman("up", "--locked").code == 0
    assert checkout.scratch.envman("lock", "--json").result["changes"] == []


def test_a_workspace_of_uv(checkout: Checkout) -> None:
    member = '[project]\nname = "member"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["gamma"]\n'
    member += "[tool.uv]\npackage = false\n"
    root = PYPROJECT.replace('["alpha"]', '["alpha", "member"]')
    root += '\n[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv.sources]\nmember = {workspace = true}\n'
    checkout.scratch.write({"pyproject.toml": root, "packages/member/pyproject.toml": member})
    checkout.uv("lock")
    checkout.commit({})
    _works(checkout, "alpha", "gamma")


def test_requirements_with_includes_and_constraints(checkout: Checkout) -> None:
    checkout.commit(
        {
            "requirements.txt": "-r requirements/base.txt\n-c constraints.txt\n",
            "requirements/base.txt": "alpha\n",
            "constraints.txt": "alpha<2\n",
            "requirements-dev.txt": "beta\n",
        }
    )
    assert checkout.scratch.up()["packages"] == 2
    assert checkout.scratch.installed()["alpha"] == "1.0"
    checkout.commit({"constraints.txt": "alpha<3\n"})
    checkout.scratch.up()
    assert checkout.scratch.installed()["alpha"] == "1.0"  # a wider constraint is no reason to move
    _works(checkout, "alpha", "beta")


def test_requirements_with_hashes_are_the_lock(checkout: Checkout) -> None:
    checkout.scratch.write({"in.txt": "beta\n"})
    checkout.uv("pip", "compile", "-q", "--generate-hashes", "in.txt", "-o", "requirements.txt")
    checkout.commit({})
    assert checkout.scratch.envman("up", "--locked").code == 0
    _works(checkout, "alpha", "beta")
    text = (checkout.scratch.root / "requirements.txt").read_text(encoding="utf-8")
    digest = text.split("sha256:")[1][:64]
    checkout.commit({"requirements.txt": text.replace(digest, "0" * 64)})
    refused = checkout.scratch.envman("up")
    assert refused.code == 1
    assert "ash" in refused.err


def test_a_pylock_of_another_tool(checkout: Checkout, package: dict[str, str]) -> None:
    checkout.scratch.write(package)
    checkout.uv("pip", "compile", "-q", "pyproject.toml", "--format", "pylock.toml", "-o", "pylock.toml")
    checkout.commit({})
    _works(checkout, "alpha", "shop", absent=("beta",))


def test_packages_of_the_spec_alone(checkout: Checkout) -> None:
    checkout.commit({"envman.toml": '[python]\npackages = ["alpha<2", "gamma"]\n'})
    _works(checkout, "alpha", "gamma")


def test_other_formats_are_named_and_not_read(checkout: Checkout) -> None:
    checkout.commit({"requirements.txt": "alpha\n", "poetry.lock": "", "Pipfile": ""})
    said = checkout.scratch.envman("up")
    assert "poetry.lock (Poetry's lock)" in said.err
    assert "Pipfile (Pipenv's file)" in said.err


def test_an_empty_folder_says_how_to_begin(checkout: Checkout) -> None:
    said = checkout.scratch.envman("up")
    assert said.code == 2
    assert "envman init" in said.err
