"""Which hooks have to run, and why: judged by their own text, the content of their inputs, and what they ran in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from envman import hooks
from envman.hooks import RunHook
from envman.plan import Step
from envman.project import Project
from envman.state import Record
from tests.support.folders import opened, written

MIGRATIONS = '[hooks]\nsetup = [{run = "migrate", inputs = ["migrations/**"]}]\n'
FILES = {"migrations/1.sql": "one", "migrations/deep/größe 2.sql": "two", "elsewhere/3.sql": "three"}


def found(project: Project, *patterns: str) -> list[str]:
    hook = project.spec.hooks.setup[0]
    hook = type(hook)(run=hook.run, inputs=patterns) if patterns else hook
    return sorted(str(file.relative_to(project.root)) for file in hooks.inputs(project, hook))


def due(
    project: Project,
    record: Record,
    *,
    generation: str = "g",
    packages: str = "p",
    renewed: bool = False,
    start: bool = False,
) -> list[tuple[str, str, str]]:
    steps = hooks.steps(project, record, generation=generation, packages=packages, renewed=renewed, start=start)
    return [(step.name, step.title, step.reason) for step in steps]


def after_up(project: Project, *, generation: str = "g", packages: str = "p") -> Record:
    """The record after every hook of the project has succeeded."""
    steps = hooks.steps(project, Record(), generation=generation, packages=packages, renewed=True, start=True)
    record = Record()
    for operation in map(operation_of, steps):
        if operation.moment == "setup":
            done = hooks.fingerprint(project, operation, generation=generation, packages=packages)
            record = record.with_hook(hooks.name_of(operation), done)
    return record


def operation_of(step: Step) -> RunHook:
    assert isinstance(step.operation, RunHook)
    return step.operation


def test_a_hook_runs_until_it_has_succeeded_and_then_no_more(tmp_path: Path) -> None:
    project = opened(tmp_path, '[hooks]\nsetup = ["one | two", ["three", "four five"]]\n')
    assert due(project, Record()) == [
        ("setup", "one | two", "has not succeeded yet"),
        ("setup", "three four five", "has not succeeded yet"),
    ]
    assert due(project, after_up(project)) == []


def test_after_one_of_two_succeeded_only_the_other_is_left(tmp_path: Path) -> None:
    project = opened(tmp_path, '[hooks]\nsetup = ["one", "two"]\n')
    first, _ = hooks.steps(project, Record(), generation="g", packages="p", renewed=False, start=False)
    operation = operation_of(first)
    done = hooks.fingerprint(project, operation, generation="g", packages="p")
    record = Record().with_hook(hooks.name_of(operation), done)
    assert due(project, record) == [("setup", "two", "has not succeeded yet")]


def test_hooks_run_in_the_order_of_the_spec_setup_before_start(tmp_path: Path) -> None:
    project = opened(tmp_path, '[hooks]\nstart = ["s1", "s2"]\nsetup = ["b", "a"]\n')
    assert [title for _, title, _ in due(project, Record(), start=True)] == ["b", "a", "s1", "s2"]


def test_a_hook_of_start_runs_at_every_up_and_only_there(tmp_path: Path) -> None:
    project = opened(tmp_path, '[hooks]\nstart = ["serve"]\n')
    record = after_up(project)
    assert due(project, record, start=True) == [("start", "serve", "runs at every up")]
    assert due(project, record, start=False) == []


def test_in_a_new_environment_every_hook_of_setup_runs_again(tmp_path: Path) -> None:
    project = opened(tmp_path, '[hooks]\nsetup = ["one", "two"]\n')
    reason = "the environment or its packages are new"
    assert due(project, after_up(project), renewed=True) == [("setup", "one", reason), ("setup", "two", reason)]


@pytest.mark.parametrize("changed", [{"generation": "g2"}, {"packages": "p2"}])
def test_success_holds_for_one_environment_and_its_packages(tmp_path: Path, changed: dict[str, str]) -> None:
    project = opened(tmp_path, '[hooks]\nsetup = ["one"]\n')
    record = after_up(project, **changed)
    assert due(project, record) == [("setup", "one", "its inputs changed")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('["one"]', '["one "]'),
        ('["a b"]', '[["a", "b"]]'),
        ('[["a", "b c"]]', '[["a b", "c"]]'),
        ('[["a", "b", "c"]]', '[["a", "b c"]]'),
    ],
)
def test_another_command_is_another_hook(tmp_path: Path, before: str, after: str) -> None:
    record = after_up(opened(tmp_path, f"[hooks]\nsetup = {before}\n"))
    (step,) = due(opened(tmp_path, f"[hooks]\nsetup = {after}\n"), record)
    assert step[2] == "has not succeeded yet"


def test_hooks_that_changed_places_have_still_succeeded(tmp_path: Path) -> None:
    record = after_up(opened(tmp_path, '[hooks]\nsetup = ["one", "two"]\n'))
    assert due(opened(tmp_path, '[hooks]\nsetup = ["two", "one"]\n'), record) == []
    assert due(opened(tmp_path, '[hooks]\nsetup = ["two"]\n'), record) == []


@pytest.mark.parametrize(
    "change",
    [
        {"migrations/1.sql": "other"},
        {"migrations/deep/größe 2.sql": ""},
        {"migrations/new.sql": ""},
        {"migrations/deep/deeper/new.sql": ""},
    ],
)
def test_a_hook_runs_again_when_the_content_of_an_input_changes(tmp_path: Path, change: dict[str, str]) -> None:
    project = opened(tmp_path, MIGRATIONS, FILES)
    record = after_up(project)
    assert due(project, record) == []
    written(tmp_path, change)
    assert due(project, record) == [("setup", "migrate", "its inputs changed")]


def test_an_input_that_went_or_was_renamed_is_a_change(tmp_path: Path) -> None:
    project = opened(tmp_path, MIGRATIONS, FILES)
    record = after_up(project)
    renamed = (tmp_path / "migrations" / "1.sql").rename(tmp_path / "migrations" / "0.sql")
    assert len(due(project, record)) == 1
    renamed.rename(tmp_path / "migrations" / "1.sql")
    assert due(project, record) == []
    shutil.rmtree(tmp_path / "migrations")
    assert len(due(project, record)) == 1


def test_content_moved_from_one_input_to_the_next_is_a_change(tmp_path: Path) -> None:
    project = opened(tmp_path, MIGRATIONS, {"migrations/a": "xy", "migrations/b": "z"})
    record = after_up(project)
    written(tmp_path, {"migrations/a": "x", "migrations/b": "yz"})
    assert len(due(project, record)) == 1


def test_what_is_no_input_is_no_reason(tmp_path: Path) -> None:
    project = opened(tmp_path, MIGRATIONS, FILES)
    record = after_up(project)
    written(tmp_path, {"elsewhere/3.sql": "other", "migrations/1.sql": "one"})
    os.utime(tmp_path / "migrations" / "deep" / "größe 2.sql", ns=(1, 1))
    assert due(project, record) == []


def test_the_same_project_elsewhere_has_the_same_inputs(tmp_path: Path) -> None:
    one = opened(written(tmp_path / "a", FILES), MIGRATIONS)
    two = opened(written(tmp_path / "b c", FILES), MIGRATIONS)
    assert due(two, after_up(one)) == []


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("migrations/**", ["migrations/1.sql", "migrations/deep/größe 2.sql"]),
        ("migrations/*", ["migrations/1.sql"]),
        ("migrations/1.sql", ["migrations/1.sql"]),
        ("**/*.sql", ["elsewhere/3.sql", "migrations/1.sql", "migrations/deep/größe 2.sql"]),
        ("**/größe*", ["migrations/deep/größe 2.sql"]),
        ("*.sql", []),
        ("absent/**", []),
        ("migrations/[0-9].sql", ["migrations/1.sql"]),
        ("/etc/hostname", []),
        ("**x/y", []),
    ],
)
def test_inputs_are_the_files_that_a_pattern_matches(tmp_path: Path, pattern: str, files: list[str]) -> None:
    assert found(opened(tmp_path, MIGRATIONS, FILES), pattern) == files


def test_a_file_that_two_patterns_match_is_one_input(tmp_path: Path) -> None:
    project = opened(tmp_path, MIGRATIONS, FILES)
    assert found(project, "migrations/*", "migrations/**", "migrations/1.sql") == found(project, "migrations/**")


def test_a_circle_of_links_among_the_inputs_has_an_end(tmp_path: Path) -> None:
    project = opened(tmp_path, MIGRATIONS, FILES)
    (tmp_path / "migrations" / "loop").symlink_to(tmp_path / "migrations")
    (tmp_path / "migrations" / "gone").symlink_to("nowhere")
    assert {"migrations/1.sql", "migrations/deep/größe 2.sql"} <= set(found(project))


@pytest.mark.parametrize(
    ("patterns", "watched"),
    [
        (("migrations/**",), {"migrations", "migrations/1.sql", "migrations/deep", "migrations/deep/größe 2.sql"}),
        (("absent/*.sql",), {"absent"}),
        (("absent/one.sql",), {"absent/one.sql"}),
        (("migrations/1.sql",), {"migrations", "migrations/1.sql"}),
    ],
)
def test_the_folders_in_which_an_input_could_appear_are_watched(
    tmp_path: Path, patterns: tuple[str, ...], watched: set[str]
) -> None:
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    project = opened(tmp_path, f'[hooks]\nsetup = [{{run = "x", inputs = [{listed}]}}]\n', FILES)
    assert watched <= {str(path.relative_to(tmp_path)) for path in hooks.watched(project)}


def test_two_hooks_of_one_command_and_different_inputs_both_come_to_rest(tmp_path: Path) -> None:
    spec = '[hooks]\nsetup = [{run = "make", inputs = ["a.txt"]}, {run = "make", inputs = ["b.txt"]}]\n'
    project = opened(tmp_path, spec, {"a.txt": "1", "b.txt": "2"})
    record = after_up(project)
    assert hooks.steps(project, record, generation="g", packages="p", renewed=False, start=False) == ()


def test_bytecode_that_an_input_folder_collects_is_no_input(tmp_path: Path) -> None:
    spec = '[hooks]\nsetup = [{run = "migrate", inputs = ["migrations/**"]}]\n'
    project = opened(tmp_path, spec, {"migrations/env.py": "x = 1\n"})
    record = after_up(project)
    written(tmp_path, {"migrations/__pycache__/env.cpython-312.pyc": "written by the first import"})
    assert hooks.steps(project, record, generation="g", packages="p", renewed=False, start=False) == ()


def test_an_empty_folder_that_fills_below_its_first_level_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "migrations" / "deep").mkdir(parents=True)
    project = opened(tmp_path, '[hooks]\nsetup = [{run = "x", inputs = ["migrations/**"]}]\n')
    assert tmp_path / "migrations" / "deep" in hooks.watched(project)


def test_a_folder_that_the_spec_names_without_a_wildcard_counts_or_is_refused(tmp_path: Path) -> None:
    project = opened(tmp_path, '[hooks]\nsetup = [{run = "x", inputs = ["migrations"]}]\n', {"migrations/1.sql": "1"})
    record = after_up(project)
    written(tmp_path, {"migrations/1.sql": "2"})
    assert hooks.steps(project, record, generation="g", packages="p", renewed=False, start=False)
