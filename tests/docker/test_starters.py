"""The starters with one word changed: they come up in containers, and are the same for whoever uses them."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.docker.stacks import Stack
from tests.services.support import free_port, until

pytestmark = pytest.mark.engine

_SERVICES = {"shop": ("db", "web"), "django": ("db", "cache", "web"), "worker": ("queue",), "web": ()}
_SIGN = (
    "from guestbook.models import Entry; Entry.objects.create(name='Ann'); "
    "from django.core.cache import cache; cache.set('kept', 7, None)"
)
_COUNT = (
    "from guestbook.models import Entry; from django.core.cache import cache; "
    "print(Entry.objects.count(), cache.get('kept'))"
)
Make = Callable[[str], Stack]


def _git(project: Stack, *words: str) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *settings, *words], cwd=project.root, env=project.environ, check=True, capture_output=True)


def _local(project: Stack, ports: dict[str, int], more: str = "") -> None:
    lines = [f"[services.{name}]\nport = {port}\n" for name, port in ports.items()]
    project.write({"envman.local.toml": 'backend = "docker"\n' + "".join(lines) + more})


def _begin(project: Stack, starter: str) -> dict[str, int]:
    _git(project, "init")
    (project.root / "envman.local.toml").unlink()
    said = project.envman("init", "--starter", starter)
    assert said.code == 0, said.err
    ports = {name: free_port() for name in _SERVICES[starter]}
    _local(project, ports)
    _git(project, "add", "--all")
    _git(project, "commit", "-m", "begin")
    return ports


def _passes_its_tests(project: Stack) -> None:
    tested = project.envman("run", "test")
    assert (tested.code, "passed" in tested.out) == (0, True), tested.out + tested.err


def _page(project: Stack) -> str:
    with urllib.request.urlopen(project.status()["services"]["web"]["host"]["url"], timeout=60) as answer:
        return str(answer.read().decode())


def _django(project: Stack, program: str) -> str:
    said = project.envman("run", "--no-up", "manage", "shell", "--no-imports", "-c", program)
    assert said.code == 0, said.err
    return said.out.strip()


def _shape(value: Any) -> Any:
    return {name: _shape(one) for name, one in value.items()} if isinstance(value, dict) else None


def test_shop_answers_and_counts_on_after_down_and_rm(stack: Stack) -> None:
    _begin(stack, "shop")
    assert stack.steps()[-4:] == ["project", "db", "setup", "web"]
    assert "visitor 1" in _page(stack)
    _passes_its_tests(stack)
    seen = int(_page(stack).split()[-1].rstrip("."))
    stack.down()
    stack.up()
    stack.docker("rm", "--force", *stack.ids())
    stack.up()
    assert f"visitor {seen + 1}" in _page(stack)


def test_status_has_the_shape_of_the_venv_level(stack: Stack) -> None:
    _begin(stack, "shop")
    stack.up()
    inside = stack.status()
    stack.down()
    stack.up("--backend", "venv")
    outside = stack.status(ENVMAN_BACKEND="venv")
    assert _shape(inside) == _shape(outside)
    states = [{name: one["state"] for name, one in found["services"].items()} for found in (inside, outside)]
    assert states[0] == states[1] == {"db": "running", "web": "running"}
    assert stack.envman("down", "--backend", "venv").code == 0


def test_django_keeps_its_data_over_down_and_a_clean_checkout(stack: Stack) -> None:
    ports = _begin(stack, "django")
    steps = stack.steps()
    assert steps.index("db") < steps.index("setup") < steps.index("web")
    assert "Seen 1 times" in _page(stack)
    _passes_its_tests(stack)
    _django(stack, _SIGN)
    assert "<li>Ann," in _page(stack)
    assert stack.steps() == []
    stack.down()
    assert "setup" not in stack.steps()
    assert _django(stack, _COUNT) == "1 7"
    _git(stack, "clean", "-fdx")
    assert not (stack.root / ".envman").exists()
    _local(stack, ports)
    stack.up()
    assert _django(stack, _COUNT) == "1 7"
    assert "<li>Ann," in _page(stack)


def test_two_worktrees_at_once_have_ports_and_data_of_their_own(another_stack: Make) -> None:
    first, second = another_stack("shop"), another_stack("second")
    ports = _begin(first, "django")
    (second.root / "envman.local.toml").unlink()
    _git(first, "worktree", "add", "-b", "second", str(second.root))
    _local(second, ports)
    calls = [one.start("up") for one in (first, second)]
    said = [call.communicate(timeout=300)[1] for call in calls]
    assert [call.returncode for call in calls] == [0, 0], said
    found = [one.status()["services"] for one in (first, second)]
    assert len({services[name]["host"]["port"] for services in found for name in ports}) == 6
    _django(first, _SIGN)
    assert [_django(one, _COUNT) for one in (first, second)] == ["1 7", "0 None"]
    assert ["Ann" in _page(one) for one in (first, second)] == [True, False]


def test_the_worker_does_its_jobs_and_keeps_those_that_nobody_took(stack: Stack) -> None:
    ports = _begin(stack, "worker")
    assert stack.steps()[-3:] == ["queue", "declare", "worker"]
    assert stack.envman("run", "--no-up", "send", "hello").code == 0
    until(lambda: "done: HELLO" in stack.lines("worker"))
    _passes_its_tests(stack)
    assert stack.steps() == []
    _local(stack, ports, "[services]\nworker = false\n")
    stack.up()
    assert stack.envman("run", "--no-up", "send", "kept").code == 0
    stack.down()
    _local(stack, ports)
    stack.up()
    until(lambda: "done: KEPT" in stack.lines("worker"))


def test_web_serves_from_inside_to_this_machine(stack: Stack) -> None:
    _begin(stack, "web")
    port = free_port()
    stack.write({"envman.local.toml": f'backend = "docker"\n[ports]\nweb = {port}\n'})
    stack.up()
    _passes_its_tests(stack)
    call = stack.start("run", "serve")
    try:
        until(lambda: _answers(port))
    finally:
        call.terminate()
        call.communicate(timeout=30)
    assert not _answers(port)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return b"Hello" in answer.read()
    except OSError:
        return False
