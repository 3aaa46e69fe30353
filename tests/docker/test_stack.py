"""The stack: the compose file says what the spec says, letter by letter; processes, jobs, images and their options."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from envman import backend, identity
from envman.errors import UsageError
from envman.project import Project, open_project
from envman.services import catalogue, passwords
from envman.services.recipe import image_of
from envman_docker import check, compose, engine, image, mounts, naming, options, published, stack, view
from tests.docker.stacks import Stack
from tests.services.support import free_port, is_one_message, until

Make = Callable[[str], Stack]
AWKWARD = [
    "$HOME", "$$", "${A:-b}", "it's", 'say "x"', "a\nb", "a\n b\n", "\ttab", "ünï ☃", "yes", "no", "null", "~", "0777",
    "1e3", "12:30:45", "2001-01-01", " lead", "trail ", "", "#x", "a: b", "- x", "*x", "&x", "!x", "%x", "@x", "`x`",
    "{a}", "[a]", "a #b", "\\n", "x\r\ny", "\x85", "\u2028", "a:b:c", "0x1f", ".5", "0b11", "1_000", "=", "<<", "on",
]  # fmt: skip


def opened(root: Path, spec: str) -> Project:
    """A project with an identity and its passwords."""
    (root / "envman.toml").write_text(spec, encoding="utf-8")
    identity.claim(root, "shop")
    found = open_project(root, os.environ, shapes=backend.options())
    assert found.identity
    passwords.ensure(found.identity, [name for name, service in found.spec.services.items() if service.use])
    return open_project(root, os.environ, shapes=backend.options())


def described(project: Project) -> dict[str, Any]:
    """The stack as data."""
    return stack.document(project, stack.parts(project, image.recipe(project, os.environ)), {})


def told(project: Project) -> list[str]:
    """What check says of it."""
    return [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in check.check(project.spec)]


class TestFile:
    """What stands in it."""

    @pytest.mark.parametrize("word", AWKWARD)
    def test_every_value_is_the_same_when_it_is_read(self, word: str) -> None:
        read: Mapping[str, Any] = YAML(typ="safe").load(compose.text({"a": [word], "b": {"c": word}}))
        assert read == {"a": [word.replace("$", "$$")], "b": {"c": word.replace("$", "$$")}}

    def test_it_has_no_anchors_and_says_whose_it_is(self) -> None:
        labels = {"x": "y"}
        text = compose.text({"a": labels, "b": labels})
        assert text.startswith("# Written by envman")
        assert "&" not in text

    def test_a_script_is_written_as_people_write_one(self) -> None:
        assert "- |\n" in compose.text({"command": ["first &&\nsecond\n"]})

    def test_a_cache_of_the_project_is_not_the_cache_of_packages(self, tmp_path: Path) -> None:
        made = described(opened(tmp_path, '[services.cache]\nuse = "redis"\n'))
        (own,) = made["services"]["cache"]["volumes"]
        (packages,) = [one for one in made["services"]["workspace"]["volumes"] if one["target"].endswith("/.cache")]
        assert made["volumes"][own["source"]]["name"] != made["volumes"][packages["source"]]["name"]

    def test_no_password_is_in_it(self, tmp_path: Path) -> None:
        spec = "".join(f'[services.{name}]\nuse = "{name}"\n' for name in catalogue.names() if name != "smtp")
        project = opened(tmp_path, spec + '[env]\nURL = "{services.postgres.url}"\n')
        text = compose.text(described(project))
        assert [word for word in passwords.of(project.identity).values() if word in text] == []

    def test_all_objects_are_labelled_and_volumes_only_with_what_never_changes(self, tmp_path: Path) -> None:
        project = opened(tmp_path, '[services.db]\nuse = "postgres"\n[services.w]\nrun = "x"\n')
        made = described(project)
        mine = {naming.PROJECT: naming.identity(project)}
        assert all(mine.items() <= one["labels"].items() for one in made["services"].values())
        assert [one["labels"] for one in made["volumes"].values() if not one.get("external")] == [mine]
        assert made["networks"]["default"]["labels"] == mine

    def test_ports_are_published_on_this_machine_alone_unless_the_spec_says_otherwise(self, tmp_path: Path) -> None:
        spec = '[ports]\na = 8001\nb = {port = 8002, bind = "0.0.0.0"}\nc = {port = 8003, bind = "::1"}\n'
        made = described(opened(tmp_path, spec + '[services.web]\nrun = "x"\nport = 8004\n'))
        ports = made["services"]["workspace"]["ports"]
        assert [one.rpartition(":")[0].rpartition(":")[0] for one in ports] == sorted(
            ["0.0.0.0", "127.0.0.1", "127.0.0.1", "[::1]"]
        )
        assert made["services"]["web"]["network_mode"] == "service:workspace"

    def test_a_project_that_is_renamed_keeps_its_stack(self, tmp_path: Path) -> None:
        project = opened(tmp_path, 'name = "one"\n')
        assert project.identity
        before = naming.stack(project)
        identity.remember(project.identity, **{naming.STACK: before})
        assert naming.stack(opened(tmp_path, 'name = "two"\n')) == before

    def test_the_projects_own_words_are_merged_last(self, tmp_path: Path) -> None:
        spec = (
            '[services.db]\nuse = "postgres"\n[docker]\n'
            'compose = {services = {db = {shm_size = "1gb", restart = "no"}}, x-note = 1}\n'
        )
        made = described(opened(tmp_path, spec))
        assert (made["services"]["db"]["shm_size"], made["services"]["db"]["restart"], made["x-note"]) == (
            "1gb",
            "no",
            1,
        )
        assert made["services"]["db"]["labels"][naming.SERVICE] == "db"

    def test_what_processes_see_decides_about_them_alone(self, tmp_path: Path) -> None:
        spec = 'env_files = [".env"]\n[services.db]\nuse = "postgres"\n[services.w]\nrun = "x"\n[env]\nA = "{}"\n'

        def inputs(value: str, secret: str) -> dict[str, str]:
            (tmp_path / ".env").write_text(f"B={secret}\n")
            project = opened(tmp_path, spec.replace("{}", value))
            return {name: part.inputs for name, part in stack.parts(project, image.recipe(project, os.environ)).items()}

        first, again = inputs("1", "1"), inputs("1", "1")
        assert first == again
        for other in (inputs("2", "1"), inputs("1", "2")):
            assert [name for name in first if first[name] != other[name]] == ["w"]


class TestOptions:
    """[docker]."""

    def _of(self, tmp_path: Path, text: str) -> options.Options:
        return options.of(opened(tmp_path, f"[docker]\n{text}\n").spec)

    @pytest.mark.parametrize(
        ("written", "meant"), [("2 GB", "2gb"), ("512m", "512m"), ("1.5 GB", "1.5gb"), ("100 KB", "100kb")]
    )
    def test_sizes_have_the_units_of_compose(self, tmp_path: Path, written: str, meant: str) -> None:
        assert self._of(tmp_path, f'memory = "{written}"').memory == meant

    @pytest.mark.parametrize("written", ["2", "1.5", '"1.5"'])
    def test_processors_are_a_number(self, tmp_path: Path, written: str) -> None:
        assert self._of(tmp_path, f"cpus = {written}").cpus == written.strip('"')

    @pytest.mark.parametrize(
        "text",
        [
            'memory = "much"',
            'cpus = "0"',
            "cpus = 0",
            'mounts = ["here"]',
            'mounts = ["a/b:/c"]',
            'mounts = ["./a:/b:rx"]',
        ],
    )
    def test_what_makes_no_sense_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(UsageError):
            self._of(tmp_path, text)

    def test_mounts_are_seen_from_the_project_and_the_home(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", "/home/somebody")
        found = [
            mounts.parse(text, tmp_path)
            for text in ("~/.aws:/aws:ro", "./sub:/sub", "../x:/x", "/etc/a:/a", "stuff:/s:z")
        ]
        assert [one["source"] for one in found] == [
            "/home/somebody/.aws", str(tmp_path / "sub"), str(tmp_path.parent / "x"), "/etc/a", "stuff",
        ]  # fmt: skip
        assert [one["type"] for one in found] == ["bind", "bind", "bind", "bind", "volume"]
        assert [one.get("read_only", False) for one in found] == [True, False, False, False, False]

    def test_a_volume_of_a_mount_is_the_projects_own(self, tmp_path: Path) -> None:
        made = described(opened(tmp_path, '[docker]\nmounts = ["stuff:/stuff"]\n'))
        assert made["volumes"]["stuff"]["labels"]

    def test_processors_of_the_graphics_stand_in_the_file(self, tmp_path: Path) -> None:
        made = described(opened(tmp_path, "[docker]\ngpus = true\ndrop = ['NET_RAW']\n"))["services"]["workspace"]
        (device,) = made["deploy"]["resources"]["reservations"]["devices"]
        assert (device["capabilities"], made["cap_drop"]) == (["gpu"], ["NET_RAW"])

    def test_the_agent_of_before_is_kept_while_it_lives(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        project = opened(tmp_path, "[docker]\nssh_agent = true\n")
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        assert mounts.agent(project) is None
        stack.secrets_folder(project).mkdir(parents=True, exist_ok=True)
        places = [tmp_path / name for name in ("one", "two")]
        lines = [socket.socket(socket.AF_UNIX) for _ in places]
        for line, place in zip(lines, places, strict=True):
            line.bind(str(place))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(places[0]))
        mounts.keep_agent(project)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(places[1]))
        assert mounts.agent(project) == str(places[0])
        places[0].unlink()
        assert mounts.agent(project) == str(places[1])
        for line in lines:
            line.close()


class TestCheck:
    """What containers cannot honour is named."""

    def test_a_service_of_compose_that_the_spec_has_not(self, tmp_path: Path) -> None:
        project = opened(
            tmp_path,
            '[services.db]\nuse = "postgres"\n[docker]\ncompose = {services = {bd = {x = 1}, workspace = {}}}\n',
        )
        assert told(project) == ['docker.compose.services.bd: there is no service "bd" to merge this into']

    def test_two_processes_on_one_port_and_a_server_without_an_image_are_refused(self, tmp_path: Path) -> None:
        spec = (
            '[services.a]\nrun = "x"\nport = 8000\n[services.b]\nrun = "x"\nport = 8000\n[services.mail]\n'
            'use = "smtp"\n'
        )
        project = opened(tmp_path, spec)
        assert len(told(project)) == 2
        with pytest.raises(UsageError) as caught:
            check.refuse(project.spec)
        assert [one.key for one in caught.value.problems] == ["services.b.port", "services.mail.use"]

    def test_it_is_called_what_really_runs(self) -> None:
        names = {name: view.title(catalogue.find(name), catalogue.find(name).versions[0]) for name in catalogue.names()}
        assert (names["redis"], names["postgres"], names["s3"]) == ("Valkey 9", "PostgreSQL 18", "rclone 1")
        assert view.title(catalogue.find("redis"), "6") == "Redis 6"
        assert image_of(catalogue.find("redis"), "6") == "redis:6"


SPECS = {
    "nothing": "",
    "servers": "".join(f'[services.{name}]\nuse = "{name}"\n' for name in catalogue.names() if name != "smtp"),
    "processes": (
        '[services.w]\nrun = "echo $HOME \'x\' \\"y\\" ${A:-b}"\nport = 9000\n[services.j]\n'
        'run = ["a b", "$x"]\nonce = true\n'
    ),
    "options": (
        '[docker]\ncpus = 1.5\nmemory = "2 GB"\ngpus = true\ndrop = ["NET_RAW"]\n'
        'mounts = ["~/.aws:/a:ro", "v:/v", "./x:/x:z"]\n'
        'join = ["shared"]\ncompose = {services = {workspace = {environment = {A = "$B", C = "ü\\n\\"x\\""}}}}\n'
    ),
    "images": (
        '[services.x]\nimage = "nginx:1"\nport = {inside = 80, host = 8080}\n[ports]\na = {port = 1, bind = "::1"}\n'
    ),
}


@pytest.mark.engine
@pytest.mark.parametrize("name", SPECS)
def test_compose_accepts_the_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(compose.text(described(opened(tmp_path, SPECS[name]))))
    words = ["docker", "compose", "--file", str(file), "config", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.engine
def test_compose_reads_every_value_as_it_was_written(tmp_path: Path) -> None:
    project = opened(tmp_path, SPECS["options"])
    made = described(project)
    made["services"]["workspace"]["environment"] = {f"V{index}": word for index, word in enumerate(AWKWARD)}
    made["services"]["workspace"]["command"] = AWKWARD
    file = tmp_path / "compose.yaml"
    file.write_text(compose.text(made), newline="")
    words = ["docker", "compose", "--file", str(file), "config", "--format", "json", "--no-interpolate"]
    read = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)["services"]["workspace"]
    dollars = [word.replace("$", "$$") for word in AWKWARD]
    assert read["command"] == dollars
    assert list(dict(sorted(read["environment"].items(), key=lambda one: int(one[0][1:]))).values()) == dollars


SERVER = """\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "").encode())
http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


@pytest.mark.engine
class TestProcesses:
    """`run`: in the workspace's network, in order, started again, and told about."""

    def _describe(self, made: Stack, spec: str) -> None:
        made.write({"envman.toml": f'name = "shop"\n{spec}', "server.py": SERVER})

    def _failed(self, made: Stack) -> str:
        failed = made.envman("up")
        is_one_message(failed)
        assert failed.code == 1
        return failed.err

    def test_they_share_the_network_and_are_published_and_probed(self, stack: Stack) -> None:
        port = free_port()
        web = (
            f'[services.web]\nrun = "exec python server.py 8123"\nport = {{inside = 8123, host = {port}}}\n'
            f'health = {{http = "/"}}\n'
        )
        other = (
            "[services.late]\n"
            'run = "python -c \'import urllib.request as u; print(u.urlopen(\\"http://localhost:8123\\").status)\'; '
            'exec sleep 300"\n'
            'needs = ["web"]\n'
        )
        probed = (
            '[services.slow]\nrun = "sleep 0.5; touch /tmp/done; exec sleep 300"\n'
            'health = {exec = "test -e /tmp/done"}\n'
        )
        self._describe(stack, web + other + probed + '[env]\nGREETING = "it\'s $5 \\"ü\\"\\nnext"\n')
        stack.up()
        found = stack.status()["services"]["web"]
        assert (found["inside"]["url"], found["host"]["port"]) == ("http://web:8123", port)
        assert _get(found["host"]["url"]) == 'it\'s $5 "ü"\nnext'
        assert stack.envman("run", "python", "-c", "import urllib.request as u; u.urlopen('http://web:8123')").code == 0
        assert stack.lines("late") == ["200"]

    def test_a_job_is_done_before_the_others_and_once_for_every_start(self, stack: Stack) -> None:
        job = '[services.job]\nrun = "echo job >> notes"\nonce = true\n'
        self._describe(stack, job + '[services.w]\nrun = "echo w >> notes; exec sleep 300"\nneeds = ["job"]\n')
        stack.up()
        assert stack.status()["services"]["job"]["state"] == "running"
        assert stack.steps() == []
        stack.down()
        assert stack.status()["services"]["job"]["state"] == "stopped"
        stack.up()
        assert (stack.root / "notes").read_text().split() == ["job", "w"] * 2

    def test_a_job_that_fails_says_its_last_lines_and_is_done_again(self, stack: Stack) -> None:
        self._describe(
            stack,
            (
                '[services.job]\nrun = "echo no such table; test -e mended"\nonce = true\n[services.w]\n'
                'run = "exec sleep 300"\nneeds = ["job"]\n'
            ),
        )
        said = self._failed(stack)
        assert "job is not ready: it ended with 1" in said
        assert "no such table" in said
        assert stack.ids("w") == []
        stack.write({"mended": ""})
        assert stack.steps() == ["job", "w"]

    def test_a_loop_of_crashes_is_told_stopped_and_mended(self, stack: Stack) -> None:
        self._describe(
            stack,
            (
                "[services.w]\n"
                'run = "echo out of ideas; test -e mended || { sleep 1.5; exit 3; }; exec sleep 300"\n'
                '[services.fine]\nrun = "exec sleep 300"\n'
            ),
        )
        stack.up("--json")  # it has lived long enough to look well
        until(lambda: "ended with 3" in (stack.status()["services"]["w"]["why"] or ""), 60)
        stack.write({"mended": ""})
        until(lambda: stack.up()["services"]["w"]["state"] == "running", 30)
        self._describe(stack, '[services.w]\nrun = "echo out of ideas; exit 4"\n')
        said = self._failed(stack)
        assert "it ended with 4" in said
        assert "out of ideas" in said
        assert not stack.inspect("w")["State"]["Restarting"]

    def test_policies_decide_what_happens_at_an_end(self, stack: Stack) -> None:
        once = '[services.{0}]\nrun = "echo {0} >> notes; {1}"\nrestart = "{2}"\n'
        self._describe(
            stack,
            once.format("never", "exit 0", "never")
            + once.format("failing", "test -e tried || { touch tried; sleep 1; exit 3; }", "on-failure"),
        )
        stack.up()
        until(lambda: (stack.root / "notes").read_text().split().count("failing") == 2)
        until(lambda: {one["state"] for one in stack.status()["services"].values()} == {"running"})
        assert (stack.root / "notes").read_text().split().count("never") == 1
        assert stack.steps() == []

    def test_a_changed_variable_makes_their_containers_anew_and_no_others(self, stack: Stack) -> None:
        spec = (
            f'[services.cache]\nuse = "redis"\nport = {free_port()}\n[services.w]\nrun = "exec sleep 300"\n'
            f'[env]\nA = "{{}}"\n'
        )
        self._describe(stack, spec.replace("{}", "1"))
        stack.up()
        before = {name: stack.ids(name) for name in ("workspace", "cache", "w")}
        self._describe(stack, spec.replace("{}", "2"))
        assert stack.steps() == ["w"]
        after = {name: stack.ids(name) for name in before}
        assert [name for name in before if before[name] != after[name]] == ["w"]

    def test_when_the_workspace_begins_anew_they_do_too(self, stack: Stack) -> None:
        port = free_port()
        self._describe(
            stack, f'[services.web]\nrun = "exec python server.py 8123"\nport = {{inside = 8123, host = {port}}}\n'
        )
        stack.up()
        stack.docker("stop", "--time", "1", *stack.ids("workspace"))
        stack.up()
        assert _get(f"http://127.0.0.1:{port}") == ""
        self._describe(
            stack, f"[ports]\nx = {free_port()}\n" + (stack.root / "envman.toml").read_text().partition("\n")[2]
        )
        assert "web" in stack.steps()
        assert _get(f"http://127.0.0.1:{port}") == ""

    def test_secrets_are_nowhere_but_in_the_process(self, stack: Stack) -> None:
        spec = (
            'env_files = [".env"]\n[services.w]\nrun = "sh check; exec sleep 300"\n[env]\n'
            'B = "${HOST_CANARY}"\npass = ["PASSED_*"]\n'
        )
        stack.write({".env": "TOKEN='canary-$4711'\n", "check": "test \"$TOKEN\" = 'canary-$4711' && echo right"})
        self._describe(stack, spec)
        stack.environ |= {"HOST_CANARY": "canary-host", "PASSED_X": "canary-passed", "PASSED_%%": "canary-odd"}
        stack.up()
        assert stack.lines("w") == ["right"]
        assert "canary" not in stack.docker("inspect", *stack.ids())
        found = [
            file for file in (stack.root / ".envman").rglob("*") if file.is_file() and b"canary" in file.read_bytes()
        ]
        assert found == []
        box = stack.ids("w")[0]
        assert "canary-passed" in stack.docker("exec", box, "sh", "-c", "cat /proc/*/environ | tr '\\0' '\\n'")


@pytest.mark.engine
class TestLogs:
    """What containers say, and what they say now."""

    def test_they_are_in_order_with_times_and_long_lines_whole(self, stack: Stack) -> None:
        run = "python -c 'print(\\\"x\\\" * 40000)'; echo one; sleep 1.2; echo two; exec sleep 300"
        stack.write({"envman.toml": f'[services.w]\nrun = "{run}"\n'})
        stack.up()
        until(lambda: stack.lines("w")[-1] == "two")
        assert [len(line) for line in stack.lines("w")] == [40000, 3, 3]

    def test_follow_stays_with_a_service_whose_container_is_made_anew(self, stack: Stack) -> None:
        spec = '[services.w]\nrun = "echo hello $A; while :; do sleep 0.3; echo tick $A; done"\n[env]\nA = "{}"\n'
        stack.write({"envman.toml": spec.replace("{}", "first")})
        stack.up()
        call = stack.start("logs", "w", "--follow")
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 1.5)
        stack.write({"envman.toml": spec.replace("{}", "second")})
        stack.up()
        time.sleep(2)
        with open(f"/proc/{call.pid}/stat", encoding="ascii") as stat:
            ticks = sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))
        call.send_signal(2)
        said = call.communicate(timeout=20)[0].splitlines()
        assert said.count("hello first") == said.count("hello second") == 1
        assert said.count("tick second") >= 3
        assert ticks / os.sysconf("SC_CLK_TCK") < 1.5


@pytest.mark.engine
class TestImages:
    """Any image as a service."""

    def test_its_folders_of_data_are_volumes_with_a_name_and_a_label(self, stack: Stack) -> None:
        port = free_port()
        spec = (
            f'[services.mq]\nimage = "eclipse-mosquitto:2"\nport = {{inside = 1883, host = {port}}}\n'
            f'health = {{exec = "test -e mosquitto/config/mosquitto.conf"}}\n'
        )
        stack.write({"envman.toml": spec})
        stack.up()
        assert all(
            one["Type"] == "volume" and one["Name"].startswith(naming_of(stack))
            for one in stack.inspect("mq")["Mounts"]
        )
        stack.docker("exec", *stack.ids("mq"), "sh", "-c", "echo kept > /mosquitto/data/v")
        stack.down()
        stack.up()
        stack.docker("rm", "--force", *stack.ids("mq"))
        stack.up()
        assert stack.docker("exec", *stack.ids("mq"), "cat", "/mosquitto/data/v") == "kept"
        mine = ["volume", "ls", "--quiet", "--filter", f"label=dev.envman.project={stack.identity}"]
        assert len(stack.docker(*mine).split()) == 2
        assert stack.envman("destroy", "--yes", "--data").code == 0
        assert stack.docker(*mine) == ""


def naming_of(made: Stack) -> str:
    """How the names of its objects begin."""
    return f"shop-{made.identity[:8]}-"


@pytest.mark.engine
class TestShared:
    """What a stack has in common with others, and with its user."""

    def test_projects_that_join_a_network_reach_each_other_and_the_last_one_removes_it(
        self, another_stack: Make
    ) -> None:
        network = f"envman-test-{os.urandom(4).hex()}"
        port = free_port()
        both = [another_stack(name) for name in ("one", "two")]
        for made in both:
            made.write(
                {
                    "server.py": SERVER,
                    "envman.toml": (
                        f'name = "{made.root.name}"\n[docker]\njoin = ["{network}"]\n[services.web]\n'
                        f'run = "exec python server.py 8123"\nport = {{inside = 8123, host = {port}}}\n[env]\n'
                        f'GREETING = "{made.root.name}"\n'
                    ),
                }
            )
            made.up()
        for made, other in (both, both[::-1]):
            asked = f"import urllib.request as u; print(u.urlopen('http://{other.root.name}:8123').read().decode())"
            assert made.envman("run", "--no-up", "python", "-c", asked).out.strip() == other.root.name
        both[0].down()
        assert both[1].envman("destroy", "--yes").code == 0
        both[0].up()  # its containers come back to a network that is still the same
        assert network in both[0].docker("network", "ls", "--format", "{{.Name}}").split()
        assert both[0].envman("destroy", "--yes").code == 0
        assert network not in both[0].docker("network", "ls", "--format", "{{.Name}}").split()

    def test_a_network_that_its_last_project_removes_in_this_moment_is_made_again(self, stack: Stack) -> None:
        network = f"envman-test-{os.urandom(4).hex()}"
        stack.write({"envman.toml": f'[docker]\njoin = ["{network}"]\n'})
        part = Path(engine.plugin("docker-compose", stack.environ) or "")
        own = stack.home / ".docker" / "cli-plugins" / part.name
        own.parent.mkdir(parents=True)
        first = f"[ -e {own}.called ] || {{ touch {own}.called; docker network rm {network} >&2; }}"
        own.write_text(f'#!/bin/sh\n{first}\nexec {part} "$@"\n')
        own.chmod(0o755)
        stack.up()
        assert Path(f"{own}.called").exists()
        assert network in stack.inspect("workspace")["NetworkSettings"]["Networks"]
        assert stack.envman("destroy", "--yes").code == 0
        assert network not in stack.docker("network", "ls", "--format", "{{.Name}}").split()

    def test_a_destroy_leaves_a_network_that_others_share(self, stack: Stack) -> None:
        network = f"envman-test-{os.urandom(4).hex()}"
        stack.write({"envman.toml": 'backend = "docker"\n'})
        stack.docker("network", "create", "--label", "dev.envman.shared=1", network)
        try:
            stack.up()
            assert stack.envman("destroy", "--yes").code == 0
            assert network in stack.docker("network", "ls", "--format", "{{.Name}}").split()
        finally:
            stack.docker("network", "rm", network)

    def test_mounts_limits_agent_and_identity_are_there_inside(self, stack: Stack) -> None:
        agent = stack.home / "agent"
        with socket.socket(socket.AF_UNIX) as line:
            line.bind(str(agent))
            stack.environ["SSH_AUTH_SOCK"] = str(agent)
            (stack.home / "own").mkdir()
            (stack.home / "own" / "file").write_text("mine")
            stack.write({".gitconfig": ""})
            (stack.home / ".gitconfig").write_text("[user]\nname = Ann O'Nym\nemail = ann@example.org\n")
            spec = (
                '[docker]\nmounts = ["~/own:/own:ro", "./sub:/sub"]\nmemory = "256 MB"\ncpus = 0.5\n'
                "ssh_agent = true\ngit_identity = true\n"
            )
            stack.write(
                {
                    "envman.toml": spec
                    + '[services.w]\nrun = "echo $SSH_AUTH_SOCK $GIT_AUTHOR_EMAIL; exec sleep 300"\n',
                    "sub/x": "",
                }
            )
            stack.up()
            asked = (
                "cat /own/file; ls /sub; test -S $SSH_AUTH_SOCK && echo agent; "
                "echo $GIT_AUTHOR_NAME $GIT_COMMITTER_EMAIL"
            )
            for words in (("run",), ("run", "--no-up")):
                said = stack.envman(*words, "sh", "-c", asked)
                assert said.out.split("\n") == ["minex", "agent", "Ann O'Nym ann@example.org", ""], said.err
            assert stack.lines("w") == ["/run/ssh-agent ann@example.org"]
            limits = stack.inspect("workspace")["HostConfig"]
            assert (limits["Memory"], limits["NanoCpus"]) == (256 * 1024**2, 500_000_000)

    def test_a_folder_to_mount_that_is_not_there_is_told_and_not_made(self, stack: Stack) -> None:
        stack.write({"envman.toml": '[docker]\nmounts = ["./nowhere:/x"]\n'})
        failed = stack.envman("up")
        is_one_message(failed)
        assert "nowhere" in failed.err
        assert not (stack.root / "nowhere").exists()


@pytest.mark.engine
class TestPorts:
    """Ports that the engine has given away."""

    @pytest.fixture
    def holder(self, stack: Stack) -> Iterator[tuple[str, int]]:
        """A container of nobody's project that has a port."""
        port, name = free_port(), f"envman-test-{os.urandom(4).hex()}"
        stack.docker("run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:80", "valkey/valkey:9")
        yield name, port
        stack.docker("rm", "--force", "--volumes", name)

    def test_the_container_is_named_and_a_strict_port_ends_with_five(
        self, stack: Stack, holder: tuple[str, int]
    ) -> None:
        name, port = holder
        assert published.taken(os.environ)[port] == f"container {name}"
        stack.write({"envman.toml": f"[ports]\nweb = {port}\n"})
        said = stack.envman("up")
        assert said.code == 0
        assert f"port {port} is taken by container {name}; web uses {port + 1}" in said.err
        stack.write({"envman.toml": f"[ports]\nweb = {{port = {port}, strict = true}}\n"})
        failed = stack.envman("up")
        assert (failed.code, f"taken by container {name}" in failed.err) == (5, True)


@pytest.mark.engine
def test_sizes_are_told_for_all_that_a_destroy_would_remove(stack: Stack) -> None:
    stack.write({"envman.toml": f'[services.cache]\nuse = "redis"\nport = {free_port()}\n'})
    stack.up()
    told = stack.envman("destroy", "--data").err.splitlines()
    sizes = {
        words[2]: words[3:]
        for line in told
        if (words := line.split())[:2] in (["remove", kind] for kind in ("image", "volume", "container"))
    }
    assert sorted(name.rpartition(":")[2].rpartition("-")[2] for name in sizes) == ["1", "1", "base", "cache", "dev"]
    (dev,) = [size for name, size in sizes.items() if name.endswith(":dev")]
    assert dev[-1] != "GB"
    assert float(dev[0]) < 100 or dev[-1] in ("kB", "B")
