"""Interpreters found by where they stand, and the one that is chosen of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envman import interpreters
from envman.errors import UsageError
from envman.interpreters import Interpreter, Request, choose, exact_version
from envman.versions import Version
from tests.support.folders import opened

OWN = Path(getattr(sys, "_base_executable", sys.executable)).resolve()


class Machine:
    """Folders in which interpreters of any version seem to stand."""

    def __init__(self, home: Path) -> None:
        self.pyenv, self.uv, self.bin = home / "py env", home / "uv", home / "größe bin"
        self.bin.mkdir()
        self.environ = {
            "PYENV_ROOT": str(self.pyenv),
            "UV_PYTHON_INSTALL_DIR": str(self.uv),
            "PATH": os.pathsep.join((str(self.bin), "", str(home / "absent"))),
        }

    def program(self, file: Path) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o755)
        return file

    def of_pyenv(self, name: str) -> Path:
        return self.program(self.pyenv / "versions" / name / "bin" / "python3")

    def of_uv(self, name: str) -> Path:
        return self.program(self.uv / name / "bin" / "python3")

    def chosen_by_pyenv(self, text: str) -> None:
        (self.pyenv / "version").write_text(text, encoding="utf-8")
        self.environ["PATH"] += os.pathsep + str(self.pyenv / "shims")

    def found(self) -> list[Interpreter]:
        """All but envman's own."""
        return [one for one in interpreters.installed(self.environ) if one.path != OWN]

    def versions(self) -> list[Version]:
        return [one.version for one in self.found()]

    def choice(self, text: str = "", *, before: Version | None = None) -> Version | None:
        best = choose(Request(text=text, asked_by="the test"), self.found(), self.environ, before=before)
        return best.version if best else None


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any."""
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("asked", "version", "accepted"),
    [
        ("", (3, 9), True),
        ("3.12", (3, 12, 4), True),
        ("3.12", (3, 12), True),
        ("3.12", (3, 11, 4), False),
        ("3.1", (3, 12, 4), False),
        ("3.12", (3, 1, 2), False),
        ("3.12.4", (3, 12, 4), True),
        ("3.12.4", (3, 12, 40), False),
        ("3.12.4", (3, 12), True),
        ("3.12.4", (3, 11), False),
        (">=3.11", (3, 11, 0), True),
        (">=3.11", (3, 11), True),
        (">=3.11", (3, 10, 99), False),
        (">=3.11", (3, 10), False),
        (">=3.12.4", (3, 12), True),
        (">=3.12.4", (3, 12, 3), False),
        (">=3.11,<3.13", (3, 12, 9), True),
        (">=3.11,<3.13", (3, 13, 0), False),
        (">= 3.11, < 4", (3, 13), True),
        ("<3.12", (3, 12), False),
        ("<=3.12", (3, 12), True),
        (">3.12", (3, 12, 1), True),
        ("~=3.12.3", (3, 12), True),
        ("~=3.11", (3, 13, 1), True),
        ("~=3.11.2", (3, 12, 0), False),
        ("==3.12.*", (3, 12), True),
        ("==3.12.*", (3, 13, 0), False),
        ("!=3.12.*,>=3.11", (3, 12), False),
        ("!=3.12.1,>=3.11", (3, 12), True),
    ],
)
def test_a_request_accepts_what_fits_and_an_unknown_patch_counts_as_any(
    asked: str, version: Version, accepted: bool
) -> None:
    assert Request(text=asked, asked_by="the spec").accepts(version) is accepted


@pytest.mark.parametrize(
    ("text", "is_range", "names_patch", "said"),
    [
        ("", True, False, "any Python"),
        ("3.12", False, False, "Python 3.12"),
        ("3.12.4", False, True, "Python 3.12.4"),
        (">=3.11", True, False, "Python >=3.11"),
        (">=3.11,<3.13.2", True, True, "Python >=3.11,<3.13.2"),
        (">=3.11.0", True, False, "Python >=3.11.0"),
    ],
)
def test_a_request_knows_what_it_leaves_open(text: str, is_range: bool, names_patch: bool, said: str) -> None:
    request = Request(text=text, asked_by="the spec")
    assert (request.is_range, request.names_patch, str(request)) == (is_range, names_patch, said)


def test_the_interpreters_of_pyenv_of_uv_and_of_the_path_are_found(machine: Machine) -> None:
    pyenv, uv = machine.of_pyenv("3.12.1"), machine.of_uv("cpython-3.13.2-linux-x86_64-gnu")
    system = machine.program(machine.bin / "python3.11")
    assert machine.found() == [
        Interpreter(path=pyenv, version=(3, 12, 1), origin="pyenv"),
        Interpreter(path=uv, version=(3, 13, 2), origin="uv"),
        Interpreter(path=system, version=(3, 11), origin="system"),
    ]
    assert [str(one) for one in machine.found()] == ["3.12.1 (pyenv)", "3.13.2 (uv)", "3.11 (system)"]


def test_envmans_own_is_always_among_them(machine: Machine) -> None:
    (own,) = interpreters.installed(machine.environ)
    assert (own.path, own.version) == (OWN, sys.version_info[:3])


@pytest.mark.parametrize(
    "name",
    [
        "3.8.18",
        "2.7.18",
        "pypy3.10-7.3.12",
        "miniconda3-latest",
        "3.14.0rc1",
        "3.13t",
        "3.13.1t",
        "3",
        "system",
        "cpython-3.14.0a1-linux-x86_64-gnu",
        "cpython-3.13.2+freethreaded-linux-x86_64-gnu",
        "pypy-3.10.14-linux-x86_64-gnu",
    ],
)
def test_what_is_too_old_unfinished_or_another_python_is_passed_over(machine: Machine, name: str) -> None:
    machine.of_pyenv(name)
    machine.of_uv(name)
    assert machine.found() == []


def test_a_version_folder_without_an_interpreter_is_passed_over(machine: Machine) -> None:
    machine.of_pyenv("3.12.1").unlink()
    (machine.uv / ".lock").parent.mkdir(parents=True)
    (machine.uv / ".lock").write_text("", encoding="utf-8")
    assert machine.found() == []


@pytest.mark.parametrize("name", ["python3-config", "python", "python2.7", "python3x", "python3.", "python3.12t"])
def test_other_programs_of_the_path_are_no_interpreters(machine: Machine, name: str) -> None:
    machine.program(machine.bin / name)
    assert machine.found() == []


def test_a_link_tells_its_version_by_what_it_leads_to(machine: Machine, tmp_path: Path) -> None:
    real = machine.program(tmp_path / "opt" / "python3.12")
    (machine.bin / "python3").symlink_to(real)
    (machine.bin / "python3.10").symlink_to(real)
    (machine.bin / "python3.11").symlink_to(tmp_path / "nowhere" / "python3.11")
    assert machine.found() == [Interpreter(path=real, version=(3, 12), origin="system")]


def test_an_interpreter_that_is_found_twice_is_listed_once_where_its_name_says_more(machine: Machine) -> None:
    pyenv = machine.of_pyenv("3.12.1")
    (machine.bin / "python3.12").symlink_to(pyenv)
    assert machine.found() == [Interpreter(path=pyenv, version=(3, 12, 1), origin="pyenv")]


def test_shims_of_pyenv_are_not_interpreters(machine: Machine) -> None:
    machine.of_pyenv("3.12.1")
    machine.chosen_by_pyenv("3.12.1\n")
    machine.program(machine.pyenv / "shims" / "python3.13")
    assert machine.versions() == [(3, 12, 1)]


def test_without_a_wish_the_newest_is_taken(machine: Machine) -> None:
    for name in ("3.9.18", "3.12.1", "3.11.7", "3.12.0"):
        machine.of_pyenv(name)
    assert machine.choice() == (3, 12, 1)
    assert machine.choice("3.12") == (3, 12, 1)
    assert machine.choice("<3.12") == (3, 11, 7)
    assert machine.choice(">=3.13") is None
    assert machine.choice("3.12.0") == (3, 12, 0)


def test_what_python3_means_here_goes_before_the_newest(machine: Machine, tmp_path: Path) -> None:
    for name in ("3.12.1", "3.13.2"):
        machine.of_pyenv(name)
    (machine.bin / "python3").symlink_to(machine.program(tmp_path / "opt" / "python3.11"))
    assert machine.choice() == (3, 11)
    assert machine.choice(">=3.12") == (3, 13, 2)


@pytest.mark.parametrize("text", ["3.12.1\n", "3.12.1:3.13.2", "  3.12.1\n3.13.2\n"])
def test_what_pyenv_has_chosen_is_what_python3_means(machine: Machine, text: str) -> None:
    for name in ("3.12.0", "3.12.1", "3.13.2"):
        machine.of_pyenv(name)
    machine.chosen_by_pyenv(text)
    assert machine.choice() == (3, 12, 1)
    assert machine.choice(">=3.13") == (3, 13, 2)
    machine.environ["PYENV_VERSION"] = "3.13.2"
    assert machine.choice() == (3, 13, 2)


@pytest.mark.parametrize("text", ["", "system\n", "pypy3.10-7.3\n", "3.11.0\n"])
def test_a_choice_of_pyenv_that_is_not_here_is_no_choice(machine: Machine, text: str) -> None:
    for name in ("3.12.1", "3.13.2"):
        machine.of_pyenv(name)
    machine.chosen_by_pyenv(text)
    assert machine.choice() == (3, 13, 2)


def test_pyenvs_choice_counts_only_where_pyenv_is_in_use(machine: Machine) -> None:
    for name in ("3.12.1", "3.13.2"):
        machine.of_pyenv(name)
    (machine.pyenv / "version").write_text("3.12.1\n", encoding="utf-8")
    assert machine.choice() == (3, 13, 2)


def test_the_version_used_before_goes_before_all_others(machine: Machine) -> None:
    for name in ("3.11.6", "3.11.7", "3.12.1", "3.13.2"):
        machine.of_pyenv(name)
    machine.chosen_by_pyenv("3.12.1\n")
    assert machine.choice(before=(3, 11, 6)) == (3, 11, 6)
    assert machine.choice(before=(3, 11, 5)) == (3, 11, 7)
    assert machine.choice(before=(3, 10, 2)) == (3, 12, 1)
    assert machine.choice(">=3.12", before=(3, 11, 6)) == (3, 12, 1)


def test_a_version_of_three_parts_is_known_without_running_anything(machine: Machine) -> None:
    one = Interpreter(path=machine.of_pyenv("3.12.1"), version=(3, 12, 1), origin="pyenv")
    assert exact_version(one) == (3, 12, 1)


@pytest.mark.usefixtures("scratch")
def test_a_patch_level_that_no_name_tells_is_asked_of_the_interpreter_itself() -> None:
    own = Interpreter(path=OWN, version=sys.version_info[:2], origin="system")
    exact = ".".join(map(str, sys.version_info[:3]))
    assert exact_version(own) == sys.version_info[:3]
    assert choose(Request(text=exact, asked_by="the test"), [own], {}) == own
    other = Request(text=f"{sys.version_info[0]}.{sys.version_info[1]}.99", asked_by="the test")
    assert choose(other, [own], {}) is None


@pytest.mark.parametrize("text", ["==3.12.4", ">=3.12.2,<3.12.8", ">3.12.3,<=3.12.50"])
def test_an_unknown_patch_level_counts_as_any(text: str) -> None:
    assert Request(text=text, asked_by="requires-python").accepts((3, 12))


@pytest.mark.parametrize("written", ["3.12.*", "3.12.4.*", "=>3.11", "=3.12", ">=3.11.*", ">=3.11,abc", ">=3.11,,"])
def test_a_version_of_the_spec_that_makes_no_sense_is_refused_and_no_defect(tmp_path: Path, written: str) -> None:
    try:
        project = opened(tmp_path, f'[python]\nversion = "{written}"\n')
    except UsageError:
        return
    project.python.accepts((3, 12, 4))


def test_an_unfinished_build_of_pyenv_is_for_those_who_ask(tmp_path: Path) -> None:
    program = tmp_path / "versions" / "3.99-dev" / "bin" / "python3"
    program.parent.mkdir(parents=True)
    program.touch()
    found = interpreters.installed({"PYENV_ROOT": str(tmp_path), "UV_PYTHON_INSTALL_DIR": "/nowhere"})
    assert (3, 99) not in [one.version for one in found]


@pytest.mark.parametrize("name", ["python3.99-config", "python3.99-gdb.py", "python3.99-dbg"])
def test_a_program_beside_the_interpreter_is_not_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch(mode=0o755)
    environ = {"PYENV_ROOT": "/nowhere", "UV_PYTHON_INSTALL_DIR": "/nowhere", "PATH": str(tmp_path)}
    assert (3, 99) not in [one.version for one in interpreters.installed(environ)]


def test_a_folder_or_a_file_that_cannot_be_executed_is_no_interpreter(tmp_path: Path) -> None:
    (tmp_path / "python3.99").mkdir()
    (tmp_path / "python3.98").touch(mode=0o644)
    environ = {"PYENV_ROOT": "/nowhere", "UV_PYTHON_INSTALL_DIR": "/nowhere", "PATH": str(tmp_path)}
    assert {(3, 98), (3, 99)}.isdisjoint(one.version for one in interpreters.installed(environ))


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_an_interpreter_that_cannot_be_started_is_passed_over_and_no_defect(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "python3.12"
    file.touch(mode=mode)  # with 0o755: Exec format error, as for another processor's program
    broken = Interpreter(path=file, version=(3, 12), origin="system")
    assert choose(Request(text="3.12.4", asked_by="the spec"), [broken], {}) is None
