"""What Vagrant says when something fails, in its own words, and what of it reaches the user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from envman.errors import EngineMissing, EnvmanError, StepFailed
from envman_vagrant import driver, reasons
from envman_vagrant.driver import Driver

pytestmark = pytest.mark.usefixtures("scratch")


class Fake:
    """A vagrant program that writes down how it was called, and says what it is told to."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "bin"
        self.folder.mkdir()
        (home / "machine").mkdir()

    def does(self, script: str) -> Driver:
        """Give it a body, and a driver that calls it."""
        file = self.folder / "vagrant"
        log = self.home / "calls"
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{log}"\n{script}\n')
        file.chmod(0o755)
        environ = {"PATH": f"{self.folder}:{os.environ['PATH']}", "HOME": str(self.home), "VAGRANT_LOG": "debug"}
        return Driver(
            folder=self.home / "machine", dotfiles=self.home / "dot", provider="libvirt", environ=environ, patience=0
        )

    def fails(self, kind: str, message: str) -> Driver:
        """Let it fail as Vagrant does with --machine-readable."""
        escaped = message.replace(",", "%!(VAGRANT_COMMA)").replace("\n", "\\n")
        said = self.home / "said"
        said.write_text(f"1795282180,,ui,error,{escaped}\n1795282180,,error-exit,Vagrant::Errors::{kind},{escaped}\n")
        return self.does(f'cat "{said}"; exit 1')

    @property
    def calls(self) -> list[str]:
        """How it was called."""
        return (self.home / "calls").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Such a program."""
    home = tmp_path / "fake"
    home.mkdir()
    return Fake(home)


def test_what_is_typed(fake: Fake) -> None:
    calls = fake.does("exit 0")
    calls.up()
    calls.resume()
    calls.reload()
    calls.provision()
    calls.halt(force=True)
    calls.suspend()
    calls.destroy()
    calls.snapshot_save("a b")
    calls.snapshot_restore("one")
    calls.snapshot_delete("one")
    end = " --machine-readable"
    assert fake.calls == [
        f"up --no-provision --provider=libvirt --no-destroy-on-error --no-install-provider{end}",
        f"resume --no-provision{end}",
        f"reload --no-provision{end}",
        f"provision{end}",
        f"halt --force{end}",
        f"suspend{end}",
        f"destroy --force{end}",
        f"snapshot save a b{end}",
        f"snapshot restore one --no-provision{end}",
        f"snapshot delete one{end}",
    ]


def test_its_variables(fake: Fake) -> None:
    made = driver.variables(fake.does("exit 0"))
    assert made["VAGRANT_CWD"] == str(fake.home / "machine")
    assert made["VAGRANT_DOTFILE_PATH"] == str(fake.home / "dot")
    assert made["VAGRANT_CHECKPOINT_DISABLE"] == made["VAGRANT_NO_COLOR"] == "1"
    assert made["VAGRANT_DEFAULT_PROVIDER"] == "libvirt"
    assert "VAGRANT_LOG" not in made
    assert "CURL_CA_BUNDLE" not in made


def test_a_company_s_certificates_reach_its_downloads(fake: Fake) -> None:
    one = fake.does("exit 0")
    told = Driver(
        folder=one.folder, dotfiles=one.dotfiles, provider="libvirt", environ=one.environ, bundle="/company.pem"
    )
    made = driver.variables(told)
    assert made["CURL_CA_BUNDLE"] == made["SSL_CERT_FILE"] == "/company.pem"


def test_what_is_heard_is_for_people(fake: Fake) -> None:
    heard: list[str] = []
    said = fake.does(
        "cat <<'E'\n"
        "1,,metadata,provider,libvirt,{}\n"
        "1,default,ui,info,==> default: Creating domain with the following settings...\n"
        "1,default,ui,detail,    default: one%!(VAGRANT_COMMA) two\\n    default: three\n"
        "1,default,action,up,start\n"
        "1,,ui,detail,Progress: 1% (Rate: 1M/s)\\rProgress: 2% (Rate: 1M/s)\\rProgress: 2%\n"
        "a plain line\n"
        "E"
    ).up(heard.append)
    assert heard == [
        "Creating domain with the following settings...", "one, two", "three", "1 %", "2 %", "a plain line"
    ]  # fmt: skip
    assert said == "Creating domain with the following settings...\none, two\nthree\na plain line"


def test_it_cannot_ask(fake: Fake) -> None:
    assert fake.does("read answer || echo no keyboard").up() == "no keyboard"


_REASONS = tomllib.loads((Path(__file__).parent / "reasons.toml").read_text(encoding="utf-8"))["reasons"]


@pytest.mark.parametrize("reason", _REASONS, ids=lambda reason: f"{reason['kind']}: {reason['becomes']}")
def test_reasons(fake: Fake, reason: dict[str, Any]) -> None:
    with pytest.raises(EnvmanError) as raised:
        fake.fails(reason["kind"], reason["said"]).up()
    (problem,) = raised.value.problems
    assert reason["becomes"] in problem.message
    assert "\n" not in problem.message
    assert problem.hint
    assert raised.value.exit_code == reason["code"]


def test_a_fault_in_the_user_s_ruby_has_its_place(fake: Fake) -> None:
    message = (
        "There was an error loading a Vagrantfile. The file being loaded\nand the error message are shown below. This "
        "is usually caused by\na syntax error.\n\nPath: /p/own file.rb\nLine number: 7\nMessage: NameError: undefined x"
    )
    with pytest.raises(StepFailed) as raised:
        fake.fails("VagrantfileLoadError", message).up()
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.message) == ("/p/own file.rb", 7, "NameError: undefined x")


def test_ruby_that_does_not_start_is_said_in_words(fake: Fake) -> None:
    said = "Vagrant failed to initialize at a very early stage:\n\nThe plugins failed to load properly."
    with pytest.raises(EngineMissing, match="no longer load"):
        fake.does(f"cat >&2 <<'E'\n{said}\nE\nexit 1").up()


def test_no_vagrant(tmp_path: Path) -> None:
    nothing = Driver(folder=tmp_path, dotfiles=tmp_path, provider="libvirt", environ={"PATH": str(tmp_path)})
    with pytest.raises(EngineMissing, match="vagrant is not on this machine") as raised:
        nothing.up()
    assert raised.value.problems[0].hint


def test_another_vagrant_is_waited_for(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_WAIT", 0.01)
    busy = fake.home / "busy"
    busy.touch()
    one = fake.does(f'[ -e "{busy}" ] || exit 0; rm "{busy}"; echo "machine because it is locked! This" >&2; exit 1')
    waiting = Driver(folder=one.folder, dotfiles=one.dotfiles, provider="libvirt", environ=one.environ, patience=30)
    waiting.halt()
    assert len(fake.calls) == 2


def test_an_interrupt_waits_until_vagrant_has_cleaned_up(fake: Fake) -> None:
    # Longer than our usual patience, and without a harder signal.
    clean = fake.home / "clean"
    one = fake.does(
        f"""trap 'sleep 4; touch "{clean}"; exit 1' INT\ntrap 'exit 9' TERM\necho here\nwhile :; do sleep 0.1; done"""
    )

    def on_line(_: str) -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            one.up(on_line)
    finally:
        signal.signal(signal.SIGINT, before)
    assert clean.exists()
    assert time.monotonic() - began > 4


def test_where_it_answers(fake: Fake) -> None:
    found = fake.does(
        "cat <<'E'\nHost default\n  HostName 192.168.121.5\n  User vagrant\n  Port 22\n  UserKnownHostsFile /dev/null\n"
        '  IdentityFile "/a b/key one"\n  IdentityFile /key2\n  IdentitiesOnly yes\nE'
    ).ssh_config()
    assert (found.host, found.port, found.user) == ("192.168.121.5", 22, "vagrant")
    assert found.keys == ("/a b/key one", "/key2")


def test_where_it_was_let_in_is_what_it_said_last(fake: Fake) -> None:
    said = fake.does(
        "cat <<'E'\n"
        "1,default,ui,output,==> default: Waiting for machine to boot. This may take a few minutes...\n"
        "1,default,ui,detail,    default: SSH address: 127.0.0.1:22\n"
        "1,default,ui,detail,    default: SSH username: somebody\n"
        "1,default,ui,detail,    default: SSH auth method: private key\n"
        "1,default,ui,detail,    default: Warning: Connection refused. Retrying...\n"
        "1,default,ui,detail,    default: SSH address: fd00::7:2222\n"
        "1,default,ui,detail,    default: SSH username: vagrant\n"
        "E"
    ).up()
    assert driver.told_address(said) == ("fd00::7", 2222, "vagrant")
    assert driver.told_address("Machine already provisioned.") is None


def test_no_address_in_what_it_says(fake: Fake) -> None:
    with pytest.raises(StepFailed, match="does not say where"):
        fake.does("echo").ssh_config()


def test_state_and_snapshots(fake: Fake) -> None:
    assert fake.does("echo 1,default,provider-name,libvirt; echo 1,default,state,shutoff").status() == "poweroff"
    assert fake.does("true").status() == "unknown"
    said = (
        "1,,ui,output,==> default: \n1,default,ui,detail,before upgrade\n1,default,ui,detail,two%!(VAGRANT_COMMA) three"
    )
    assert fake.does(f"cat <<'E'\n{said}\nE").snapshots() == ["before upgrade", "two, three"]
    none = (
        "1,default,ui,output,==> default: No snapshots have been taken yet!\n1,default,ui,detail,    default: You can"
    )
    assert fake.does(f"cat <<'E'\n{none}\nE").snapshots() == []


def test_a_message_s_words_for_programs() -> None:
    assert reasons.line_of("1,default,ui,info,==> default: a%!(VAGRANT_COMMA) b") == "a, b"
    assert reasons.line_of("1,default,action,up,start") is None
    assert reasons.line_of("plain, with a comma") == "plain, with a comma"


def test_python_vagrant_is_loaded_only_when_it_is_needed() -> None:
    code = "import sys, envman_vagrant.driver, envman_vagrant.check; sys.exit('vagrant' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
