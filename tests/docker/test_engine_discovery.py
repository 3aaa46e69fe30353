"""Which engine is meant, and what is said where there is none."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envman.errors import EngineMissing
from envman_docker import engine, published, sockets
from tests.support.scratch import Scratch

_PODMAN = b'{"Components":[{"Name":"Podman Engine","Version":"4.3.1"}]}'
Serve = Callable[[Path], Path]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """An engine that answers one word, wherever a socket is asked for."""
    lines: list[socket.socket] = []

    def answer(line: socket.socket) -> None:
        while True:
            try:
                asker, _ = line.accept()
            except OSError:
                return
            with asker:
                asker.recv(4096)
                says = _PODMAN if "podman" in line.getsockname() else b"{}"
                asker.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + says)

    def make(place: Path) -> Path:
        place.parent.mkdir(parents=True, exist_ok=True)
        line = socket.socket(socket.AF_UNIX)
        line.bind(str(place))
        line.listen()
        lines.append(line)
        threading.Thread(target=answer, args=(line,), daemon=True).start()
        return place

    yield make
    for line in lines:
        line.shutdown(socket.SHUT_RDWR)
        line.close()


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A user with a docker command, both plugins, and no engine in the usual place."""
    monkeypatch.setattr(engine, "_DEFAULT", f"unix://{tmp_path}/default.sock")
    monkeypatch.setattr(engine, "_PLUGINS", ())
    for name in ("bin/docker", ".docker/cli-plugins/docker-compose", ".docker/cli-plugins/docker-buildx"):
        _program(tmp_path / name)
    return {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def _program(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


def _context(config: Path, name: str, address: str) -> None:
    # As the docker command itself writes it.
    env = {**os.environ, "DOCKER_CONFIG": str(config)}
    subprocess.run(
        ["docker", "context", "create", name, "--docker", f"host={address}"], env=env, check=True, capture_output=True
    )


def _one(environ: dict[str, str]) -> str:
    (problem,) = engine.missing(environ)
    assert problem.hint
    return problem.message


class TestWhich:
    """In the order in which the docker command looks."""

    def test_the_variable_before_all_else(self, environ: dict[str, str], tmp_path: Path, serve: Serve) -> None:
        place = serve(tmp_path / "own.sock")
        found = engine.find(environ | {"DOCKER_HOST": f"unix://{place}", "DOCKER_CONTEXT": "no-such"})
        assert (found.address, found.said_by) == (f"unix://{place}", "DOCKER_HOST")
        assert engine.missing(environ | {"DOCKER_HOST": f"unix://{place}"}) == []

    def test_a_context_that_is_not_there_is_told(self, environ: dict[str, str]) -> None:
        assert _one(environ | {"DOCKER_CONTEXT": "no-such"}) == 'there is no docker context "no-such"'

    def test_a_broken_configuration_counts_as_none(self, environ: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / ".docker" / "config.json").write_text("[")
        assert engine.find(environ).said_by == "the docker command"

    @pytest.mark.parametrize(
        ("place", "whose"),
        [
            ("run/docker.sock", "rootless Docker"),
            (".docker/run/docker.sock", "Docker Desktop"),
            ("run/podman/podman.sock", "Podman"),
        ],
    )
    def test_engines_of_other_kinds_are_found_where_the_usual_one_is_not(
        self, environ: dict[str, str], tmp_path: Path, serve: Serve, place: str, whose: str
    ) -> None:
        serve(tmp_path / place)
        assert engine.find(environ).said_by == whose
        said = [problem.message for problem in engine.missing(environ)]
        assert ["is Podman, which has no BuildKit" in one for one in said] == ([True] if whose == "Podman" else [])
        serve(tmp_path / "default.sock")
        assert engine.find(environ).said_by == "the docker command"

    @pytest.mark.engine
    def test_contexts_are_read_as_the_docker_command_reads_them(self, environ: dict[str, str], tmp_path: Path) -> None:
        config = tmp_path / "config"
        _context(config, "mine", "unix:///run/mine.sock")
        _context(config, "far", "ssh://somebody@far")
        asked = {**os.environ, "DOCKER_CONFIG": str(config)}
        subprocess.run(["docker", "context", "use", "mine"], env=asked, check=True, capture_output=True)
        own = environ | {"DOCKER_CONFIG": str(config)}
        assert engine.find(own).address == "unix:///run/mine.sock"
        assert "the docker context mine" in engine.missing(own)[-1].message
        assert (
            "the docker context far leads to another machine"
            in engine.missing(own | {"DOCKER_CONTEXT": "far"})[-1].message
        )
        assert engine.find(own | {"DOCKER_CONTEXT": "default"}).said_by == "the docker command"
        for more in ({"DOCKER_CONTEXT": "far"}, {"DOCKER_CONTEXT": "far", "DOCKER_HOST": "unix:///run/x.sock"}):
            words = ["docker", "context", "show"]
            shown = subprocess.run(words, env=asked | more, check=True, capture_output=True, text=True).stdout.strip()
            assert (shown == "default") == ("DOCKER_HOST" in more)


class TestWhatIsMissing:
    """One message each, with a command."""

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("ssh://me@far", "another machine"),
            ("tcp://10.0.0.7:2375", "another machine"),
            ("tcp://localhost.example.org:2375", "another machine"),
            ("npipe:////./pipe/docker_engine", "cannot talk to"),
            ("fd://", "cannot talk to"),
        ],
    )
    def test_an_engine_that_cannot_be_used(self, environ: dict[str, str], address: str, said: str) -> None:
        message = _one(environ | {"DOCKER_HOST": address})
        assert said in message
        assert address in message
        with pytest.raises(EngineMissing):
            engine.find(environ | {"DOCKER_HOST": address})

    def test_one_of_this_machine_over_tcp_but_not_with_tls(self, environ: dict[str, str]) -> None:
        host = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
        assert engine.find(environ | host).address == "tcp://127.0.0.1:1"
        assert "no engine answers at tcp://127.0.0.1:1 (DOCKER_HOST)" in _one(environ | host)
        assert "with TLS" in _one(environ | host | {"DOCKER_TLS_VERIFY": "1"})

    def test_no_engine_at_all(self, environ: dict[str, str], tmp_path: Path) -> None:
        assert _one(environ) == f"no engine answers at unix://{tmp_path}/default.sock"

    def test_no_docker_command(self, environ: dict[str, str], tmp_path: Path, serve: Serve) -> None:
        serve(tmp_path / "default.sock")
        assert _one(environ | {"PATH": ""}) == "the docker command is not on this machine"

    @pytest.mark.parametrize("plugin", ["compose", "buildx"])
    def test_a_plugin_is_missing(self, environ: dict[str, str], tmp_path: Path, serve: Serve, plugin: str) -> None:
        serve(tmp_path / "default.sock")
        (tmp_path / ".docker" / "cli-plugins" / f"docker-{plugin}").unlink()
        assert _one(environ) == f"the docker command has no {plugin}"
        _program(tmp_path / "more" / f"docker-{plugin}")
        (tmp_path / ".docker" / "config.json").write_text(f'{{"cliPluginsExtraDirs": ["{tmp_path}/more"]}}')
        assert engine.missing(environ) == []

    def test_one_may_not_talk_to_it(self, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(sockets, "ask", refuse)
        (problem,) = engine.missing(environ)
        assert problem.message.startswith("you may not talk to the engine at unix://")
        assert "usermod -aG docker" in (problem.hint or "")

    def test_ports_are_unknown_without_an_engine_and_nobody_waits(self, environ: dict[str, str]) -> None:
        assert published.taken(environ) == {}
        assert published.taken(environ | {"DOCKER_HOST": "ssh://far"}) == {}


@pytest.mark.engine
class TestDoctor:
    """What people see."""

    def test_it_names_the_engine_and_who_led_there(self, scratch: Scratch) -> None:
        found = scratch.envman("doctor", "--json").result["backends"]["docker"]
        assert found["usable"], found
        assert [line.split()[0] for line in found["facts"]] == ["engine", "compose", "buildx"]

    def test_every_command_says_the_same_and_ends_with_three(self, scratch: Scratch) -> None:
        scratch.write({"envman.toml": 'backend = "docker"\n'})
        for command in ("up", "status", "plan"):
            said = scratch.envman(command, DOCKER_HOST="ssh://me@far")
            assert (said.code, said.err.count("error: ")) == (3, 1), said.err
            assert "DOCKER_HOST leads to another machine, ssh://me@far" in said.err
            assert "unset DOCKER_HOST" in said.err
        assert "another machine" in scratch.envman("doctor", DOCKER_HOST="ssh://me@far").out

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
    def test_a_user_who_is_not_in_the_group(self) -> None:
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
        try:
            found = engine.missing(os.environ)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        assert found[-1].message.startswith("you may not talk to the engine at unix://")
