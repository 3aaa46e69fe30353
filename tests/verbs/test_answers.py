"""What commands answer, in text and in JSON, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from envman.verbs.init import starters
from tests.support.scratch import Scratch

KEYS = {"envman", "command", "ok", "result", "problems"}
BROKEN = 'nmae = "shop"\n\n[python]\nversion = 3.12\n'


@pytest.fixture
def shop(scratch: Scratch) -> Scratch:
    """A small project, not up yet."""
    scratch.write({"requirements.txt": "alpha\n", "envman.toml": '[tasks]\ntest = "gamma"\n[ports]\nweb = 28471\n'})
    return scratch


@pytest.mark.parametrize("command", ["up", "status", "plan", "check", "doctor", "list", "down", "restart", "prune"])
def test_json_is_one_document_alone_on_stdout(shop: Scratch, command: str) -> None:
    outcome = shop.envman(command, "--json")
    assert outcome.code == 0, outcome.err
    assert set(outcome.json) == KEYS
    assert (outcome.json["envman"], outcome.json["command"], outcome.json["ok"]) == (1, command, True)


@pytest.mark.parametrize("command", ["up", "status", "plan", "check", "lock", "down"])
def test_every_problem_of_a_spec_is_in_the_document(shop: Scratch, command: str) -> None:
    shop.write({"envman.toml": BROKEN})
    outcome = shop.envman(command, "--json")
    assert outcome.code == 2
    assert not outcome.json["ok"]
    first, second = outcome.json["problems"]
    assert first == {
        "message": 'nmae: unknown key "nmae"',
        "hint": 'did you mean "name"?',
        "file": "envman.toml",
        "line": 1,
        "column": 1,
        "key": "nmae",
    }
    assert (second["key"], second["line"], second["hint"]) == ("python.version", 4, 'write it in quotes: "3.12"')
    assert "envman.toml:4:1" in outcome.err


def test_flags_may_stand_before_and_after_the_command(shop: Scratch) -> None:
    assert shop.envman("--json", "status").json == shop.envman("status", "--json").json
    elsewhere = shop.envman("-C", str(shop.root), "check", cwd=shop.home)
    assert elsewhere.code == 0
    assert shop.envman("check", "-C", str(shop.home / "nowhere")).code == 2


def test_quiet_says_nothing_and_still_fails_aloud(shop: Scratch) -> None:
    done = shop.envman("up", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    shop.write({"envman.toml": BROKEN})
    assert "unknown key" in shop.envman("up", "--quiet").err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("exec", "run"),
        ("ssh", "shell"),
        ("halt", "down"),
        ("stop", "down"),
        ("start", "up"),
        ("sync", "up"),
        ("ps", "status"),
    ],
)
def test_words_of_other_tools_are_answered_with_ours(shop: Scratch, typed: str, told: str) -> None:
    said = shop.envman(typed)
    assert said.code == 2
    assert f"envman {told}" in said.err


def test_a_mistyped_command_or_flag_is_answered_with_the_nearest(shop: Scratch) -> None:
    assert 'did you mean "status"?' in shop.envman("stauts").err
    for words in (("stauts", "--json"), ("up", "--json", "--ofline")):
        said = shop.envman(*words)
        assert (said.code, said.json["ok"], said.json["command"]) == (2, False, words[0])
        assert len(said.json["problems"]) == 1
    assert shop.envman("up", "--ofline").code == 2
    assert "--data" in shop.envman("down", "-v").err


def test_a_mistyped_program_is_answered_with_the_nearest(shop: Scratch) -> None:
    said = shop.envman("run", "tets")
    assert said.code == 127
    assert "did you mean test?" in said.err


def test_destroy_and_prune_ask_and_without_a_terminal_refuse(shop: Scratch) -> None:
    shop.up()
    refused = shop.envman("destroy")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert shop.status()["state"] == "running"


def test_a_busy_port_is_replaced_remembered_and_told(shop: Scratch) -> None:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 28471))
        holder.listen()
        up = shop.envman("up")
        assert "port 28471 is taken by process" in up.err
        assert shop.status()["ports"]["web"]["host"] > 28471
        shop.write({"envman.toml": "[ports]\nweb = {port = 28471, strict = true}\n"})
        strict = shop.envman("up")
        assert strict.code == 5
        assert "28471" in strict.err
    assert shop.envman("up").code == 0
    assert shop.status()["ports"]["web"]["host"] == 28471


def test_list_shows_every_environment_and_prune_removes_what_is_gone(shop: Scratch) -> None:
    shop.up()
    (entry,) = shop.envman("list", "--json").result["environments"]
    assert (entry["name"], entry["root"], entry["exists"]) == ("shop", str(shop.root), True)
    assert entry["bytes"] > 10_000
    assert shop.envman("prune", "--json", "--yes").result["removed"] == []
    shutil.rmtree(shop.root)
    shop.root.mkdir()
    (entry,) = shop.envman("list", "--json").result["environments"]
    shop.root.rmdir()
    assert "gone" in shop.envman("list", cwd=shop.home).out
    planned = shop.envman("prune", "--dry-run", "--json", cwd=shop.home)
    assert planned.result["removed"][0]["root"] == str(shop.root)
    assert shop.envman("prune", "--yes", cwd=shop.home).code == 0
    assert shop.envman("list", "--json", cwd=shop.home).result["environments"] == []


def test_prune_of_what_nobody_used_keeps_the_project(shop: Scratch) -> None:
    shop.up()
    removed = shop.envman("prune", "--older", "0", "--yes", "--json").result["removed"]
    assert [entry["name"] for entry in removed] == ["shop"]
    assert not (shop.root / ".venv").exists()
    assert (shop.root / "requirements.txt").exists()
    assert shop.up()["state"] == "running"


def test_prune_leaves_alone_who_took_the_place_of_a_project_that_is_gone(shop: Scratch) -> None:
    first = shop.up()["project"]["id"]
    shop.root.rename(shop.home / "elsewhere")
    shop.root.mkdir()
    shop.write({"requirements.txt": "alpha\n", "pyproject.toml": '[project]\nname = "other"\nversion = "1"\n'})
    assert shop.up()["project"]["id"] != first
    known = shop.envman("list", "--json").result["environments"]
    assert {entry["id"]: entry["exists"] for entry in known}[first] is False
    assert shop.envman("prune", "--yes").code == 0
    assert shop.up()["steps"] == []


def test_destroy_needs_no_valid_spec(shop: Scratch) -> None:
    before = sorted(path.name for path in shop.root.iterdir())
    shop.up()
    shop.write({"envman.toml": BROKEN, "pyproject.toml": "[project\n"})
    assert shop.envman("destroy", "--yes").code == 0
    assert sorted(path.name for path in shop.root.iterdir()) == sorted([*before, "pyproject.toml"])
    assert [path.name for path in shop.data.rglob("*") if path.is_file()] == []


def test_destroy_removes_what_was_copied_with_a_folder(shop: Scratch) -> None:
    shop.up()
    twin = Scratch(shop.home, shop.environ["UV_DEFAULT_INDEX"], name="twin")
    shutil.copytree(shop.root, twin.root, symlinks=True, dirs_exist_ok=True)
    assert twin.envman("destroy", "--yes").code == 0
    assert sorted(path.name for path in twin.root.iterdir()) == ["envman.toml", "requirements.txt"]
    assert shop.up()["steps"] == []


def test_init_writes_a_spec_that_is_valid_and_does_not_write_it_twice(scratch: Scratch) -> None:
    scratch.write({"pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n', ".git/config": ""})
    assert scratch.envman("init").code == 0
    text = (scratch.root / "envman.toml").read_text(encoding="utf-8")
    assert text.startswith("#:schema .envman/envman.schema.json\n\n")
    assert 'name = "shop"' in text
    json.loads((scratch.root / ".envman" / "envman.schema.json").read_text(encoding="utf-8"))
    assert "envman.local.toml" in (scratch.root / ".gitignore").read_text(encoding="utf-8")
    assert scratch.envman("check").code == 0
    again = scratch.envman("init")
    assert again.code == 2
    assert (scratch.root / "envman.toml").read_text(encoding="utf-8") == text


def test_every_starter_has_a_valid_spec(scratch: Scratch) -> None:
    assert starters() == ["django", "shop", "web", "worker"]
    for name in starters():
        shop = Scratch(scratch.home, scratch.environ["UV_DEFAULT_INDEX"], name=name)
        assert shop.envman("init", "--starter", name).code == 0
        said = shop.envman("check")
        assert (said.code, said.err) == (0, "")


def test_init_begins_a_project_with_a_starter(scratch: Scratch) -> None:
    assert scratch.envman("init", "--starter", "web").code == 0
    assert (scratch.root / "hello.py").exists()
    assert scratch.envman("check").code == 0
    (scratch.root / "envman.toml").unlink()
    clash = scratch.envman("init", "--starter", "web")
    assert clash.code == 2
    assert "hello.py" in clash.err
    assert scratch.envman("init", "--starter", "nosuch").code == 2


def test_completion_scripts_are_printed_and_tasks_complete(shop: Scratch) -> None:
    for shell in ("bash", "zsh", "fish", "pwsh"):
        assert "envman" in shop.envman("completion", shell).out
    assert "envman" in shop.envman("completion", ENVMAN_SHELL="fish").out


@pytest.mark.parametrize(
    ("shell", "words", "at"),
    [
        ("bash", "envman run t", "2"),
        ("bash", "envman run ", "2"),
        ("zsh", "envman run t", "2"),
        ("fish", "envman run t", "t"),
        ("fish", "envman run ", ""),
    ],
)
def test_tasks_complete_and_alike_before_and_after_an_up(shop: Scratch, shell: str, words: str, at: str) -> None:
    def completed() -> list[str]:
        return shop.call(
            (), {"_ENVMAN_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": at}
        ).out.split()

    through_click = completed()
    assert "test" in " ".join(through_click)
    shop.up()
    assert completed() == through_click


def test_what_follows_a_task_completes_as_files(shop: Scratch) -> None:
    said = shop.envman(_ENVMAN_COMPLETE="bash_complete", COMP_WORDS="envman run test te", COMP_CWORD="3")
    assert said.out.splitlines() == ["file,te"]


def test_a_recipe_that_there_is_not_is_answered_with_the_nearest(scratch: Scratch) -> None:
    scratch.write({"envman.toml": '[services.db]\nuse = "postgers"\n', "requirements.txt": "alpha\n"})
    said = scratch.envman("check")
    assert said.code == 2
    assert 'envman.toml:2:1: services.db.use: there is no recipe "postgers" in the catalogue' in said.err
    assert 'did you mean "postgres"?' in said.err


def test_an_image_without_an_engine_is_told_not_to_run_here(scratch: Scratch) -> None:
    scratch.write({"envman.toml": '[services.search]\nimage = "search:1"\n', "requirements.txt": "alpha\n"})
    said = scratch.envman("up")
    assert (said.code, "services.search is an image, and needs a container engine" in said.err) == (3, True)


def test_a_missing_system_package_is_named_with_the_line_that_installs_it(scratch: Scratch) -> None:
    scratch.write(
        {"envman.toml": '[system]\npackages = ["libc6", "no-such-package-here"]\n', "requirements.txt": "alpha\n"}
    )
    said = scratch.envman("check")
    assert "no-such-package-here" in said.err
    assert "libc6" not in said.err or "cannot check here" in said.err


def test_a_profile_lays_over_the_spec_and_the_local_file_over_both(scratch: Scratch) -> None:
    spec = '[env]\nA = "spec"\nB = "spec"\nC = "spec"\n[profile.ci.env]\nB = "profile"\nC = "profile"\n'
    scratch.write({"envman.toml": spec, "requirements.txt": "alpha\n"})
    show = ("sh", "-c", "echo $A $B $C")
    assert scratch.envman("run", *show).out == "spec spec spec\n"
    assert scratch.envman("run", "--profile", "ci", *show).out == "spec profile profile\n"
    assert scratch.envman("run", *show, ENVMAN_PROFILE="ci").out == "spec profile profile\n"
    scratch.write({"envman.local.toml": '[env]\nC = "mine"\n'})
    assert scratch.envman("run", "--profile", "ci", *show).out == "spec profile mine\n"
    assert scratch.envman("run", *show).out == "spec spec mine\n"
    assert 'no profile "cy"' in scratch.envman("run", "--profile", "cy", "true").err


def test_an_unknown_backend_is_named_with_those_that_exist(shop: Scratch) -> None:
    said = shop.envman("up", "--backend", "nosuch")
    assert said.code == 2
    assert "venv" in said.err


def test_a_project_inside_a_project_is_its_own(shop: Scratch) -> None:
    shop.up()
    inner = shop.root / "inner"
    inner.mkdir()
    assert shop.envman("run", "pwd", cwd=inner).out.strip() == str(inner)
    (inner / "envman.toml").write_text('name = "inner"\n', encoding="utf-8")
    assert shop.envman("status", "--json", cwd=inner).result["project"]["name"] == "inner"
    assert json.loads(shop.envman("up", "--json", cwd=inner).out)["result"]["project"]["root"] == str(inner)
    assert Path(shop.envman("run", "sh", "-c", "echo $VIRTUAL_ENV", cwd=inner).out.strip()).parent == inner
