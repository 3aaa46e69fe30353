"""The parts of data in containers that need no engine: streams, notes, and what is known of a volume."""

from __future__ import annotations

import copy
import io
import tarfile
from pathlib import Path

import pytest

from envman.errors import StepFailed
from envman.frozen import replace
from envman.identity import Identity
from envman.project import Project
from envman.services import archives, provide
from envman.services.holding import BEGUN, BROUGHT, NEW
from envman.spec.model import Service
from envman_docker import naming
from envman_docker.data import notes, volumes
from envman_docker.data.notes import Note
from tests.services.test_parts import project

OWN = Identity(id="0123456789abcdef")
DB = Service(use="postgres", version="17")


@pytest.fixture
def shop() -> Project:
    return project({"db": DB, "worker": Service(use="memcached")}, identity=OWN)


def _volume(name: str, *, mark: str = "", service: str = "", made: str = "") -> dict[str, object]:
    return {"Name": name, "CreatedAt": made, "Labels": {"dev.envman.data": mark, "dev.envman.service": service}}


def _stream(*members: tarfile.TarInfo, content: bytes = b"") -> list[bytes]:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as stream:
        for one in members:
            stream.addfile(one, io.BytesIO(content))
    return [file.getvalue()]


class TestStreams:
    """What goes out comes back."""

    def test_bytes_names_links_and_modes(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        (source / "deep" / "ärger").mkdir(parents=True)
        (source / "deep" / "big").write_bytes(bytes(range(256)) * 10_000)
        (source / "empty").touch(mode=0o600)
        (source / "link").symlink_to("deep/big")
        (source / ".envman-version").write_text("17\n", encoding="utf-8")
        pieces = [b"".join(archives.packed(source, (999, 998)))]
        with tarfile.open(fileobj=io.BytesIO(pieces[0])) as stream:
            assert {(one.uid, one.gid) for one in stream} == {(999, 998)}
            assert ".envman-version" not in stream.getnames()
        inner = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(pieces[0])) as stream, tarfile.open(fileobj=inner, mode="w") as other:
            for one in stream:
                inside = copy.copy(one)
                inside.name = f"data/{one.name}"
                inside.pax_headers = {}  # they hold the name as it was
                other.addfile(inside, stream.extractfile(one) if one.isreg() else None)
        target = tmp_path / "target"
        # In pieces of any size, as a socket gives them.
        whole = inner.getvalue()
        archives.unpack((whole[at : at + 777] for at in range(0, len(whole), 777)), target)
        assert (target / "deep" / "big").read_bytes() == bytes(range(256)) * 10_000
        assert (target / "link").readlink() == Path("deep/big")
        assert (target / "empty").stat().st_mode & 0o777 == 0o600
        assert (target / "deep" / "ärger").is_dir()

    @pytest.mark.parametrize(
        ("name", "kind", "link"),
        [
            ("data/out", tarfile.SYMTYPE, "/etc/passwd"),
            ("data/out", tarfile.SYMTYPE, "../../other"),
            ("data/out", tarfile.LNKTYPE, "data/../../other"),
            ("data/../../out", tarfile.REGTYPE, ""),
            ("data//etc/out-of-nobody", tarfile.REGTYPE, ""),
        ],
    )
    def test_what_leads_out_is_refused(self, tmp_path: Path, name: str, kind: bytes, link: str) -> None:
        (tmp_path / "other").write_text("of somebody else", encoding="utf-8")
        one = tarfile.TarInfo(name)
        one.type, one.linkname = kind, link
        with pytest.raises(StepFailed, match="leads out of its folder"):
            archives.unpack(_stream(one), tmp_path / "target")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "target"]

    def test_the_owner_is_that_of_the_folder(self) -> None:
        folder = tarfile.TarInfo("data/")
        folder.type, folder.uid, folder.gid = tarfile.DIRTYPE, 70, 71
        assert archives.owner(_stream(folder)) == (70, 71)


class TestNotes:
    """A note is true of one very volume."""

    def test_of_the_volume_that_it_names(self, shop: Project) -> None:
        note = Note(volume="v", mark="m", version="17", filled=NEW)
        notes.write(shop, "db", note)
        assert notes.read(shop, "db") == note
        assert volumes.known(shop, [_volume("v", mark="m")]) == {"db": note}

    def test_another_volume_of_the_same_name_is_not_new_and_nobody_knows_its_version(self, shop: Project) -> None:
        notes.write(shop, "db", Note(volume="v", mark="m", version="17", filled=NEW))
        assert volumes.known(shop, [_volume("v", mark="other")]) == {
            "db": Note(volume="v", mark="other", filled=BROUGHT)
        }

    def test_one_that_nobody_marked_is_known_by_the_moment_in_which_it_was_made(self, shop: Project) -> None:
        name = naming.volume(shop, "db")
        (found,) = volumes.known(shop, [_volume(name, made="2026-01-01")]).values()
        assert found == Note(volume=name, mark="2026-01-01", filled=BROUGHT)
        notes.write(shop, "db", replace(found, filled="all"))
        assert volumes.known(shop, [_volume(name, made="2026-01-01")])["db"].filled == "all"
        assert volumes.known(shop, [_volume(name, made="2026-01-02")])["db"].filled == BROUGHT

    def test_a_volume_that_is_gone_has_no_note(self, shop: Project) -> None:
        notes.write(shop, "db", Note(volume="v", mark="m", version="17", filled=NEW))
        assert volumes.known(shop, [_volume("another", mark="m2", service="db")]) == {}

    def test_where_the_notes_are_lost_the_newest_volume_is_the_data(self, shop: Project) -> None:
        found = volumes.known(
            shop, [_volume("old", mark="1", service="db", made="2026-01-01"),
                   _volume("new", mark="2", service="db", made="2026-01-02"),
                   _volume("else", mark="3", service="cache", made="2026-01-03")]
        )  # fmt: skip
        assert found["db"].volume == "new"

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"volume": 1}'])
    def test_a_damaged_one_says_nothing(self, shop: Project, text: str) -> None:
        notes.write(shop, "db", Note(volume="v"))
        (file,) = (OWN.data / ".volumes").iterdir()
        file.write_text(text, encoding="utf-8")
        assert notes.read(shop, "db") == Note(volume="shop-01234567-db")


class TestDue:
    """When a server that runs is looked after all the same, and when it is refused."""

    @pytest.mark.parametrize(
        ("filled", "why"),
        [
            (NEW, "what it begins with is not made yet"),
            (BEGUN, "what it begins with is not made yet"),
            ("other", "what it should hold changed"),
            (provide.wanted(DB), ""),
        ],
    )
    def test_what_was_made_is_compared_with_what_is_wanted(self, shop: Project, filled: str, why: str) -> None:
        assert volumes.unfilled(shop, {"db": Note(volume="v", filled=filled)}, "db") == why

    def test_nothing_is_known_of_one_that_was_never_up(self, shop: Project) -> None:
        assert volumes.unfilled(shop, {}, "db") == ""

    def test_another_major_version_is_refused_with_what_works_here(self, shop: Project) -> None:
        volumes.require_same_majors(shop, {"db": Note(volume="v", version="17")})
        volumes.require_same_majors(shop, {"db": Note(volume="v")})
        newer = replace(shop, spec=replace(shop.spec, services={"db": replace(DB, version="18")}))
        with pytest.raises(StepFailed) as raised:
            volumes.require_same_majors(newer, {"db": Note(volume="v", version="17")})
        (problem,) = raised.value.problems
        assert problem.message == "the data of db was written by PostgreSQL 17, and this is 18"
        assert "snapshot upgrade" not in (problem.hint or "")
        assert 'with version = "17" envman snapshot save before' in (problem.hint or "")
