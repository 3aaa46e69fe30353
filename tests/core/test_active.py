"""Which backend is meant, who said so, and which calls may leave a ready file behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envman import active, identity
from envman import backend as backends
from envman.console import Console
from envman.errors import EngineMissing, UsageError
from envman.problem import Problem
from envman.request import Request
from tests.support.folders import claimed, written

VENV = 'backend = "venv"\n'


def asked(root: Path, environ: Mapping[str, str] | None = None, **flags: Any) -> Request:
    return Request(console=Console(color=False), folder=root, environ=environ or {}, **flags)


@dataclass(frozen=True)
class Doors:
    """Everything that may name a backend, the strongest first."""

    flag: str | None = None
    variable: str = ""
    switched: str | None = None
    local: str | None = None
    spec: str | None = None


def chosen_by(root: Path, doors: Doors) -> str:
    own = claimed(root, f'backend = "{doors.spec}"\n' if doors.spec else "").identity
    assert own
    identity.remember(own, backend=doors.switched)
    if doors.local:
        written(root, {"envman.local.toml": f'backend = "{doors.local}"\n'})
    found = active.find(asked(root, {"ENVMAN_BACKEND": doors.variable}, backend=doors.flag))
    assert found.backend.NAME == "venv"
    assert found.project.root == root
    return found.chosen_by


@pytest.mark.parametrize(
    ("doors", "by"),
    [
        (Doors(), "the default"),
        (Doors(spec="venv"), "the spec"),
        (Doors(local="venv", spec="absent"), "envman.local.toml"),
        (Doors(switched="venv", local="absent", spec="absent"), "envman switch"),
        (Doors(variable="venv", switched="absent", local="absent", spec="absent"), "ENVMAN_BACKEND"),
        (Doors(flag="venv", variable="absent", switched="absent", local="absent", spec="absent"), "--backend"),
    ],
)
def test_the_strongest_word_counts_and_is_named(tmp_path: Path, doors: Doors, by: str) -> None:
    assert chosen_by(tmp_path, doors) == by


@pytest.mark.parametrize(
    "doors", [Doors(spec="absent"), Doors(local="absent"), Doors(switched="absent"), Doors(variable="absent")]
)
def test_a_backend_that_there_is_not_is_refused(tmp_path: Path, doors: Doors) -> None:
    with pytest.raises(UsageError, match='there is no backend "absent"'):
        chosen_by(tmp_path, doors)


def test_a_mistyped_backend_is_answered_with_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, {"envman.toml": ""})
    with pytest.raises(UsageError) as caught:
        active.find(asked(tmp_path, backend="vnev"))
    assert caught.value.problems[0].hint == 'did you mean "venv"?'


@pytest.mark.parametrize("switched", [None, "", 7, ["venv"]])
def test_a_damaged_choice_of_before_is_no_choice(tmp_path: Path, switched: Any) -> None:
    assert chosen_by(tmp_path, Doors(switched=switched, spec="venv")) == "the spec"


def test_of_a_list_the_first_that_can_run_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    written(tmp_path, {"envman.toml": 'backend = ["absent", "venv", "never reached"]\n'})
    found = active.find(asked(tmp_path))
    assert found.backend.NAME == "venv"
    assert [problem.message for problem in found.passed_over] == ['backend "absent" is not part of this envman']


def test_a_list_of_which_none_can_run_names_them_all(tmp_path: Path) -> None:
    written(tmp_path, {"envman.toml": 'backend = ["one", "two"]\n'})
    with pytest.raises(EngineMissing) as caught:
        active.find(asked(tmp_path))
    assert [problem.message for problem in caught.value.problems] == [
        'backend "one" is not part of this envman',
        'backend "two" is not part of this envman',
    ]
    assert caught.value.exit_code == 3


def test_a_backend_whose_engine_is_missing_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Problem(message="its engine is not running", hint="start it")
    monkeypatch.setattr(backends.load("venv"), "missing", lambda _environ: [missing])
    written(tmp_path, {"envman.toml": VENV})
    with pytest.raises(EngineMissing) as caught:
        active.find(asked(tmp_path))
    assert caught.value.problems == (missing,)


def test_a_profile_may_choose_the_backend(tmp_path: Path) -> None:
    written(tmp_path, {"envman.toml": 'backend = "absent"\n[profile.ci]\nbackend = "venv"\n'})
    assert active.find(asked(tmp_path, profiles=("ci",))).chosen_by == "the spec"
    assert active.find(asked(tmp_path, {"ENVMAN_PROFILE": "ci"})).backend.NAME == "venv"
    with pytest.raises(UsageError):
        active.find(asked(tmp_path))


def test_the_project_is_the_one_of_the_requests_folder(tmp_path: Path) -> None:
    written(tmp_path, {"envman.toml": VENV, "deep/er/file": "", "other/envman.toml": 'name = "other"\n'})
    assert active.read(asked(tmp_path / "deep" / "er")).root == tmp_path
    assert active.read(asked(tmp_path / "other")).name == "other"


def test_keys_that_the_backend_cannot_honour_are_named_with_their_key(tmp_path: Path) -> None:
    written(tmp_path, {"envman.toml": '[services.mail]\nuse = "smtp"\nsource = "container"\n'})
    (problem,) = active.find(asked(tmp_path)).unsupported
    assert problem.key == "services.mail.source"
    assert problem.message.startswith("services.mail.source: ")
    written(tmp_path, {"envman.toml": VENV})
    assert active.find(asked(tmp_path)).unsupported == ()


@pytest.mark.parametrize(
    ("environ", "flags", "usual"),
    [
        ({}, {}, True),
        ({"ENVMAN_BACKEND": "", "ENVMAN_PROFILE": ""}, {}, True),
        ({}, {"locked": True, "offline": True, "json": True}, True),
        ({"ENVMAN_BACKEND": "venv"}, {}, False),
        ({"ENVMAN_PROFILE": "ci"}, {}, False),
        ({}, {"backend": "venv"}, False),
        ({}, {"profiles": ("ci",)}, False),
        ({}, {"profiles": ()}, False),
    ],
)
def test_only_what_a_bare_run_means_may_leave_a_ready_file(
    tmp_path: Path, environ: dict[str, str], flags: dict[str, Any], usual: bool
) -> None:
    assert active.is_usual(asked(tmp_path, environ, **flags)) is usual
