"""The variables of a project's processes: references filled, files and spec joined, secrets known."""

from __future__ import annotations

from pathlib import Path

import pytest

from envman import inside, variables
from envman.errors import UsageError
from envman.frozen import replace
from envman.inside import Listening, Viewpoint
from envman.project import Project
from envman.services import passwords
from tests.support.folders import claimed, opened


def resolved(project: Project, environ: dict[str, str]) -> dict[str, str]:
    """The variables as a backend sees them that shares this machine's files and network."""
    return inside.resolve(project, inside.on_host(project), environ)


PORTS = '[ports]\nweb = 8000\nadmin = {port = 9000, bind = "0.0.0.0"}\n'


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{project.name}", "shop"),
        ("{project.root}/data", "ROOT/data"),
        ("{ports.web.inside}", "8123"),
        ("{ports.web.host}", "8123"),
        ("{ports.web.bind}", "127.0.0.1"),
        ("{ports.admin.bind}:{ports.admin.inside}", "0.0.0.0:9000"),
        ("http://localhost:{ports.web.host}/", "http://localhost:8123/"),
        ("{{literal}} {{ports.web.host}}", "{literal} {ports.web.host}"),
        ("${TOKEN}", "t 1"),
        ("${TOKEN:-x}", "t 1"),
        ("${NOT_SET:-x:y}", "x:y"),
        ("${NOT_SET:-}", ""),
        ("u:${TOKEN}@{ports.web.bind}", "u:t 1@127.0.0.1"),
        ("$TOKEN", "$TOKEN"),
        ("größe 日本 \\\\ \\t'", "größe 日本 \\ \t'"),
        ("", ""),
        ("-dash", "-dash"),
    ],
)
def test_a_value_is_filled_for_whoever_reads_it(tmp_path: Path, written: str, value: str) -> None:
    project = replace(opened(tmp_path, f'name = "shop"\n{PORTS}[env]\nX = "{written}"\n'), ports={"web": 8123})
    assert resolved(project, {"TOKEN": "t 1"}) == {"X": value.replace("ROOT", str(tmp_path))}


def test_each_backend_fills_for_its_own_viewpoint_and_only_host_means_this_machine(tmp_path: Path) -> None:
    references = "{ports.web.inside} {ports.web.bind} {ports.web.host} {project.root} {project.name}"
    project = opened(tmp_path, f'name = "shop"\n{PORTS}[env]\nX = "{references}"\n')
    project = replace(project, ports={"web": 8123})
    view = Viewpoint(root="/inside", ports={"web": Listening(port=8000, address="0.0.0.0")}, bundle=None)
    assert inside.resolve(project, view, {}) == {"X": "8000 0.0.0.0 8123 /inside shop"}


def test_a_bundle_is_named_by_its_path_inside(tmp_path: Path) -> None:
    project = opened(tmp_path, '[network]\nca = "own.pem"\n', {"own.pem": ""})
    view = Viewpoint(root="/inside", ports={}, bundle="/inside/own.pem")
    assert set(inside.resolve(project, view, {}).values()) == {"/inside/own.pem"}
    assert inside.resolve(project, replace(view, bundle=None), {}) == {}


def test_a_port_that_is_not_chosen_yet_is_the_asked_one(tmp_path: Path) -> None:
    project = opened(tmp_path, f'{PORTS}[env]\nX = "{{ports.web.inside}}"\n')
    assert resolved(project, {}) == {"X": "8000"}


def test_a_service_is_named_by_its_address_its_user_and_its_password(tmp_path: Path) -> None:
    spec = '[services.db]\nuse = "postgres"\n[env]\nX = "{services.db.url} {services.db.port}"\n'
    project = claimed(tmp_path, spec)
    assert project.identity
    passwords.ensure(project.identity, ["db"])
    secret = passwords.of(project.identity)["db"]
    project = replace(project, ports={"services.db": 54321})
    assert resolved(project, {}) == {"X": f"postgresql://app:{secret}@127.0.0.1:54321/app 54321"}
    assert inside.masker(project, {}).mask(f"a {secret} b") == "a ••• b"


def test_the_spec_wins_over_env_files_and_later_files_over_earlier_ones(tmp_path: Path) -> None:
    files = {"a.env": "A=a\nB=a\nC=a\n", "sub/b c.env": "B=b\nC=b\n"}
    project = opened(tmp_path, 'env_files = ["a.env", "sub/b c.env", "absent?"]\n[env]\nC = "spec"\nD = 1\n', files)
    environ = {"A": "host", "C": "host", "E": "host"}
    assert resolved(project, environ) == {"A": "a", "B": "b", "C": "spec", "D": "1"}


def test_env_files_are_those_of_the_project_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = opened(tmp_path, 'env_files = ["a.env", "b.env?"]\n', {"inner/a.env": "A=wrong\n", "a.env": "A=right\n"})
    monkeypatch.chdir(tmp_path / "inner")
    assert resolved(project, {}) == {"A": "right"}
    assert inside.env_files(project) == [(str(tmp_path / "a.env"), False), (str(tmp_path / "b.env"), True)]


def test_a_line_that_cannot_be_read_is_told_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = opened(tmp_path, 'env_files = ["a.env"]\n', {"a.env": "A=1\n\nB='open\n"})
    with pytest.raises(UsageError) as caught:
        resolved(project, {})
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("a.env", 3)


def test_a_host_variable_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(opened(tmp_path, '[env]\nX = "${TOKEN}"\n'), {})
    (problem,) = caught.value.problems
    assert problem.message == "env.X needs the host variable TOKEN, which is not set"
    assert problem.hint is not None


def test_a_bundle_of_the_project_reaches_every_process_and_the_spec_may_change_it(tmp_path: Path) -> None:
    spec = '[network]\nca = "certs/own.pem"\n[env]\nCURL_CA_BUNDLE = "other"\n'
    values = resolved(opened(tmp_path, spec, {"certs/own.pem": ""}), {"SSL_CERT_FILE": "/host.pem"})
    own = str(tmp_path / "certs" / "own.pem")
    assert values == {
        "SSL_CERT_FILE": own,
        "PIP_CERT": own,
        "REQUESTS_CA_BUNDLE": own,
        "NODE_EXTRA_CA_CERTS": own,
        "CURL_CA_BUNDLE": "other",
    }


@pytest.mark.parametrize("ca", ["", '[network]\nca = "auto"\n', "[network]\nca = false\n"])
def test_without_a_bundle_of_its_own_the_project_sets_nothing(tmp_path: Path, ca: str) -> None:
    assert resolved(opened(tmp_path, ca), {"SSL_CERT_FILE": "/host.pem"}) == {}


def test_what_is_kept_of_a_value_names_host_variables_and_never_holds_them(tmp_path: Path) -> None:
    spec = f'{PORTS}[env]\nX = "u:${{TOKEN}}@{{ports.web.bind}}${{PATH_TO:-/x:y}}"\n'
    project = opened(tmp_path, spec)
    kept = inside.declared(project, inside.on_host(project))
    assert kept == [("X", ["=u:", "$TOKEN", "=@", "=127.0.0.1", "?PATH_TO:/x:y"])]
    assert variables.resolve([], kept, {"TOKEN": "secret"}) == {"X": "u:secret@127.0.0.1/x:y"}


def test_all_values_of_files_and_of_the_host_are_masked_and_nothing_else(tmp_path: Path) -> None:
    spec = 'env_files = ["a.env"]\n[env]\nX = "u:${TOKEN}@h"\nY = "${OTHER:-default-text}"\nZ = "plain-text"\n'
    project = opened(tmp_path, spec, {"a.env": "PASSWORD='from the file'\n"})
    environ = {"TOKEN": "from-the-host", "HOME": "/home/of-ann"}
    shown = inside.masker(project, environ).mask(
        "from the file, u:from-the-host@h, default-text, plain-text, /home/of-ann"
    )
    assert shown == "•••, u:•••@h, default-text, plain-text, /home/of-ann"


@pytest.mark.parametrize("name", ["UV_INDEX_COMPANY_PASSWORD", "UV_INDEX_COMPANY_USERNAME", "UV_PUBLISH_TOKEN"])
def test_credentials_of_indexes_are_masked(tmp_path: Path, name: str) -> None:
    masker = inside.masker(opened(tmp_path), {name: "credential", "UV_INDEX_STRATEGY": "first-index"})
    assert masker.mask("credential first-index") == "••• first-index"


def test_an_env_file_that_cannot_be_read_leaves_the_other_secrets_masked(tmp_path: Path) -> None:
    project = opened(tmp_path, 'env_files = ["absent.env"]\n[env]\nX = "${TOKEN}"\n')
    assert inside.masker(project, {"TOKEN": "from-the-host"}).mask("from-the-host") == "•••"


def test_one_file_that_cannot_be_read_does_not_unmask_the_values_of_the_others(tmp_path: Path) -> None:
    project = opened(tmp_path, 'env_files = ["good.env", "absent.env"]\n', {"good.env": "PASSWORD=canary-1\n"})
    assert inside.masker(project, {}).mask("canary-1") == "•••"
