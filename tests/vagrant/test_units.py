"""Services as units of systemd: what stands in the unit, and what stands in files that nobody else may read."""

from __future__ import annotations

import shlex

import pytest

from envman.services import catalogue
from envman.spec.model import Command, Service
from envman_vagrant.services import layout, scripts, units
from envman_vagrant.services.units import Unit

AWKWARD = ["it's", 'say "x"', "$HOME", "`x`", "100%", "a\\", "ünï ☃", "", "a;b", "!x", "*", "-n", "a\nb"]
KNOWN = {
    "host": "127.0.0.1",
    "port": "5432",
    "user": "app",
    "password": "s3cret",
    "name": "app",
    "python": "/usr/bin/python3",
    "bin": "/srv/bin",
    "program": "server",
    "data": "/var/lib/envman/data/db",
    "run": "/run/envman/db",
    "version": "15.14",
    "spare": "25100",
    "spare2": "25101",
}


def of(service: Service, title: str = "x") -> str:
    return units.text(units.of("w", service, title, "vagrant"))


class TestUnit:
    """The file that systemd reads."""

    def test_a_server(self) -> None:
        unit = Unit(name="db", title="PostgreSQL 15.14", user=layout.USER, after=("a",), stop="INT", umask="0077")
        assert units.text(unit) == (
            "# Written by envman.\n"
            "[Unit]\n"
            "Description=envman: db (PostgreSQL 15.14)\n"
            "After=network.target envman-a.service\n"
            "StartLimitIntervalSec=60\n"
            "StartLimitBurst=5\n"
            "\n"
            "[Service]\n"
            "Type=exec\n"
            "User=envman-services\n"
            "UMask=0077\n"
            "ExecStart=/bin/sh /run/envman/db/start\n"
            "Restart=always\n"
            "RestartSec=1\n"
            "KillMode=mixed\n"
            "KillSignal=SIGINT\n"
            "TimeoutStopSec=10\n"
            "SyslogIdentifier=db\n"
            "LogRateLimitIntervalSec=0\n"
        )

    @pytest.mark.parametrize(("restart", "told"), [("always", "always"), ("on-failure", "on-failure"), ("never", "no")])
    def test_it_begins_again_as_the_spec_says(self, restart: str, told: str) -> None:
        text = of(Service(run=Command(("x",)), restart=restart))
        assert f"Restart={told}\n" in text
        assert ("RemainAfterExit=yes" in text) is (restart != "always")

    def test_a_container_ends_by_its_engine_and_leaves_nothing(self) -> None:
        unit = Unit(
            name="it", title="x", user="root", engine="docker.service", ends="docker stop it", ended="docker rm it"
        )
        lines = units.text(unit).splitlines()
        assert "After=network.target docker.service" in lines
        begin = lines.index("ExecStart=/bin/sh /run/envman/it/start")
        assert lines[begin + 1 : begin + 3] == ["ExecStop=-docker stop it", "ExecStopPost=-docker rm it"]

    def test_a_job_is_done_once(self) -> None:
        text = of(Service(run=Command(("x",)), once=True))
        assert "Type=oneshot\nUser=vagrant\n" in text
        assert "RemainAfterExit=yes\nRestart=no\n" in text

    def test_nothing_starts_it_with_the_machine(self) -> None:
        assert "[Install]" not in of(Service(run=Command(("x",))))
        assert layout.of("w").unit.startswith("/run/")

    @pytest.mark.parametrize("title", [*AWKWARD, "%n%h", "a\n[Service]\nUser=root"])
    def test_no_title_says_anything_else(self, title: str) -> None:
        text = of(Service(run=Command(("x",))), title)
        (line,) = [line for line in text.splitlines() if line.startswith("Description=")]
        assert line.endswith(")")
        assert line.replace("%%", "").count("%") == 0
        assert [line for line in text.splitlines() if line.startswith("User=")] == ["User=vagrant"]


class TestStart:
    """The script that a unit begins."""

    def test_a_server_sees_nothing_of_the_project(self) -> None:
        argv = (
            "/srv/bin/postgres -D /var/lib/envman/data/db -c listen_addresses=127.0.0.1 -c port=5432 "
            "-c unix_socket_directories= -c logging_collector=off -c log_destination=stderr"
        )
        text = scripts.of_server(catalogue.find("postgres"), layout.of("db"), KNOWN)
        assert text.splitlines() == [
            "cd /run/envman/db || exit",
            "rm -f /var/lib/envman/data/db/postmaster.pid",
            f"export PATH={layout.PATH}",
            "export LANG=C.UTF-8",
            "export HOME=/run/envman/db",
            "export TMPDIR=/var/lib/envman/large",
            f"exec {argv}",
        ]

    def test_a_server_in_an_image_is_led_there(self) -> None:
        text = scripts.of_server(catalogue.find("memcached"), layout.of("db"), KNOWN, ["env", "BOX=db", "/srv/enter"])
        assert text.splitlines()[-1].startswith("exec env BOX=db /srv/enter /srv/bin/memcached --listen=")

    @pytest.mark.parametrize("word", AWKWARD)
    def test_a_process_of_the_project_has_its_words_and_variables_letter_by_letter(self, word: str) -> None:
        text = scripts.of_project(["run", word], {"A": word, "no-name": "x"})
        assert text.startswith(". /usr/local/lib/envman/environment\nexport A=")
        assert f"cd /project || exit 125\nexec run {shlex.quote(word)}\n" in text
        assert f"export A={shlex.quote(word)}\n" in text
        assert "no-name" not in text

    @pytest.mark.parametrize("name", catalogue.names())
    def test_no_secret_of_any_server_is_a_word_that_others_can_see(self, name: str) -> None:
        recipe = catalogue.find(name)
        start = scripts.of_server(recipe, layout.of("db"), KNOWN)
        assert "s3cret" not in start.splitlines()[-1]
        for line in scripts.data(recipe, layout.of("db"), KNOWN, "15").splitlines():
            if "runuser" in line:  # what stands before it is written by the shell itself
                assert "s3cret" not in line.partition(" | ")[2]
        assert "runuser" not in scripts.data(recipe, layout.of("db"), KNOWN, "15", "/srv/enter")


class TestScripts:
    """What is carried out before a start."""

    def test_data_is_made_beside_and_takes_its_place_when_it_is_whole(self) -> None:
        text = scripts.data(catalogue.find("redis"), layout.of("db"), KNOWN, "7")
        lines = [line.strip() for line in text.splitlines()]
        made = lines.index("mv /var/lib/envman/data/db.new /var/lib/envman/data/db")
        noted = lines.index("printf '%s\\n' new > /var/lib/envman/data/db.new/.envman-provided")
        assert noted < lines.index("rm -rf /var/lib/envman/data/db") < made

    def test_afresh_what_was_there_is_set_aside(self) -> None:
        text = scripts.data(catalogue.find("redis"), layout.of("db"), KNOWN, "7", afresh=True)
        assert "mv /var/lib/envman/data/db /var/lib/envman/data/db.replaced" in text
        assert "rm -rf /var/lib/envman/data/db\n" not in text

    def test_another_major_version_is_told(self) -> None:
        assert scripts.foreign("some words\nforeign\t14\n") == "14"
        assert scripts.foreign("some words\n") == ""

    def test_what_the_spec_forgot_leaves_its_data(self) -> None:
        text = scripts.forgotten(["a"])
        assert "/run/systemd/system/envman-a.service" in text
        assert layout.DATA not in text
