"""From what a project asks for to one lock: what is resolved, for which Python, where it is kept, what is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envman.console import Console, StepLine
from envman.dependencies import pylock, resolve
from envman.dependencies.resolve import Resolve
from envman.errors import StepFailed
from envman.frozen import replace
from envman.interpreters import Request
from envman.process import Completed
from envman.project import Project
from tests.support.folders import claimed, opened, written
from tests.support.scratch import Scratch

PROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["alpha"]\n'
GROUPS = '[dependency-groups]\ndev = ["gamma"]\n[project.optional-dependencies]\nfancy = ["beta"]\n'
HASHED = "alpha==1.0 --hash=sha256:" + "0" * 64 + "\n"
PYTHON = ".".join(map(str, sys.version_info[:3]))
OWN = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


@dataclass(kw_only=True)
class Work:
    """What resolving may use."""

    project: Project
    environ: dict[str, str] = field(default_factory=dict)
    offline: bool = False
    locked: bool = False
    uv: Callable[[Sequence[str]], Completed] | None = None
    line: StepLine = field(default_factory=lambda: StepLine(Console(quiet=True), "lock", ""))
    said: list[str] = field(default_factory=list)

    def log(self, text: str, /) -> None:
        self.said.append(text)


def at(root: Path, files: dict[str, str] | None = None, spec: str = "") -> Project:
    return claimed(root, spec, files)


def kept(project: Project, python: str = "3.12.4") -> Path:
    """The record of a project's resolution, which it must have."""
    file = resolve.record(project, python)
    assert file is not None
    return file


@pytest.mark.parametrize(
    ("asked", "running", "oldest"),
    [
        ("", "3.12.4", "3.12"),
        ("3.11", "3.11.9", "3.11"),
        ("3.12.4", "3.12.4", "3.12"),
        (">=3.11", "3.13.1", "3.11"),
        (">=3.11.4", "3.13.1", "3.11"),
        (">=3.10,<4", "3.13.1", "3.10"),
        ("<4,>=3.10", "3.13.1", "3.10"),
        (">= 3.11 , < 4", "3.13.1", "3.11"),
        ("~=3.11", "3.13.1", "3.11"),
        ("~=3.11.2", "3.11.9", "3.11"),
        ("<3.14", "3.13.1", "3.13"),
        ("!=3.12.1", "3.13.1", "3.13"),
    ],
)
def test_a_lock_is_made_for_the_oldest_python_that_the_project_allows(
    tmp_path: Path, asked: str, running: str, oldest: str
) -> None:
    project = replace(opened(tmp_path), python=Request(text=asked, asked_by="the test"))
    assert resolve.oldest_python(project, running) == oldest


@pytest.mark.parametrize(
    ("files", "packages", "needs"),
    [
        ({}, "", False),
        ({}, "alpha", True),
        ({"requirements.txt": "alpha\n"}, "", True),
        ({"requirements.txt": HASHED}, "", False),
        ({"requirements.txt": HASHED}, "beta", True),
        ({"pyproject.toml": PROJECT}, "", True),
        ({"pyproject.toml": PROJECT, "uv.lock": ""}, "", False),
        ({"pyproject.toml": PROJECT, "uv.lock": ""}, "beta", True),
        ({"pylock.toml": ""}, "", False),
        ({"pylock.toml": ""}, "beta", True),
    ],
)
def test_only_what_no_lock_covers_is_resolved(
    tmp_path: Path, files: dict[str, str], packages: str, needs: bool
) -> None:
    project = at(tmp_path, files, f'[python]\npackages = ["{packages}"]\n' if packages else "")
    assert (resolve.record(project, "3.12.4") is not None) is needs
    assert bool(resolve.steps(project, "3.12.4", "")) is needs


def test_before_the_first_up_there_is_a_step_and_no_place_to_keep_its_result(tmp_path: Path) -> None:
    project = opened(tmp_path, files={"requirements.txt": "alpha\n"})
    assert resolve.record(project, "3.12.4") is None
    (step,) = resolve.steps(project, "3.12.4", OWN)
    assert step.operation == Resolve(python="3.12.4", executable=OWN)


def test_the_step_names_what_it_resolves_and_why(tmp_path: Path) -> None:
    files = {"requirements.txt": "alpha\n", "requirements-dev.txt": "beta\n"}
    (step,) = resolve.steps(at(tmp_path, files, '[python]\npackages = ["gamma<2"]\n'), "3.12.4", "")
    assert step.title == "resolve requirements.txt + requirements-dev.txt + gamma<2"
    assert step.reason == "nothing recorded for these inputs"
    ours = f'lock-version = "1.0"\n[tool.envman]\ninputs = "{"0" * 64}"\n'
    (step,) = resolve.steps(at(tmp_path, {"pylock.toml": ours}), "3.12.4", "")
    assert step.reason == "pylock.toml is older than requirements.txt"


def test_what_is_recorded_is_not_resolved_again_until_an_input_changes(tmp_path: Path) -> None:
    project = at(tmp_path, {"requirements.txt": "alpha\n"})
    written(kept(project).parent, {kept(project).name: ""})
    assert resolve.steps(project, "3.12.4", "") == ()
    assert resolve.steps(at(tmp_path, {"requirements.txt": "alpha<2\n"}), "3.12.4", "") != ()
    assert resolve.steps(at(tmp_path, {"requirements.txt": "alpha\n"}), "3.12.4", "") == ()


def test_a_record_holds_for_the_oldest_python_and_not_for_the_one_in_use(tmp_path: Path) -> None:
    ranged = at(tmp_path, {"pyproject.toml": PROJECT})
    assert kept(ranged, "3.12.4") == kept(ranged, "3.13.0")
    open_ended = replace(ranged, python=Request(text="", asked_by="nobody"))
    assert kept(open_ended, "3.12.4") != kept(open_ended, "3.13.0")
    assert kept(open_ended, "3.12.4") == kept(open_ended, "3.12.5")


def test_records_lie_outside_the_checkout(tmp_path: Path) -> None:
    root = written(tmp_path / "shop", {})
    root.mkdir(exist_ok=True)
    assert root not in kept(at(root, {"requirements.txt": "alpha\n"})).parents


def test_installed_packages_depend_on_the_inputs_the_python_and_the_record(tmp_path: Path) -> None:
    project = at(tmp_path, {"requirements.txt": "alpha\n"})
    first = resolve.fingerprint(project, "3.12.4")
    assert resolve.fingerprint(project, "3.12.9") == first
    assert resolve.fingerprint(project, "3.13.0") != first
    written(kept(project).parent, {kept(project).name: "resolved"})
    second = resolve.fingerprint(project, "3.12.4")
    assert second != first
    assert resolve.fingerprint(at(tmp_path, {"requirements.txt": "beta\n"}), "3.12.4") not in (first, second)
    assert resolve.fingerprint(at(tmp_path, {"requirements.txt": "alpha\n"}), "3.12.4") == second


def test_what_needs_no_resolving_is_installed_from_the_projects_own_files(tmp_path: Path) -> None:
    assert resolve.artefacts(Work(project=at(tmp_path)), "3.12.4", "") == []
    hashed = at(tmp_path, {"requirements.txt": HASHED, "requirements-dev.txt": HASHED.replace("alpha", "beta")})
    files = [tmp_path / "requirements.txt", tmp_path / "requirements-dev.txt"]
    assert resolve.artefacts(Work(project=hashed), "3.12.4", "") == files
    lock = at(tmp_path, {"pylock.toml": 'lock-version = "1.0"\n'})
    assert resolve.artefacts(Work(project=lock), "3.12.4", "") == [tmp_path / "pylock.toml"]


def test_the_project_itself_is_added_to_a_lock_whose_writer_left_it_out(tmp_path: Path) -> None:
    build = '[build-system]\nrequires = ["hatchling"]\n'
    lock = 'lock-version = "1.0"\n[[packages]]\nname = "alpha"\nversion = "1.0"\n'
    project = at(tmp_path, {"pyproject.toml": PROJECT + build, "pylock.toml": lock})
    (file,) = resolve.artefacts(Work(project=project), "3.12.4", "")
    own = {"name": "shop", "directory": {"path": "..", "editable": True}}
    assert pylock.packages(pylock.read(file)) == [{"name": "alpha", "version": "1.0"}, own]
    assert file.parent == project.generated
    named = at(tmp_path, {"pylock.toml": lock + '[[packages]]\nname = "Shop"\ndirectory = {path = "."}\n'})
    assert resolve.artefacts(Work(project=named), "3.12.4", "") == [tmp_path / "pylock.toml"]


def test_a_recorded_lock_is_what_is_installed_and_is_made_again_when_it_went(tmp_path: Path) -> None:
    project = at(tmp_path, {"requirements.txt": "alpha\n"})
    written(kept(project).parent, {kept(project).name: 'lock-version = "1.0"\n'})
    (file,) = resolve.artefacts(Work(project=project), "3.12.4", "")
    assert file.read_text("utf-8") == 'lock-version = "1.0"\n'
    os.utime(file, ns=(1, 1))
    resolve.artefacts(Work(project=project), "3.12.4", "")
    assert file.stat().st_mtime_ns == 1
    file.write_text("somebody changed it", encoding="utf-8")
    resolve.artefacts(Work(project=project), "3.12.4", "")
    assert file.read_text("utf-8") == 'lock-version = "1.0"\n'


def test_with_locked_nothing_is_resolved(tmp_path: Path) -> None:
    work = Work(project=at(tmp_path, {"requirements.txt": "alpha\n"}), locked=True)
    with pytest.raises(StepFailed, match=r"no lock covers requirements\.txt, and --locked forbids to resolve"):
        resolve.resolve(Resolve(python="3.12.4", executable=""), work)
    assert not kept(work.project).exists()


@pytest.fixture
def environ(scratch: Scratch) -> dict[str, str]:
    """The variables of a user whose index is the tests' own."""
    return scratch.environ


def resolved(root: Path, environ: dict[str, str], files: dict[str, str], spec: str = "", **more: Any) -> dict[str, str]:
    """Resolve, and tell what was recorded."""
    work = Work(project=at(root, files, spec), environ=environ)
    resolve.resolve(Resolve(python=PYTHON, executable=OWN, **more), work)
    found = pylock.packages(pylock.read(kept(work.project, PYTHON)))
    return {entry["name"]: str(entry.get("version", "")) for entry in found}


def test_requirements_with_all_that_they_include_are_resolved_for_every_platform(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    files = {
        "requirements.txt": "-r größe/more.txt\n-c constraints.txt\nplatformed\n",
        "größe/more.txt": "beta\n",
        "constraints.txt": "alpha<2\n",
        "requirements-dev.txt": "gamma\n",
    }
    found = resolved(tmp_path / "with space", environ, files)
    assert found == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0", "onwindows": "1.0", "platformed": "1.0"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", {"alpha": "2.0", "gamma": "1.0"}),
        ("[python]\ngroups = []\n", {"alpha": "2.0"}),
        ('[python]\ngroups = []\nextras = ["fancy"]\n', {"alpha": "2.0", "beta": "1.0"}),
        ('[python]\ngroups = []\npackages = ["gamma", "alpha<2"]\n', {"alpha": "1.0", "gamma": "1.0"}),
    ],
)
def test_of_a_pyproject_the_groups_extras_and_packages_of_the_spec_are_resolved(
    tmp_path: Path, environ: dict[str, str], spec: str, expected: dict[str, str]
) -> None:
    assert resolved(tmp_path / "shop", environ, {"pyproject.toml": PROJECT + GROUPS}, spec) == expected


def test_an_earlier_resolution_is_the_preference_until_an_upgrade_is_asked_for(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    root = tmp_path / "shop"
    assert resolved(root, environ, {"requirements.txt": "alpha<2\n"}) == {"alpha": "1.0"}
    assert resolved(root, environ, {"requirements.txt": "alpha\nbeta\n"}) == {"alpha": "1.0", "beta": "1.0"}
    assert resolved(root, environ, {"requirements.txt": "alpha\nbeta\n"}, upgrade=True)["alpha"] == "2.0"


def test_packages_beyond_a_lock_never_move_what_it_names(tmp_path: Path, environ: dict[str, str]) -> None:
    lock = 'lock-version = "1.0"\ncreated-by = "t"\n[[packages]]\nname = "alpha"\nversion = "1.0"\n'
    found = resolved(tmp_path / "shop", environ, {"pylock.toml": lock}, '[python]\npackages = ["beta"]\n')
    assert found == {"alpha": "1.0", "beta": "1.0"}


def test_packages_beside_hashed_requirements_are_resolved_within_them_and_hashed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    spec = '[python]\npackages = ["beta"]\n'
    work = Work(project=at(tmp_path / "shop", {"requirements.txt": HASHED}, spec), environ=environ)
    resolve.resolve(Resolve(python=PYTHON, executable=OWN), work)
    main, extra = resolve.artefacts(work, PYTHON, OWN)
    assert main == work.project.root / "requirements.txt"
    text = extra.read_text("utf-8")
    assert "beta==1.0" in text
    assert "alpha==1.0" in text
    assert "--hash=sha256:" in text


def test_what_cannot_be_resolved_is_said_and_nothing_is_recorded(tmp_path: Path, environ: dict[str, str]) -> None:
    work = Work(project=at(tmp_path / "shop", {"requirements.txt": "alpha<1\n"}), environ=environ)
    with pytest.raises(StepFailed, match=r"could not resolve requirements\.txt") as caught:
        resolve.resolve(Resolve(python=PYTHON, executable=OWN), work)
    assert caught.value.problems[0].hint
    assert "alpha<1" in caught.value.problems[0].message
    assert not kept(work.project, PYTHON).exists()
    assert work.said[0].startswith("$ uv pip compile")


def test_an_address_with_a_password_is_never_written_into_a_lock(
    tmp_path: Path, environ: dict[str, str], wheelhouse: Path
) -> None:
    address = environ["UV_DEFAULT_INDEX"].replace("simple/", "").replace("://", "://ann:pass-word@")
    (wheel,) = wheelhouse.glob("gamma-1.0-*.whl")
    work = Work(
        project=at(tmp_path / "shop", {"requirements.txt": f"gamma @ {address}files/{wheel.name}\n"}), environ=environ
    )
    with pytest.raises(StepFailed) as caught:
        resolve.resolve(Resolve(python=PYTHON, executable=OWN), work)
    assert "would be written into the lock" in caught.value.problems[0].message
    assert not kept(work.project, PYTHON).exists()
    left = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "requirements.txt"]
    assert [file for file in left if b"pass-word" in file.read_bytes()] == []


@pytest.mark.parametrize(
    ("asked", "oldest"),
    [("<4, >=3.10", "3.10"), ("!=3.11.0, >=3.11", "3.11"), (">=3.9, >=3.11", "3.11"), ("==3.11.*", "3.11")],
)
def test_the_oldest_python_is_found_wherever_it_stands_in_requires_python(
    tmp_path: Path, asked: str, oldest: str
) -> None:
    project = replace(opened(tmp_path), python=Request(text=asked, asked_by="requires-python"))
    assert resolve.oldest_python(project, "3.13.1") == oldest
