"""Which files decide about the packages, what of them is asked for, and which changes of them matter."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envman.dependencies import source
from envman.dependencies.source import Kind, Source
from envman.errors import UsageError
from envman.problem import Problem
from envman.spec.model import Python
from tests.support.folders import written

PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["alpha"]\n'
BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
GROUPS = '[dependency-groups]\ndev = ["beta"]\ndocs = ["gamma"]\nall = [{include-group = "dev"}]\n'
EXTRAS = '[project.optional-dependencies]\nfancy = ["delta"]\n'
HASH = "--hash=sha256:" + "0" * 64


def detected(root: Path, files: Mapping[str, str] | None = None, **python: Any) -> Source:
    return source.detect(written(root, files or {}), Python(**python))


def refused(root: Path, files: Mapping[str, str], **python: Any) -> Problem:
    with pytest.raises(UsageError) as caught:
        detected(root, files, **python)
    (problem,) = caught.value.problems
    return problem


def names(found: Source) -> list[str]:
    return [file.name for file in found.files]


def watched(found: Source, root: Path) -> set[str]:
    return {str(file.relative_to(root)) for file in found.inputs}


@pytest.mark.parametrize(
    ("files", "kind", "deciding"),
    [
        ({}, Kind.NOTHING, []),
        ({"README.md": "requirements"}, Kind.NOTHING, []),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, Kind.NOTHING, []),
        ({"pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n'}, Kind.NOTHING, []),
        ({"requirements.txt": "alpha\n"}, Kind.REQUIREMENTS, ["requirements.txt"]),
        ({"requirements.txt": ""}, Kind.REQUIREMENTS, ["requirements.txt"]),
        ({"requirements/base.txt": "alpha\n"}, Kind.REQUIREMENTS, ["base.txt"]),
        ({"requirements.in": "alpha\n"}, Kind.REQUIREMENTS, ["requirements.in"]),
        ({"requirements.in": "alpha\n", "requirements.txt": "alpha==1\n"}, Kind.REQUIREMENTS, ["requirements.txt"]),
        ({"requirements.txt": f"alpha==1 {HASH}\n"}, Kind.HASHED, ["requirements.txt"]),
        ({"setup.py": ""}, Kind.PYPROJECT, ["setup.py"]),
        ({"setup.cfg": ""}, Kind.PYPROJECT, ["setup.cfg"]),
        ({"setup.py": "", "requirements.txt": ""}, Kind.REQUIREMENTS, ["requirements.txt"]),
        ({"pyproject.toml": PROJECT}, Kind.PYPROJECT, ["pyproject.toml"]),
        ({"pyproject.toml": GROUPS}, Kind.PYPROJECT, ["pyproject.toml"]),
        ({"pyproject.toml": BUILD}, Kind.PYPROJECT, ["pyproject.toml"]),
        ({"pyproject.toml": PROJECT, "requirements.txt": "alpha\n"}, Kind.PYPROJECT, ["pyproject.toml"]),
        ({"pyproject.toml": "[tool.ruff]\n", "requirements.txt": ""}, Kind.REQUIREMENTS, ["requirements.txt"]),
        ({"pyproject.toml": PROJECT, "pylock.toml": ""}, Kind.PYLOCK, ["pylock.toml"]),
        ({"pyproject.toml": PROJECT, "pylock.toml": "", "uv.lock": ""}, Kind.UV_LOCK, ["uv.lock"]),
    ],
)
def test_the_strictest_file_decides(tmp_path: Path, files: dict[str, str], kind: Kind, deciding: list[str]) -> None:
    found = detected(tmp_path, files)
    assert (found.kind, names(found)) == (kind, deciding)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("requirements/dev.txt", "alpha\n", Kind.REQUIREMENTS),
        ("größe 日本.txt", "alpha\n", Kind.REQUIREMENTS),
        ("hashed.txt", f"alpha==1 {HASH}\n", Kind.HASHED),
        ("pylock.dev.toml", "", Kind.PYLOCK),
        ("pyproject.toml", "", Kind.PYPROJECT),
    ],
)
def test_the_file_that_the_spec_names_decides(tmp_path: Path, name: str, text: str, kind: Kind) -> None:
    found = detected(tmp_path, {"uv.lock": "", "requirements.txt": "beta\n", name: text}, from_=name)
    assert (found.kind, found.files) == (kind, (tmp_path / name,))


def test_a_file_that_the_spec_names_must_be_there(tmp_path: Path) -> None:
    problem = refused(tmp_path, {"requirements.txt": ""}, from_="requirements/absent.txt")
    assert (problem.message, problem.key) == ("requirements/absent.txt is not there", "python.from")
    (tmp_path / "folder").mkdir()
    assert "is not there" in refused(tmp_path, {}, from_="folder").message


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        (f"alpha==1 {HASH}\nbeta==1 {HASH}\n", True),
        (f"# a comment\n\n--only-binary :all:\nalpha==1 \\\n    {HASH} \\\n    {HASH}\n", True),
        (f"alpha==1 {HASH}\nbeta==1\n", False),
        (f"alpha==1\n# {HASH}\n", False),
        ("-r other.txt\n", False),
        ("", False),
    ],
)
def test_requirements_are_a_lock_only_when_every_line_has_a_hash(tmp_path: Path, text: str, hashed: bool) -> None:
    found = detected(tmp_path, {"requirements.txt": text})
    assert found.is_locked is hashed
    assert (found.kind is Kind.HASHED) is hashed


def test_one_group_without_hashes_makes_all_of_them_no_lock(tmp_path: Path) -> None:
    files = {"requirements.txt": f"alpha==1 {HASH}\n", "requirements-dev.txt": f"beta==1 {HASH}\n"}
    assert detected(tmp_path, files).kind is Kind.HASHED
    assert detected(tmp_path, {"requirements-dev.txt": "beta==1\n"}).kind is Kind.REQUIREMENTS
    assert detected(tmp_path, groups=()).kind is Kind.HASHED


@pytest.mark.parametrize(
    "name",
    [
        "requirements-dev.txt",
        "requirements_dev.txt",
        "dev-requirements.txt",
        "requirements/dev.txt",
        "requirements.dev.txt",
    ],
)
def test_the_group_dev_is_taken_from_any_of_its_usual_files(tmp_path: Path, name: str) -> None:
    found = detected(tmp_path, {"requirements.txt": "alpha\n", name: "beta\n"})
    assert found.files == (tmp_path / "requirements.txt", tmp_path / name)
    assert found.groups == ("dev",)
    assert detected(tmp_path, groups=()).files == (tmp_path / "requirements.txt",)


def test_a_group_of_requirements_that_has_no_file_is_refused_with_the_name_to_create(tmp_path: Path) -> None:
    problem = refused(tmp_path, {"requirements.txt": ""}, groups=("dev",))
    assert "dev" in problem.message
    assert problem.hint == "create requirements-dev.txt"
    assert problem.key == "python.groups"


def test_the_file_of_a_group_is_not_taken_twice_when_it_decides_itself(tmp_path: Path) -> None:
    found = detected(tmp_path, {"requirements-dev.txt": "-r requirements.txt\n"}, from_="requirements-dev.txt")
    assert names(found) == ["requirements-dev.txt"]


@pytest.mark.parametrize(
    ("extra", "asked", "groups"),
    [
        ("", None, ("dev",)),
        ("", (), ()),
        ("", ("docs",), ("docs",)),
        ("", ("docs", "dev"), ("docs", "dev")),
        ('[tool.uv]\ndefault-groups = ["docs"]\n', None, ("docs",)),
        ('[tool.uv]\ndefault-groups = "all"\n', None, ("dev", "docs", "all")),
        ("[tool.uv]\ndefault-groups = []\n", None, ()),
        ('[tool.uv]\ndefault-groups = ["absent"]\n', None, ()),
        ("[tool.uv]\ndefault-groups = 7\n", None, ("dev",)),
        ('[tool.uv]\ndefault-groups = ["docs"]\n', ("dev",), ("dev",)),
    ],
)
@pytest.mark.parametrize("lock", [{}, {"uv.lock": ""}])
def test_groups_are_those_of_the_spec_then_uvs_defaults_then_dev(
    tmp_path: Path, lock: dict[str, str], extra: str, asked: tuple[str, ...] | None, groups: tuple[str, ...]
) -> None:
    found = detected(tmp_path, {"pyproject.toml": PROJECT + GROUPS + extra, **lock}, groups=asked)
    assert found.groups == groups


def test_an_unknown_group_or_extra_is_refused_with_the_nearest(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT + EXTRAS + GROUPS}
    group, extra = refused(tmp_path, files, groups=("dcos",)), refused(tmp_path, files, extras=("facny",))
    assert (group.key, group.hint) == ("python.groups", 'did you mean "docs"?')
    assert (extra.key, extra.hint) == ("python.extras", 'did you mean "fancy"?')
    assert refused(tmp_path, {"pyproject.toml": PROJECT}, extras=("x",)).hint == "the project has no extras"
    assert refused(tmp_path, {"pyproject.toml": PROJECT}, groups=("x",)).hint == "pyproject.toml has no groups"


def test_extras_that_only_a_build_can_tell_are_believed(tmp_path: Path) -> None:
    text = '[project]\nname = "shop"\ndynamic = ["version", "optional-dependencies"]\n' + BUILD
    assert detected(tmp_path, {"pyproject.toml": text}, extras=("fancy",)).extras == ("fancy",)


def test_groups_that_include_each_other_in_a_circle_are_left_to_the_resolver(tmp_path: Path) -> None:
    circle = '[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}, {include-group = "b"}]\n'
    assert detected(tmp_path, {"pyproject.toml": PROJECT + circle}, groups=("a",)).groups == ("a",)


@pytest.mark.parametrize(
    ("files", "installs"),
    [
        ({"pyproject.toml": PROJECT}, False),
        ({"pyproject.toml": PROJECT + BUILD}, True),
        ({"pyproject.toml": PROJECT, "setup.py": ""}, True),
        ({"pyproject.toml": PROJECT + BUILD + "[tool.uv]\npackage = false\n"}, False),
        ({"pyproject.toml": PROJECT + "[tool.uv]\npackage = true\n"}, True),
        ({"pyproject.toml": PROJECT + BUILD, "uv.lock": ""}, True),
        ({"pyproject.toml": PROJECT + BUILD, "pylock.toml": ""}, True),
        ({"setup.cfg": ""}, True),
        ({"requirements.txt": "", "setup.py": ""}, False),
    ],
)
def test_the_project_itself_is_installed_where_something_can_build_it(
    tmp_path: Path, files: dict[str, str], installs: bool
) -> None:
    found = detected(tmp_path, files)
    assert found.installs_project is installs
    assert ("the project itself, editable" in found.understood()) is installs


def test_includes_and_constraints_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r requirements/base.txt\n-cconstraints.txt  # tight\nalpha # not -r this.txt\n",
        "requirements/base.txt": "--requirement=more.txt\n  -r ../top.txt # said beside\n",
        "requirements/more.txt": "--constraint  absent.txt\n-r https://example.com/r.txt\n#-r not.txt\n",
        "top.txt": "",
        "constraints.txt": "alpha<2\n",
    }
    found = watched(detected(tmp_path, files), tmp_path)
    included = {"requirements.txt", "requirements/base.txt", "requirements/more.txt", "constraints.txt"}
    assert included | {"requirements/absent.txt"} <= found
    assert (tmp_path / "top.txt") in [file.resolve() for file in detected(tmp_path).inputs]
    assert not {name for name in found if "example.com" in name or "not.txt" in name or "this.txt" in name}


@pytest.mark.parametrize("option", ["-r", "-c", "--requirement", "--constraint="])
def test_files_that_include_each_other_in_a_circle_are_read_once(tmp_path: Path, option: str) -> None:
    files = {
        "requirements.txt": f"{option} a.txt\n{option} requirements.txt\nalpha\n",
        "a.txt": f"{option} requirements.txt\nbeta\n",
    }
    found = detected(tmp_path, files)
    assert [file.name for file in found.inputs].count("a.txt") == 1
    assert watched(found, tmp_path) >= {"requirements.txt", "a.txt"}


@pytest.mark.parametrize("included", ["requirements/base.txt", "constraints.txt", "requirements-dev.txt"])
def test_a_change_of_any_included_file_is_a_change(tmp_path: Path, included: str) -> None:
    files = {
        "requirements.txt": "-r requirements/base.txt\n-c constraints.txt\n",
        "requirements/base.txt": "alpha\n",
        "constraints.txt": "alpha<2\n",
        "requirements-dev.txt": "beta\n",
    }
    before = detected(tmp_path, files).fingerprint
    assert detected(tmp_path, {included: "alpha<3\n"}).fingerprint != before
    assert detected(tmp_path, files).fingerprint == before


def test_an_included_file_that_appears_is_a_change(tmp_path: Path) -> None:
    before = detected(tmp_path, {"requirements.txt": "-r more.txt\n"})
    assert (tmp_path / "more.txt") in before.inputs
    assert detected(tmp_path, {"more.txt": "alpha\n"}).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("added", "matters"),
    [
        ("# a comment\n", False),
        ("[tool.ruff]\nline-length = 100\n", False),
        ("[tool.pytest.ini_options]\naddopts = '-q'\n", False),
        ('[tool.envman]\nname = "x"\n', False),
        ("[tool.hatch.build]\ninclude = ['x']\n", True),
        ("[tool.uv]\nprerelease = 'allow'\n", True),
        ("[tool.uv.sources]\nalpha = {git = 'https://example.com/a'}\n", True),
        (EXTRAS, True),
        (GROUPS, True),
    ],
)
@pytest.mark.parametrize("lock", [{}, {"uv.lock": ""}])
def test_of_a_pyproject_only_what_touches_packages_matters(
    tmp_path: Path, lock: dict[str, str], added: str, matters: bool
) -> None:
    text = PROJECT + BUILD
    before = detected(tmp_path, {"pyproject.toml": text, **lock}).fingerprint
    after = detected(tmp_path, {"pyproject.toml": text + added}).fingerprint
    assert (after != before) is matters


@pytest.mark.parametrize(
    "asked", [{"packages": ("ipython",)}, {"extras": ("fancy",)}, {"groups": ("docs",)}, {"groups": ()}]
)
def test_what_the_spec_asks_for_is_part_of_the_inputs(tmp_path: Path, asked: dict[str, Any]) -> None:
    files = {"pyproject.toml": PROJECT + EXTRAS + GROUPS}
    assert detected(tmp_path, files).fingerprint != detected(tmp_path, **asked).fingerprint


def test_a_changed_lock_is_a_change_and_a_rewritten_one_is_not(tmp_path: Path) -> None:
    before = detected(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": "version = 1\n"}).fingerprint
    assert detected(tmp_path, {"uv.lock": "version = 1\n"}).fingerprint == before
    assert detected(tmp_path, {"uv.lock": "version = 2\n"}).fingerprint != before


def test_a_folder_has_the_same_inputs_wherever_it_stands(tmp_path: Path) -> None:
    files = {"requirements.txt": "-r requirements/base.txt\n", "requirements/base.txt": "alpha\n"}
    first = detected(tmp_path / "a", files)
    shutil.copytree(tmp_path / "a", tmp_path / "größe b")
    assert detected(tmp_path / "größe b").fingerprint == first.fingerprint


def test_a_line_end_moved_from_one_file_to_the_next_is_a_change(tmp_path: Path) -> None:
    one = detected(tmp_path / "a", {"requirements.txt": "-r b.txt\nalpha\n", "b.txt": "beta\n"})
    two = detected(tmp_path / "b", {"requirements.txt": "-r b.txt\n", "b.txt": "alpha\nbeta\n"})
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize("lock", [{}, {"uv.lock": ""}])
def test_the_members_of_a_workspace_are_inputs_as_far_as_they_touch_packages(
    tmp_path: Path, lock: dict[str, str]
) -> None:
    files = {
        "pyproject.toml": PROJECT + '[tool.uv.workspace]\nmembers = ["packages/*", "tools/one"]\n',
        "packages/a/pyproject.toml": PROJECT.replace("shop", "a"),
        "packages/b c/pyproject.toml": PROJECT.replace("shop", "b"),
        "packages/none/README.md": "",
        "tools/one/pyproject.toml": PROJECT.replace("shop", "one"),
        "elsewhere/pyproject.toml": PROJECT.replace("shop", "elsewhere"),
        **lock,
    }
    before = detected(tmp_path, files)
    inputs = watched(before, tmp_path)
    assert {"packages/a/pyproject.toml", "packages/b c/pyproject.toml", "tools/one/pyproject.toml"} <= inputs
    assert "elsewhere/pyproject.toml" not in inputs
    member = files["tools/one/pyproject.toml"]
    assert detected(tmp_path, {"tools/one/pyproject.toml": member + "[tool.ruff]\n"}).fingerprint == before.fingerprint
    changed = detected(tmp_path, {"tools/one/pyproject.toml": member.replace("alpha", "beta")})
    assert changed.fingerprint != before.fingerprint


@pytest.mark.parametrize(
    "name",
    ["uv.lock", "pylock.toml", "pyproject.toml", "requirements.txt", "setup.py", ".python-version", "poetry.lock"],
)
def test_files_that_could_decide_are_watched_before_they_are_there(tmp_path: Path, name: str) -> None:
    assert name in watched(detected(tmp_path), tmp_path)


def test_forms_that_are_not_read_are_named(tmp_path: Path) -> None:
    found = detected(tmp_path, {"requirements.txt": "", "poetry.lock": "", "Pipfile": "", "pixi.toml": ""})
    assert found.not_read == ("poetry.lock (Poetry's lock)", "Pipfile (Pipenv's file)", "pixi.toml (pixi's file)")
    assert found.kind is Kind.REQUIREMENTS


@pytest.mark.parametrize("name", ["pyproject.toml", "packages/a/pyproject.toml"])
def test_a_pyproject_that_is_no_toml_is_refused_with_its_name(tmp_path: Path, name: str) -> None:
    workspace = PROJECT + '[tool.uv.workspace]\nmembers = ["packages/*"]\n'
    problem = refused(tmp_path, {"pyproject.toml": workspace, name: "= =\n"})
    assert "not valid TOML" in problem.message
    assert str(problem.file).endswith(name)


@pytest.mark.parametrize(
    "text",
    [
        "project = 1\n",
        "tool = 1\n",
        "tool.uv = 1\n",
        "[project]\ndynamic = false\n",
        "dependency-groups = 1\n",
        "build-system = 1\n",
        "[tool.uv]\nworkspace = 1\n",
        "[tool.uv]\npackage = 'yes'\n",
    ],
)
def test_tables_of_the_wrong_shape_are_left_to_the_tools_that_own_them(tmp_path: Path, text: str) -> None:
    detected(tmp_path, {"pyproject.toml": text, "uv.lock": ""})


def lock_for(found: Source) -> str:
    return f'lock-version = "1.0"\n[tool.envman]\ninputs = "{found.fingerprint}"\n'


@pytest.mark.parametrize("files", [{"requirements.txt": "alpha\n"}, {"pyproject.toml": PROJECT + GROUPS}])
def test_a_lock_of_ours_decides_while_its_inputs_are_the_same(tmp_path: Path, files: dict[str, str]) -> None:
    beneath = detected(tmp_path, files, packages=("ipython",))
    found = detected(tmp_path, {"pylock.toml": lock_for(beneath)}, packages=("ipython",))
    assert (found.kind, found.packages, found.groups, found.stale) == (Kind.PYLOCK, (), beneath.groups, None)
    assert source.is_ours(tmp_path / "pylock.toml")
    without = source.without_lock(tmp_path, Python(packages=("ipython",)))
    assert without.fingerprint == beneath.fingerprint


def test_a_lock_of_ours_that_was_made_for_other_inputs_is_stale(tmp_path: Path) -> None:
    before = detected(tmp_path, {"requirements.txt": "alpha\n"})
    found = detected(tmp_path, {"pylock.toml": lock_for(before), "requirements.txt": "beta\n"})
    assert (found.kind, found.stale) == (Kind.REQUIREMENTS, tmp_path / "pylock.toml")
    assert detected(tmp_path, packages=("ipython",)).stale == tmp_path / "pylock.toml"
    assert detected(tmp_path, {"requirements.txt": "alpha\n"}).stale is None


@pytest.mark.parametrize("text", ["", "[tool.envman]\ninputs = 7\n", "[tool.other]\ninputs = 'x'\n", "tool = 1\n"])
def test_a_lock_of_somebody_else_is_never_stale(tmp_path: Path, text: str) -> None:
    found = detected(tmp_path, {"pyproject.toml": PROJECT, "pylock.toml": text}, packages=("ipython",))
    assert (found.kind, found.stale, found.packages) == (Kind.PYLOCK, None, ("ipython",))
    assert not source.is_ours(tmp_path / "pylock.toml")


def test_a_lock_of_ours_that_the_spec_names_is_taken_as_it_is(tmp_path: Path) -> None:
    before = detected(tmp_path, {"requirements.txt": "alpha\n"})
    files = {"pylock.toml": lock_for(before), "requirements.txt": "beta\n"}
    found = detected(tmp_path, files, from_="pylock.toml")
    assert (found.kind, found.stale) == (Kind.PYLOCK, None)


def test_a_project_without_a_spec_is_told_what_was_understood(tmp_path: Path) -> None:
    text = PROJECT + BUILD + EXTRAS + GROUPS
    found = detected(tmp_path, {"pyproject.toml": text}, extras=("fancy",))
    assert found.label == "pyproject.toml"
    assert found.understood() == [
        "packages from pyproject.toml (group dev, extra fancy)",
        "the project itself, editable",
    ]
    (tmp_path / "empty").mkdir()
    nothing = detected(tmp_path / "empty")
    assert (nothing.label, nothing.understood()) == ("the spec", [])


PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["alpha"]\n'
BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
HASH = "--hash=sha256:" + "0" * 64


def test_files_in_two_folders_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    files = {"requirements/base.txt": "-r ../dev/dev.txt\n", "dev/dev.txt": "-r ../requirements/base.txt\n"}
    found = detected(tmp_path, files)
    assert len([file for file in found.inputs if file.parts[-2:] == ("dev", "dev.txt")]) == 1
    assert len(found.inputs) < 40


def test_a_quoted_include_is_followed(tmp_path: Path) -> None:
    files = {"requirements.txt": '-r "with space.txt"\n', "with space.txt": "alpha\n"}
    before = detected(tmp_path, files).fingerprint
    assert detected(tmp_path, {"with space.txt": "beta\n"}).fingerprint != before


def test_hashed_requirements_with_line_ends_of_windows_are_a_lock(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(f"alpha==1 \\\r\n    {HASH}\r\n".encode())
    assert detected(tmp_path).kind is Kind.HASHED


def test_a_requirements_file_of_the_group_dev_that_appears_is_noticed(tmp_path: Path) -> None:
    found = detected(tmp_path, {"requirements.txt": "alpha\n"})
    assert tmp_path / "requirements-dev.txt" in found.inputs


def test_dependencies_that_setuptools_reads_from_a_file_are_inputs(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "shop"\nversion = "1"\ndynamic = ["dependencies"]\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[tool.setuptools.dynamic]\ndependencies = {file = ["requirements.txt"]}\n'
    )
    before = detected(tmp_path, {"pyproject.toml": text, "requirements.txt": "alpha\n"}).fingerprint
    assert detected(tmp_path, {"requirements.txt": "alpha\nbeta\n"}).fingerprint != before


def test_requirements_that_name_the_project_itself_depend_on_its_pyproject(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT + BUILD, "requirements-dev.txt": "-e .\nbeta\n"}
    before = detected(tmp_path, files, from_="requirements-dev.txt").fingerprint
    changed = {"pyproject.toml": PROJECT.replace("alpha", "gamma") + BUILD}
    assert detected(tmp_path, changed, from_="requirements-dev.txt").fingerprint != before


def test_requirements_that_name_the_project_itself_depend_on_its_setup(tmp_path: Path) -> None:
    files = {"setup.py": "setup(install_requires=['alpha'])\n", "requirements.txt": "-e .\n"}
    before = detected(tmp_path, files).fingerprint
    assert detected(tmp_path, {"setup.py": "setup(install_requires=['gamma'])\n"}).fingerprint != before


def test_dev_dependencies_in_uvs_older_form_are_the_group_dev(tmp_path: Path) -> None:
    text = PROJECT + '[tool.uv]\ndev-dependencies = ["beta"]\n'
    assert detected(tmp_path, {"pyproject.toml": text, "uv.lock": ""}).groups == ("dev",)


@pytest.mark.parametrize("members", ['"packages/*"', '[""]', '["/abs"]', "7"])
def test_members_of_a_workspace_that_make_no_sense_are_told_and_no_defect(tmp_path: Path, members: str) -> None:
    try:
        detected(tmp_path, {"pyproject.toml": PROJECT + f"[tool.uv.workspace]\nmembers = {members}\n"})
    except UsageError:
        pass


@pytest.mark.parametrize(("table", "asked"), [("dev_tools", "dev-tools"), ("Docs", "docs")])
def test_names_of_groups_are_compared_in_their_normal_form(tmp_path: Path, table: str, asked: str) -> None:
    text = PROJECT + f'[dependency-groups]\n{table} = ["beta"]\n'
    assert detected(tmp_path, {"pyproject.toml": text}, groups=(asked,)).groups


@pytest.mark.parametrize("name", ["poetry.lock", "Pipfile.lock", "environment.yml"])
def test_a_form_that_is_not_read_is_not_taken_for_requirements(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        detected(tmp_path, {name: "{}\n"}, from_=name)
