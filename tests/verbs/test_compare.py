"""`envman compare`: the facts, the figures, the advice, and the measurement itself on a copy that leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from envman.backend import load, registered
from envman.comparing import copying, facts, figures, page, text
from envman.comparing.advice import advise
from envman.comparing.facts import Level, Machine
from envman.comparing.figures import BYTES, SECONDS, Comparison, Figures, Measured
from envman.console import Console
from envman.frozen import replace
from envman.problem import Problem
from envman.verbs.compare import document
from tests.support import containers, engines, folders
from tests.support.scratch import Scratch

ROOT = Path(__file__).parents[2]
HERE = Machine(
    system="Debian 13, Linux 6.1", processor="A chip", cores=4, memory=8 * 10**9, python="3.12.4", envman="1"
)
SHARED = dict.fromkeys(facts.ASPECTS, "shared")
NOT_THERE = Problem(message="no engine answers", hint="start it")
VENV = Level(name="venv", summary="", rank=0, isolates=SHARED, repeats="Python and packages", needs="nothing")
DOCKER = replace(
    VENV, name="docker", rank=10, isolates={**SHARED, "files": "own, but the project"}, needs="a Docker Engine"
)
VAGRANT = replace(DOCKER, name="vagrant", rank=20, isolates=dict.fromkeys(facts.ASPECTS, "own"))
LIBRARY = Problem(
    message="not installed on this machine: libpq-dev", hint="apt-get install libpq-dev", key="system.packages"
)


def _measured(cold: tuple[float, ...], run: tuple[float, ...], disk: float, **more: Any) -> Measured:
    given = {
        "cold_up": Figures(samples=cold, unit=SECONDS),
        "run_true": Figures(samples=run, unit=SECONDS),
        "task": Figures(samples=(3.0, 3.3, 3.1), unit=SECONDS),
        "first_query.db": Figures(samples=(0.002,), unit=SECONDS),
        "disk": Figures(samples=(disk, disk), unit=BYTES),
    }
    return Measured(**{"figures": given, "packages": {"alpha": "1.0"}, "python": "3.12.4", "task_code": 0, **more})


MEASURED = {
    "venv": _measured((1.62, 1.5, 1.9), (0.012, 0.011, 0.0142), 84e6),
    "docker": _measured((21.4, 20.9, 23.0), (0.081, 0.08, 0.09), 391e6),
    "vagrant": _measured((123.4, 120.1, 130.2), (0.1, 0.095, 0.12), 2.1e9),
}


def _known(*levels: Level, measured: Mapping[str, Measured] | None = None, at: str = "venv") -> Comparison:
    return Comparison(
        project="shop", root="/home/ann/shop", at=at, date="2026-11-21 10:00", machine=HERE,
        levels=levels or (VENV, DOCKER, VAGRANT), measured=measured or {}, rounds=3 if measured else 0, task="test",
    )  # fmt: skip


WHOLE = _known(measured=MEASURED)


def _shown(known: Comparison) -> list[str]:
    return list(text.lines(known, advise(known), Console(color=False)))


def test_the_table_fits_a_terminal_and_says_medians_with_their_spread() -> None:
    shown = _shown(WHOLE)
    assert shown[: shown.index("")] == [
        "                venv                  docker                vagrant",
        "files           shared                own, but the project  own",
        "processes       shared                shared                own",
        "kernel          shared                shared                own",
        "network         shared                shared                own",
        "reproduces      Python and packages   Python and packages   Python and packages",
        "needs           nothing               a Docker Engine       a Docker Engine",
        "runs here       yes                   yes                   yes",
        "cannot honour   nothing               nothing               nothing",
        "cold up         1.62 s (1.50–1.90)    21.4 s (20.9–23.0)    123 s (120–130)",
        "run true        12.0 ms (11.0–14.2)   81.0 ms (80.0–90.0)   100 ms (95.0–120)",
        "run test        3.10 s (3.00–3.30)    3.10 s (3.00–3.30)    3.10 s (3.00–3.30)",
        "db answers      2.00 ms               2.00 ms               2.00 ms",
        "disk            84 MB                 391 MB                2.1 GB",
        "packages        1, identical          1, identical          1, identical",
    ]
    assert max(map(len, shown[: shown.index("")])) <= 80


def test_more_than_three_levels_stand_in_several_tables() -> None:
    shown = _shown(_known(VENV, DOCKER, VAGRANT, replace(VENV, name="box", rank=80)))
    assert [line.split() for line in shown if line[:3].isspace() and line.strip()[:4] in ("venv", "box")] == [
        ["venv", "docker", "vagrant"],
        ["box"],
    ]


def test_the_document_holds_every_sample() -> None:
    told = json.loads(json.dumps(document(WHOLE, advise(WHOLE))))
    assert told["backends"]["docker"]["measured"]["figures"]["cold_up"] == {
        "unit": "s", "median": 21.4, "lowest": 20.9, "highest": 23.0, "samples": [21.4, 20.9, 23.0]
    }  # fmt: skip
    assert (told["packages_identical"], told["rounds"], told["task"]) == (True, 3, "test")
    assert told["recommendation"]["backend"] == "venv"
    assert document(_known(), advise(_known()))["backends"]["venv"]["measured"] is None


@pytest.mark.parametrize(
    ("known", "backend", "said"),
    [
        (_known(), "venv", "the lightest level, and it honours all that the spec asks"),
        (_known(replace(VENV, unsupported=(LIBRARY,)), DOCKER), "docker", "venv cannot honour system.packages"),
        (
            _known(replace(VENV, unsupported=(LIBRARY,)), replace(DOCKER, missing=(NOT_THERE,))),
            "venv",
            "docker would honour all of it, but no engine answers",
        ),
        (_known(replace(DOCKER, missing=(NOT_THERE,))), None, "docker: no engine answers"),
        (
            _known(measured={**MEASURED, "venv": replace(MEASURED["venv"], task_code=1)}),
            "docker",
            "test passes on docker and vagrant, and fails on venv (exit code 1)",
        ),
        (
            _known(VENV, measured={"venv": replace(MEASURED["venv"], task_code=1)}),
            "venv",
            "test fails wherever it was run: venv (exit code 1)",
        ),
        (
            _known(measured={**MEASURED, "venv": Measured(failed="up: no Python 3.9 here")}),
            "docker",
            "venv did not go through here: up: no Python 3.9 here",
        ),
        (_known(VENV, measured={"venv": Measured(failed="up: no")}), None, "none of them went through here"),
        (
            _known(measured={**MEASURED, "docker": replace(MEASURED["docker"], packages={"alpha": "2.0"})}),
            "venv",
            "the packages are not the same everywhere",
        ),
        (
            WHOLE,
            "venv",
            "from venv to docker: cold up 1.62 to 21.4 s, run true 12.0 to 81.0 ms, disk 84 MB to 391 MB",
        ),
        (
            _known(VENV, DOCKER, measured={"venv": MEASURED["venv"], "docker": MEASURED["venv"]}),
            "venv",
            "docker costs what venv costs: no difference is larger than the spread",
        ),
    ],
)
def test_the_advice_follows_from_the_data(known: Comparison, backend: str | None, said: str) -> None:
    given = advise(known)
    assert given.backend == backend
    assert said in given.reasons


def test_the_advice_says_when_another_level_is_better() -> None:
    lacking = replace(VAGRANT, missing=(NOT_THERE,), has_table=True)
    assert advise(_known(VENV, DOCKER, lacking, at="docker")).otherwise == (
        "docker, for files of the project's own",
        "vagrant, which this machine lacks, for processes, a kernel and a network of the project's own",
        "vagrant, if what [vagrant] of the spec says matters: no other level reads it",
        "the project is at docker now; envman switch venv moves it, with its data",
    )


def test_what_went_wrong_stands_below_the_table() -> None:
    other = replace(MEASURED["docker"], packages={"alpha": "2.0", "beta": "1"})
    known = _known(
        replace(VENV, unsupported=(LIBRARY,)), DOCKER, replace(VAGRANT, missing=(NOT_THERE,)),
        measured={"venv": Measured(failed="up: broken"), "docker": other},
    )  # fmt: skip
    shown = "\n".join(_shown(replace(known, measured={**known.measured, "box": MEASURED["venv"]})))
    for line in (
        "venv cannot honour system.packages: not installed on this machine: libpq-dev",
        "  → apt-get install libpq-dev",
        "vagrant does not run here: no engine answers",
        "venv failed: up: broken",
    ):
        assert line.replace("→", Console().marks[3]) in shown
    assert re.search(r"^cold up +failed +21.4 s \(20.9–23.0\) +-$", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("highest", "told"),
    [(1.0, [0, 0.5, 1]), (0.9, [0, 0.5, 1]), (23.0, [0, 10, 20, 30]), (391.0, [0, 100, 200, 300, 400]), (0, [0, 1])],
)
def test_an_axis_begins_at_nothing_and_ends_round(highest: float, told: list[float]) -> None:
    assert figures.ticks(highest) == pytest.approx(told)


class _Tags(HTMLParser):
    """Whether what is opened is closed, and what was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _page(known: Comparison) -> tuple[str, _Tags]:
    written = page.render(known, advise(known))
    tags = _Tags()
    tags.feed(written)
    assert tags.open == []
    return written, tags


def test_the_page_stands_alone() -> None:
    written, tags = _page(replace(WHOLE, project="<shop> & co"))
    assert "<shop>" not in written
    assert "&lt;shop&gt; &amp; co" in written
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img", written)
    assert not [values for _, values in tags.seen if {"src", "href", "onload", "style"} & set(values)]
    for needed in ("prefers-color-scheme: dark", "@media print", 'name="viewport"', HERE.system, "2026-11-21 10:00"):
        assert needed in written


def test_the_page_draws_each_row_once_and_to_scale() -> None:
    _, tags = _page(WHOLE)
    drawn = list(page.charts(WHOLE, advise(WHOLE)))
    assert [chart.title for chart in drawn] == ["cold up", "run true", "run test", "db answers", "disk"]
    assert sum(tag == "svg" for tag, _ in tags.seen) == len(drawn)
    cold = drawn[0]
    assert [tick.label for tick in cold.ticks] == ["0", "50", "100", "150 s"]
    assert [bar.width for bar in cold.bars] == pytest.approx(
        [100 * value / 150 for value in (1.62, 21.4, 123.4)], abs=0.001
    )
    assert [bar.is_advised for bar in cold.bars] == [True, False, False]
    assert all(0 <= value <= 100 for chart in drawn for bar in chart.bars for value in (bar.low, bar.high, *bar.dots))


def test_the_page_of_an_unmeasured_project_says_how_to_measure() -> None:
    lacking = replace(VAGRANT, missing=(NOT_THERE,))
    written, tags = _page(_known(replace(VENV, unsupported=(LIBRARY,)), DOCKER, lacking))
    assert not any(tag == "svg" for tag, _ in tags.seen)
    for needed in ("envman compare --measure", "system.packages", "apt-get install libpq-dev", "no engine answers"):
        assert needed in written


def test_the_page_names_failures_and_other_packages() -> None:
    other = replace(MEASURED["docker"], packages={"alpha": "2.0"}, task_code=4)
    failed = Measured(failed="up: <broken>")
    written, _ = _page(_known(measured={"venv": MEASURED["venv"], "docker": other, "vagrant": failed}))
    for needed in ("exit code 4", "up: &lt;broken&gt;", "2.0, elsewhere 1.0"):
        assert needed in written


@pytest.mark.parametrize("name", registered())
def test_every_backend_says_what_it_gives_in_words_that_fit(name: str) -> None:
    one = load(name)
    assert set(one.ISOLATES) == set(facts.ASPECTS)
    for word in one.ISOLATES.values():
        assert word == "shared" or word.startswith(facts.OWN)
    assert max(map(len, (*one.ISOLATES.values(), one.REPEATS, one.NEEDS))) <= 20


def test_a_machine_that_is_a_container_has_no_kernel_of_its_own(tmp_path: Path) -> None:
    isolates = import_module("envman_vagrant.isolation").isolates
    for provider, told in (("docker", "shared"), ("libvirt", "own")):
        project = _opened(tmp_path / provider, f'[vagrant]\nprovider = "{provider}"\n')
        assert isolates(project.spec, {})["kernel"] == told


def _opened(root: Path, spec: str) -> Any:
    from envman import backend
    from envman.project import open_project

    return open_project(folders.written(root, {"envman.toml": spec}), {}, shapes=backend.options())


# --- the copy ---------------------------------------------------------------------------------------------------------

FILES = {
    "envman.toml": 'env_files = ["secret.env", "absent.env?"]\n[ports]\nweb = {port = 8000, strict = true}\n',
    "envman.local.toml": 'backend = "docker"\n[env]\nA = "mine"\n',
    "requirements.txt": "alpha\n",
    "secret.env": "TOKEN=x\n",
    "src/shop.py": "",
    "new.py": "",
    "gone.py": "",
    "build.log": "",
    ".venv/pyvenv.cfg": "",
    "own/pyvenv.cfg": "",
    "__pycache__/shop.pyc": "",
    ".envman/id": "",
    ".gitignore": "*.log\n*.env\nenvman.local.toml\n.venv\nown\n__pycache__\n",
}


def _files(root: Path) -> set[str]:
    return {
        str(file.relative_to(root))
        for file in root.rglob("*")
        if (file.is_symlink() or not file.is_dir()) and ".git" not in file.parts
    }


def _git(root: Path, *words: str) -> str:
    own = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *own, *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("with_git", [True, False])
def test_the_copy_has_what_somebody_who_joins_would_have(scratch: Scratch, with_git: bool) -> None:
    scratch.write(FILES)
    (scratch.root / "link").symlink_to("src")
    if with_git:
        _git(scratch.root, "init", "--quiet")
        _git(scratch.root, "add", ".gitignore", "envman.toml", "src", "gone.py")
        _git(scratch.root, "commit", "--quiet", "-m", "first")
        _git(scratch.root, "tag", "v1")
    (scratch.root / "gone.py").unlink()
    target = scratch.home / "copy"
    copying.fill(_project(scratch), target, scratch.environ)
    expected = {"envman.toml", "envman.local.toml", "requirements.txt", "secret.env", "src/shop.py", "new.py"}
    assert _files(target) == expected | {".gitignore", "link"} | (set() if with_git else {"build.log"})
    assert (target / "link").is_symlink()
    if with_git:
        assert _git(target, "describe", "--tags").strip() == "v1"
        assert _git(target, "status", "--porcelain").splitlines() == [
            " D gone.py",
            "?? link",
            "?? new.py",
            "?? requirements.txt",
        ]


def _project(scratch: Scratch) -> Any:
    from envman.project import open_project

    return open_project(scratch.root, {})


def test_the_copy_is_at_the_level_that_is_measured_and_takes_no_strict_port(scratch: Scratch) -> None:
    scratch.write({**FILES, "envman.local.toml": 'backend = "docker"\n[env]\nA = "mine"\n[ports.web]\nport = 8001\n'})
    copying.choose(scratch.root, "venv", _project(scratch).spec, ("ci",))
    scratch.write({"envman.toml": FILES["envman.toml"] + '[profile.ci.env]\nB = "ci"\n'})
    found = _project(scratch)
    assert found.local.backend == ("venv",)
    assert (found.spec.ports["web"].strict, found.spec.ports["web"].port) == (False, 8001)
    assert sorted(found.spec.env.variables) == ["A", "B"]


# --- the command ------------------------------------------------------------------------------------------------------

SPEC = """\
env_files = ["settings.env"]
[services.web]
run = "python -m http.server --bind $HOST $PORT"
port = {port}
health = {{http = "/"}}
[env]
HOST = "{{services.web.host}}"
PORT = "{{services.web.port}}"
[tasks]
test = "test -n \\"$WORD\\" && echo tested >> $LOG"
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def shop(scratch: Scratch) -> Iterator[Scratch]:
    """A project with a box beside venv, and nothing left of either in the end."""
    metadata = scratch.home / "packages" / "box-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "entry_points.txt").write_text("[envman.backends]\nbox = tests.support.box_backend\n")
    (scratch.home / "engine").mkdir()
    scratch.environ |= {
        "PYTHONPATH": os.pathsep.join([str(metadata.parent), str(ROOT)]),
        "BOX_ENGINE": str(scratch.home / "engine"),
        "LOG": str(scratch.home / "log"),
    }
    scratch.write(
        {"requirements.txt": "alpha==1.0\n", "settings.env": "WORD=secret-word\n", "envman.toml": SPEC_OF_ALL}
    )
    yield scratch
    assert _left(scratch) == []


SPEC_OF_ALL = 'env_files = ["settings.env"]\n[tasks]\ntest = "test -n \\"$WORD\\" && echo tested >> $LOG"\n'


def _left(scratch: Scratch) -> list[Path]:
    """What a measurement left behind."""
    above = scratch.home / "cache" / "compare"
    kept = {entry["root"] for entry in scratch.envman("list", "--json").result["environments"]} - {str(scratch.root)}
    engine = [
        file for file in (scratch.home / "engine").rglob("*") if file.is_dir() and file.name not in ("here", "box")
    ]
    return [*above.glob("*"), *map(Path, kept), *engine]


def test_facts_need_no_engine(shop: Scratch) -> None:
    answer = shop.envman("compare", "--json").result
    assert next(iter(answer["backends"])) == "venv"
    assert set(answer["backends"]) == {*registered(), "box"}
    docker = answer["backends"]["docker"]
    assert (docker["usable"], docker["isolates"]["kernel"], docker["measured"]) == (False, "shared", None)
    assert docker["missing"][0]["hint"]
    assert answer["recommendation"]["backend"] == "venv"
    assert not (shop.root / ".envman").exists()
    only = shop.envman("compare", "box", "venv", "box")
    assert (only.code, only.out.splitlines()[0].split()) == (0, ["venv", "box"])


def test_what_a_level_cannot_honour_decides(shop: Scratch) -> None:
    shop.write({"envman.toml": '[services.cache]\nuse = "redis"\ndatabases = ["x"]\n'})
    told = shop.envman("compare", "venv", "box", "--json").result
    assert told["backends"]["venv"]["unsupported"][0]["key"] == "services.cache.databases"
    assert told["recommendation"]["backend"] == "box"
    assert "venv cannot honour services.cache.databases" in shop.envman("compare", "venv", "box").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("vnev",), 2, 'did you mean "venv"?'),
        (("--task", "test"), 2, "add --measure"),
        (("--rounds", "2"), 2, "add --measure"),
        (("--measure", "--task", "tets"), 2, 'did you mean "test"?'),
        (("--html", "no/such/folder.html"), 2, "cannot be written"),
        (("--html", "."), 2, "cannot be written"),
        (("docker", "--measure"), 3, "docker"),
    ],
)
def test_what_could_only_fail_later_fails_at_once(shop: Scratch, words: tuple[str, ...], code: int, said: str) -> None:
    refused = shop.envman("compare", *words)
    assert (refused.code, said in refused.err) == (code, True), refused.err


def test_a_measurement_takes_a_copy_through_everything_and_leaves_nothing(shop: Scratch) -> None:
    port = _free_port()
    shop.write({"envman.toml": SPEC.format(port=port)})
    shop.up()
    before = shop.status()
    done = shop.envman("compare", "venv", "docker", "--measure", "--rounds", "1", "--json", "--html", "page.html")
    assert done.code == 0, done.err
    venv, docker = done.result["backends"]["venv"]["measured"], done.result["backends"]["docker"]["measured"]
    assert docker is None
    assert {name: len(one["samples"]) for name, one in venv["figures"].items()} == {
        "cold_up": 1, "first_query.web": 1, "no_op_up": 5, "run_true": 5, "disk": 1, "memory": 1, "task": 1,
        "warm_up": 1,
    }  # fmt: skip
    assert all(one["median"] > 0 for one in venv["figures"].values())
    # What is typed all day goes the quick way.
    assert venv["figures"]["run_true"]["lowest"] < venv["figures"]["cold_up"]["median"]
    assert (venv["packages"], venv["task_code"], venv["failed"]) == ({"alpha": "1.0"}, 0, None)
    assert (shop.home / "log").read_text(encoding="utf-8") == "tested\n"
    assert "</html>" in (shop.root / "page.html").read_text(encoding="utf-8")
    after = shop.status()
    assert (after["services"]["web"]["since"], after["state"]) == (before["services"]["web"]["since"], "running")
    shop.envman("destroy", "--yes")


def test_rounds_alternate_and_a_level_that_fails_says_why_while_the_others_go_on(shop: Scratch) -> None:
    spec = SPEC_OF_ALL + '[env]\nWHERE = "{project.root}"\n[hooks]\n'
    shop.write({"envman.toml": spec + 'setup = ["test $WHERE != /project || (echo $WORD is broken; exit 3)"]\n'})
    done = shop.envman("compare", "venv", "box", "--measure", "--rounds", "2", "--json")
    assert done.code == 0, done.err
    found = {name: one["measured"] for name, one in done.result["backends"].items()}
    assert "secret-word" not in done.out + done.err
    assert found["box"]["failed"].startswith("up: ")
    assert (found["box"]["figures"], found["venv"]["failed"]) == ({}, None)
    assert done.result["recommendation"]["backend"] == "venv"
    shop.write({"envman.toml": SPEC_OF_ALL})
    done = shop.envman("compare", "venv", "box", "--measure", "--rounds", "2")
    assert re.findall(r"✓ (\w+) +round (\d)", done.err) == [("venv", "1"), ("box", "1"), ("box", "2"), ("venv", "2")]


def test_the_named_task_alone_decides_and_its_failure_is_a_result(shop: Scratch) -> None:
    shop.write({"envman.toml": SPEC_OF_ALL + 'other = "exit 4"\n'})
    done = shop.envman("compare", "venv", "--measure", "--rounds", "1", "--task", "other")
    assert done.code == 0
    assert re.search(r"^run other +[\d.]+ m?s, exit code 4$", done.out, re.MULTILINE)
    assert "other fails wherever it was run: venv (exit code 4)" in done.out
    assert not (shop.home / "log").exists()


def _interrupted(shop: Scratch, number: signal.Signals) -> tuple[int, str]:
    """A measurement that is ended while its task runs."""
    call = shop.start("compare", "venv", "--measure")
    end = time.monotonic() + 60
    while not (shop.home / "log").exists() and call.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    call.send_signal(number)
    _, said = call.communicate(timeout=60)
    assert (shop.home / "log").exists(), said
    return call.returncode, said


@pytest.fixture
def sleepy(shop: Scratch) -> Scratch:
    """The same with a service, and a task that lasts."""
    spec = SPEC.format(port=_free_port())
    shop.write({"envman.toml": spec[: spec.index("[tasks]")] + '[tasks]\ntest = "echo began > $LOG; sleep 20"\n'})
    return shop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_measurement_leaves_nothing(sleepy: Scratch, number: signal.Signals) -> None:
    code, said = _interrupted(sleepy, number)
    assert code == 130, said
    # The fixture asks what is left.


def test_what_a_killed_measurement_leaves_goes_with_the_next(sleepy: Scratch) -> None:
    _interrupted(sleepy, signal.SIGKILL)
    (left,) = [path for path in _left(sleepy) if path.parent.name == "compare"]
    sleepy.write({"envman.toml": SPEC_OF_ALL})
    done = sleepy.envman("compare", "venv", "--measure", "--rounds", "1")
    assert done.code == 0
    assert f"removing what an earlier measurement left in {left / 'shop'}" in done.err


def _of_the_engine(name: str) -> str:
    """What the engine holds under a project's name; others may be at work on it."""
    return "".join(
        (
            containers.docker("ps", "-aq", "-f", f"name={name}"),
            containers.docker("images", "-q", f"envman-{name}*"),
            containers.docker("volume", "ls", "-q", "-f", f"name={name}"),
            containers.docker("network", "ls", "-q", "-f", f"name={name}"),
        )
    )


@pytest.mark.engine
@pytest.mark.long
def test_a_virtual_environment_and_containers_are_measured_side_by_side(scratch: Scratch) -> None:
    engines.needs("docker")
    name = f"compare{os.getpid()}"
    spec = f'name = "{name}"\n' + SPEC.format(port=_free_port()).replace(" && echo tested >> $LOG", "")
    scratch.write({"envman.toml": spec, "requirements.txt": "alpha==1.0\n", "settings.env": "WORD=x\n"})
    done = scratch.envman("compare", "venv", "docker", "--measure", "--rounds", "1", "--json")
    assert done.code == 0, done.err
    found = {name: one["measured"] for name, one in done.result["backends"].items()}
    assert [one["failed"] for one in found.values()] == [None, None]
    # Not every engine can tell what memory its containers take.
    assert set(found["venv"]["figures"]) - {"memory"} == set(found["docker"]["figures"]) - {"memory"}
    assert done.result["packages_identical"]
    assert found["docker"]["figures"]["disk"]["median"] > found["venv"]["figures"]["disk"]["median"]
    assert _of_the_engine(name) == ""
    assert not any((scratch.home / "cache" / "compare").iterdir())
