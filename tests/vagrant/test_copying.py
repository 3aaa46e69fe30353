"""A folder that is copied is as one that is shared: what changes on one side is on the other for the next command."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.containers import docker, until
from tests.support.machines import Machine
from tests.vagrant.conftest import SPEC, Make

pytestmark = pytest.mark.engine

COPIED = f'{SPEC}folder = "rsync"\n'
NASTY = ["a b", "-x", "two\nlines", "ä漢🐍", "#c", "*", "'q\"", "\\#012", os.fsdecode(b"\xff\xfe")]


@pytest.fixture(scope="module")
def shop(lasting: Make) -> Machine:
    """One project for all."""
    made = lasting(**{"envman.toml": COPIED})
    made.up()
    return made


@pytest.fixture
def own(passing: Make) -> Machine:
    """One for a single test, not up yet."""
    return passing(**{"envman.toml": COPIED})


def run(shop: Machine, script: str) -> str:
    """What a line of sh says in the machine; nobody complains."""
    said = shop.envman("run", "sh", "-c", script)
    assert (said.code, said.err) == (0, ""), said.err
    return said.out


def git(shop: Machine, *words: str) -> str:
    own = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(own, cwd=shop.root, check=True, capture_output=True, text=True).stdout


class TestBothWays:
    """In a folder that is no work tree of git."""

    def test_made_changed_and_removed_here(self, shop: Machine) -> None:
        shop.write({"here/one.txt": "one\n", "here/two.txt": "two\n"})
        assert run(shop, "cat here/*") == "one\ntwo\n"
        shop.write({"here/one.txt": "eno\n"})
        assert run(shop, "cat here/*") == "eno\ntwo\n"
        (shop.root / "here/two.txt").unlink()
        assert run(shop, "ls here") == "one.txt\n"
        (shop.root / "here/one.txt").unlink()
        (shop.root / "here").rmdir()
        assert run(shop, "ls") == "envman.toml\n"

    def test_made_changed_and_removed_inside(self, shop: Machine) -> None:
        run(shop, "mkdir -p there/deep; echo one > there/deep/one.txt; echo two > two.txt")
        assert (shop.root / "there/deep/one.txt").read_text() == "one\n"
        facts, root = (shop.root / "there/deep/one.txt").stat(), shop.root.stat()
        assert (facts.st_uid, facts.st_gid) == (root.st_uid, root.st_gid)
        run(shop, "echo more >> two.txt")
        assert (shop.root / "two.txt").read_text() == "two\nmore\n"
        run(shop, "rm -r there two.txt")
        assert not (shop.root / "there").exists()
        assert not (shop.root / "two.txt").exists()

    def test_made_by_root_inside(self, shop: Machine) -> None:
        run(shop, "sudo sh -c 'umask 077; mkdir roots; echo secret > roots/file'")
        assert (shop.root / "roots/file").read_text() == "secret\n"
        shop.write({"roots/file": "changed\n"})
        run(shop, "sudo cat roots/file; sudo rm -r roots")
        assert not (shop.root / "roots").exists()

    def test_a_command_that_fails_brings_back_what_it_made(self, shop: Machine) -> None:
        assert shop.envman("run", "sh", "-c", "echo x > report; exit 3").code == 3
        assert (shop.root / "report").exists()
        (shop.root / "report").unlink()

    def test_names_of_every_kind(self, shop: Machine) -> None:
        for name in NASTY:
            (shop.root / name).write_text("here")
        count = "import os; print(len([n for n in os.listdir(b'.') if n not in (b'.envman', b'envman.toml')]))"
        assert shop.envman("run", "python3", "-c", count).out == f"{len(NASTY)}\n"
        change = "import os; [open(n, 'w').write('there') for n in os.listdir(b'.') if os.path.getsize(n) == 4]"
        said = shop.envman("run", "python3", "-c", change)
        assert (said.code, said.err) == (0, "")
        for name in NASTY:
            assert (shop.root / name).read_text() == "there"
            (shop.root / name).unlink()
        assert run(shop, "ls") == "envman.toml\n"

    def test_links_and_modes(self, shop: Machine) -> None:
        shop.write({"tool": "#!/bin/sh\necho works\n"})
        (shop.root / "link").symlink_to("tool")
        (shop.root / "nowhere").symlink_to("/nowhere/at all")
        (shop.root / "tool").chmod(0o755)
        assert run(shop, "./link; readlink nowhere") == "works\n/nowhere/at all\n"
        run(shop, "chmod -x tool; ln -sfn other link; mkdir sub; ln -s ../tool sub/up")
        assert not os.access(shop.root / "tool", os.X_OK) or os.stat(shop.root / "tool").st_mode & 0o111 == 0
        assert os.readlink(shop.root / "link") == "other"
        assert os.readlink(shop.root / "sub/up") == "../tool"
        run(shop, "rm -r tool link nowhere sub")

    def test_a_file_becomes_a_folder_on_either_side(self, shop: Machine) -> None:
        shop.write({"thing": "x\n"})
        run(shop, "rm thing; mkdir thing; echo inside > thing/file")
        assert (shop.root / "thing/file").read_text() == "inside\n"
        (shop.root / "thing/file").unlink()
        (shop.root / "thing").rmdir()
        shop.write({"thing": "again\n"})
        assert run(shop, "cat thing; rm thing") == "again\n"

    def test_an_empty_folder_is_there_to_work_in(self, shop: Machine) -> None:
        (shop.root / "empty").mkdir()
        said = shop.envman("run", "pwd", cwd=shop.root / "empty")
        assert said.out == "/project/empty\n"
        (shop.root / "empty").rmdir()

    def test_a_package_that_is_removed_leaves_no_folder_of_its_name(self, shop: Machine) -> None:
        shop.write({"pack/__init__.py": "", "pack/part.py": "x = 1\n"})
        run(shop, "python3 -c 'import pack.part'; ls pack/__pycache__")
        assert not (shop.root / "pack/__pycache__").exists()
        for name in ("__init__.py", "part.py"):
            (shop.root / "pack" / name).unlink()
        (shop.root / "pack").rmdir()
        assert run(shop, "ls") == "envman.toml\n"


class TestConflicts:
    """Nothing of the user's is lost, and what was there instead is set aside."""

    def test_a_big_file_that_changed_on_both_sides(self, shop: Machine) -> None:
        big = b"".join(bytes([number % 251]) * 4096 for number in range(5000))
        (shop.root / "big").write_bytes(big)
        run(shop, "true")
        shop.ssh("printf theirs >> /project/big").check_returncode()
        (shop.root / "big").write_bytes(b"mine" + big)
        said = shop.envman("run", "sh", "-c", "wc -c < big; wc -c < /var/lib/envman/replaced/big")
        assert said.out == f"{len(big) + 4}\n{len(big) + 6}\n"
        assert "big changed here and in the machine: yours is kept, the other one is /var" in said.err
        assert (shop.root / "big").read_bytes() == b"mine" + big
        assert run(shop, "rm big") == ""

    def test_during_a_run(self, shop: Machine) -> None:
        shop.write({"notes": "begin\n"})
        call = shop.start("run", "sh", "-c", "echo theirs >> notes; touch begun; sleep 2")
        until(lambda: shop.ssh("test -e /project/begun").returncode == 0)
        shop.write({"notes": "mine\n"})
        _, said = call.communicate(timeout=30)
        assert "notes changed here and in the machine: yours is kept" in said
        assert (shop.root / "notes").read_text() == "mine\n"
        assert run(shop, "cat notes; rm notes begun") == "mine\n"

    def test_the_same_change_on_both_sides_is_none(self, shop: Machine) -> None:
        shop.write({"same": "x\n"})
        run(shop, "true")
        shop.ssh("echo longer > /project/same").check_returncode()
        shop.write({"same": "longer\n"})
        assert run(shop, "cat same; rm same") == "longer\n"

    def test_removed_on_one_side_and_changed_on_the_other(self, shop: Machine) -> None:
        shop.write({"one": "x\n", "two": "x\n"})
        run(shop, "true")
        shop.ssh("cd /project; rm one; echo changed > two").check_returncode()
        shop.write({"one": "changed\n"})
        (shop.root / "two").unlink()
        assert run(shop, "cat one two; rm one two") == "changed\nchanged\n"

    def test_what_a_machine_wrote_before_it_was_killed_is_not_trusted(self, own: Machine) -> None:
        own.write({"notes": "good\n"})
        own.up()
        own.ssh("echo half > /project/notes; rm /project/envman.toml; echo new > /project/new").check_returncode()
        docker("kill", own.name)
        own.up()
        assert (own.root / "notes").read_text() == "good\n"
        assert (own.root / "envman.toml").exists()
        assert run(own, "cat notes new /var/lib/envman/replaced/notes") == "good\nnew\nhalf\n"

    def test_a_new_machine_removes_nothing_here(self, own: Machine) -> None:
        own.write({"notes": "good\n"})
        own.up()
        docker("rm", "-f", "-v", own.name)
        own.up()
        assert run(own, "cat notes") == "good\n"

    @pytest.mark.parametrize("lost", ["copied", "copied.base"])
    def test_the_record_is_lost(self, shop: Machine, lost: str) -> None:
        shop.write({"notes": "good\n"})
        run(shop, "true")
        (shop.folder / "vagrant" / lost).unlink()
        shop.write({"notes": "better\n"})
        said = shop.envman("run", "cat", "notes")
        assert said.out == "better\n"
        assert run(shop, "rm notes") == ""
        assert not (shop.root / "notes").exists()

    def test_what_is_written_at_the_end_comes_back(self, own: Machine) -> None:
        script = "trap 'echo last > last.txt; exit' TERM; while :; do sleep 0.1; done"
        own.write({"envman.toml": f'{COPIED}[services.worker]\nrun = "{script}"\n'})
        own.up()
        assert own.envman("down").code == 0
        assert (own.root / "last.txt").read_text() == "last\n"
        own.up()
        assert (own.root / "last.txt").exists()


@pytest.fixture(scope="module")
def tree(lasting: Make) -> Machine:
    """A work tree, with a nested one."""
    variables = 'env_files = [".env"]\n[vagrant]'
    spec = f'{COPIED.replace("[vagrant]", variables)}[system]\npackages = ["git"]\n'
    files = {".gitignore": "build/\n*.pyc\n.env\n", ".env": "WORD=told\n", "src/a.py": "x = 1\n"}
    made = lasting(**{"envman.toml": spec, **files})
    git(made, "init")
    git(made, "add", ".")
    git(made, "commit", "-m", "first")
    made.write({"inner/.gitignore": "made/\n", "inner/kept.txt": "x\n", "inner/made/left.txt": "x\n"})
    git(made, "init", "inner")
    made.up()
    return made


class TestGit:
    """What git ignores belongs to the side that made it."""

    def test_ignored_on_both_sides(self, tree: Machine) -> None:
        tree.write({"build/mine": "x\n", "src/old.pyc": "x\n"})
        assert run(tree, "ls src; mkdir build; echo y > build/theirs; echo y > src/new.pyc") == "a.py\n"
        tree.write({"src/a.py": "x = 2\n"})
        assert run(tree, "ls build src") == "build:\ntheirs\n\nsrc:\na.py\nnew.pyc\n"
        assert os.listdir(tree.root / "build") == ["mine"]
        assert not (tree.root / "src/new.pyc").exists()

    def test_ignored_files_of_variables_go(self, tree: Machine) -> None:
        assert run(tree, "cat .env") == "WORD=told\n"
        tree.write({".env": "WORD=other\n"})
        assert run(tree, "cat .env") == "WORD=other\n"

    def test_nested_repositories_have_rules_of_their_own(self, tree: Machine) -> None:
        assert run(tree, "ls -A inner") == ".git\n.gitignore\nkept.txt\n"
        run(tree, "mkdir inner/made; echo y > inner/made/there; echo y > inner/new")
        assert os.listdir(tree.root / "inner/made") == ["left.txt"]
        assert (tree.root / "inner/new").exists()

    def test_what_is_tracked_goes_even_where_it_is_ignored(self, tree: Machine) -> None:
        tree.write({"dist.pyc/kept.txt": "x\n", "dist.pyc/other.txt": "x\n"})
        git(tree, "add", "-f", "dist.pyc/kept.txt")
        assert run(tree, "ls dist.pyc") == "kept.txt\n"

    def test_rules_that_change(self, tree: Machine) -> None:
        tree.write({"logs/one": "x\n"})
        assert run(tree, "ls logs") == "one\n"
        tree.write({".gitignore": "build/\n*.pyc\n.env\nlogs/\n", "logs/two": "x\n"})
        assert run(tree, "ls logs") == "one\n"  # it is nobody's business any more
        tree.write({".gitignore": "build/\n*.pyc\n.env\n"})
        assert run(tree, "ls logs") == "one\ntwo\n"

    def test_history_goes_and_does_not_come_back(self, tree: Machine) -> None:
        git(tree, "commit", "--allow-empty", "-m", "second")
        assert run(tree, "git log --format=%s") == "second\nfirst\n"
        run(tree, "echo evil > .git/hooks/pre-commit; git branch theirs")
        assert not (tree.root / ".git/hooks/pre-commit").exists()
        assert "theirs" not in git(tree, "branch")
        git(tree, "commit", "--allow-empty", "-m", "third")
        assert run(tree, "git log --format=%s; ls .git/hooks/pre-commit 2>&1 | wc -l").startswith("third\nsecond\n")

    def test_a_commit_in_the_machine_is_not_lost(self, tree: Machine) -> None:
        run(tree, "git -c user.name=x -c user.email=x@y commit --allow-empty -m inside")
        git(tree, "commit", "--allow-empty", "-m", "here")
        said = tree.envman("run", "git", "log", "-1", "--format=%s")
        assert said.out == "inside\n"
        assert "commits made in the machine stay there" in said.err
        fetch = said.err.partition("is not copied: ")[2].partition(";")[0]
        subprocess.run(["sh", "-c", fetch], cwd=tree.root, env=tree.environ, check=True, capture_output=True)
        assert git(tree, "log", "-1", "--format=%s", "FETCH_HEAD") == "inside\n"
        assert tree.envman("run", "rm", "-r", ".git").code == 0
        assert (tree.root / ".git").is_dir()
        tree.write({"src/a.py": "x = 3\n"})
        assert run(tree, "git log -1 --format=%s") == "here\n"


def test_hooks_tasks_and_services_see_it(own: Machine) -> None:
    spec = f"""{COPIED}
[hooks]
setup = ["cat word >> setup.log"]
start = ["cat word >> start.log"]
[tasks]
show = "cat word"
[services.worker]
run = "cat word > /tmp/word; exec sleep 100000"
"""
    own.write({"envman.toml": spec, "word": "one\n"})
    own.up()
    assert (own.root / "setup.log").read_text() == "one\n"
    assert (own.root / "start.log").read_text() == "one\n"
    assert run(own, "cat /tmp/word") == "one\n"
    own.write({"word": "two\n"})
    assert own.envman("run", "show").out == "two\n"
    own.write({"word": "three\n"})
    told = own.up()
    assert [one["name"] for one in told["steps"]][:1] == ["folder"]
    assert (own.root / "start.log").read_text() == "one\nthree\n"
    assert own.ssh("cat /project/word").stdout == "three\n"


def test_a_change_alone_is_copied_by_an_up(shop: Machine) -> None:
    shop.write({"notes": "x\n"})
    assert [one["name"] for one in shop.up()["steps"]] == ["folder"]
    assert shop.ssh("cat /project/notes").stdout == "x\n"
    assert shop.up()["steps"] == []
    assert "nothing to do" in shop.envman("up").err
    run(shop, "rm notes")


def test_what_a_step_makes_comes_back(own: Machine) -> None:
    own.write({"pyproject.toml": PROJECT})
    own.up()
    assert own.installed()["alpha"] == "1.0"
    own.write({"pyproject.toml": PROJECT.replace("1.0", "2.0")})
    own.up()
    assert own.installed()["alpha"] == "2.0"
    assert own.up()["steps"] == []


PROJECT = """\
[project]
name = "own"
version = "1"
dependencies = ["alpha==1.0"]
"""


def test_ten_thousand_files(own: Machine) -> None:
    for number in range(10_000):
        file = own.root / f"src/{number % 100}/{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"x = {number}\n")
    own.up()
    assert run(own, "find src -type f | wc -l") == "10000\n"
    (own.root / "src/0/0.py").write_text("x = 'other'\n")
    assert run(own, "cat src/0/0.py; rm -r src/99") == "x = 'other'\n"
    assert not (own.root / "src/99").exists()
    assert len(list(Path(own.root / "src").rglob("*.py"))) == 9900


def test_a_full_disk_is_said(own: Machine) -> None:
    own.up()
    own.ssh("mount -t tmpfs -o size=1m none /project; chown vagrant /project").check_returncode()
    (own.root / "big").write_bytes(b"x" * 3_000_000)
    said = own.envman("run", "true")
    assert said.code == 125
    assert "No space left on device" in said.err
    assert "make room" in said.err
    (own.root / "big").unlink()
    assert own.envman("run", "true").code == 0
