"""The parts of an upgrade that start no server: swapping folders, comparing contents, finding old data."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from envman.errors import StepFailed
from envman.identity import Identity
from envman.services import catalogue, contents, holding, probe, upgrades
from envman.services.upgrades import Report
from envman_venv.services import data
from envman_venv.services.places import Places

OLD = {"app": ["encoding|UTF8|C", "rows|public|visits|7"], "other": []}


@pytest.fixture
def where(tmp_path: Path) -> Places:
    return Places(lease=tmp_path / "lease", log=tmp_path / "log", data=tmp_path / "db", run=tmp_path / "run", user=None)


def _write(folder: Path, version: str) -> None:
    folder.mkdir()
    (folder / ".envman-version").write_text(f"{version}\n", encoding="utf-8")


def _there(where: Places) -> dict[str, str]:
    return {one.name: data.written_by(one) for one in where.data.parent.iterdir()}


class TestSwap:
    """The new takes the place of the old, which keeps a name of its own."""

    def test_the_old_is_kept_under_its_version(self, where: Places) -> None:
        _write(where.data, "17")
        _write(data.fresh(where), "18")
        assert data.take_place(where).name == "db.17"
        assert _there(where) == {"db": "18", "db.17": "17"}

    def test_old_data_never_takes_the_name_of_older_data(self, where: Places) -> None:
        for name in ("db.17", "db.17-2", "db"):
            _write(where.data.with_name(name), "17")
        _write(data.fresh(where), "18")
        assert data.take_place(where).name == "db.17-3"

    def test_killed_after_the_first_rename_the_old_comes_back(self, where: Places) -> None:
        _write(data.aside(where), "17")
        _write(data.fresh(where), "18")
        data.put_back(where)
        data.drop_fresh(where)
        assert _there(where) == {"db": "17"}

    def test_killed_after_the_second_the_old_gets_its_name(self, where: Places) -> None:
        _write(data.aside(where), "17")
        _write(where.data, "18")
        data.put_back(where)
        assert _there(where) == {"db": "18", "db.17": "17"}

    def test_what_a_restore_has_left_is_no_old_data(self, where: Places) -> None:
        _write(data.aside(where), "18")
        _write(where.data, "18")
        data.put_back(where)
        assert _there(where) == {"db": "18", "db.replaced": "18"}


class TestContents:
    """Compared line by line."""

    def test_the_same_is_the_same_in_any_order(self) -> None:
        contents.require_same(OLD, {"other": [], "app": OLD["app"][::-1]})

    @pytest.mark.parametrize(
        ("after", "told"),
        [
            ({"app": OLD["app"]}, "- other: database"),
            ({**OLD, "more": []}, r"\+ more: database"),
            ({**OLD, "app": OLD["app"][:1]}, r"- app: rows\|public\|visits\|7"),
            ({**OLD, "app": [OLD["app"][0], "rows|public|visits|6"]}, r"\+ app: rows\|public\|visits\|6"),
        ],
    )
    def test_what_differs_is_told(self, after: contents.Contents, told: str) -> None:
        with pytest.raises(StepFailed, match=told):
            contents.require_same(OLD, after)

    def test_the_summary_counts_tables_and_rows(self) -> None:
        assert contents.summary(OLD) == "2 databases, 1 table, 7 rows"


class TestKept:
    """Old data is found by its name."""

    def test_only_what_an_upgrade_has_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENVMAN_DATA", str(tmp_path))
        own = Identity(id="0123456789abcdef")
        for name in ("db", "db.17", "db.17-2", "db.replaced", "db.upgraded", "db.9.new", ".snapshots"):
            (own.data / name).mkdir(parents=True)
        (own.data / "db.16").write_text("no folder", encoding="utf-8")
        found = upgrades.kept(own)
        assert {(one.name, one.service, one.version) for one in found} == {
            ("db.17", "db", "17"),
            ("db.17-2", "db", "17"),
        }
        assert upgrades.kept(None) == []

    def test_a_report_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        report = Report(title="PostgreSQL", wrote="17", now="18", roles=("a", "b"), kept="db.17")
        upgrades.write_report(tmp_path, report)
        assert upgrades.read_report(tmp_path) == report


class TestRefusal:
    """Data of another major version is refused with what can be done."""

    @pytest.mark.parametrize(("recipe", "offered"), [("postgres", True), ("rabbitmq", False)])
    def test_the_command_is_named_where_there_is_one(self, recipe: str, offered: bool) -> None:
        with pytest.raises(StepFailed) as raised:
            holding.require_same_major("it", catalogue.find(recipe), "3", "4.1")
        hint = raised.value.problems[0].hint or ""
        assert ("envman snapshot upgrade it" in hint) == offered
        assert 'ask for version = "3" again' in hint

    def test_another_minor_version_is_no_other(self) -> None:
        holding.require_same_major("it", catalogue.find("postgres"), "17", "17.10")


@pytest.mark.parametrize(("answer", "ready"), [(b"+PONG\r\n", True), (b"-LOADING reading\r\n", False)])
def test_a_cache_that_still_reads_its_files_is_not_done(answer: bytes, ready: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                for said in (b"+OK\r\n", answer):
                    line.recv(64)
                    line.sendall(said)

        server = threading.Thread(target=serve)
        server.start()
        why = probe.ask("redis", listener.getsockname()[:2], {"password": "x"})
        server.join(timeout=5)
    assert (why is None) == ready
