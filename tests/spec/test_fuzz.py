"""Thousands of broken files: a spec loads, or it is refused with messages that have a place; never anything else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envman import backend
from envman.errors import UsageError
from envman.problem import Problem
from envman.spec import describe
from envman.spec.load import load

WHOLE = """\
name = "shop"
requires = ">=0.1"
backend = ["venv"]
env_files = [".env?"]
[python]
version = "3.12"
groups = ["dev"]
packages = ["ipython"]
[env]
URL = "{services.db.url}"
PORT = "{ports.web.inside}"
WORD = "${WORD:-x} {{literal}}"
pass = ["AWS_*"]
[services.db]
use = "postgres"
version = "17"
port = {inside = 5432}
health = {http = "/health", timeout = 60}
[ports]
web = 8000
admin = {port = 9000, strict = true}
[hooks]
setup = [{run = "x", inputs = ["a/**"]}, "y", ["z"]]
[tasks]
test = "pytest"
[network]
ca = "auto"
[profile.ci]
name = "ci"
"""
EXAMPLES = int(os.environ.get("ENVMAN_FUZZ", "700"))
KNOWN = (
    "name", "python", "version", "env", "services", "db", "use", "ports", "web", "port", "hooks", "setup", "run",
    "tasks", "profile", "ci", "network", "ca", "env_files", "health", "needs", "pass", "strict", "x y", "ünï", "-",
)  # fmt: skip
KEYS = st.sampled_from(KNOWN)
LEAVES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["{services.db.url}", "${X", "{", "}}", "3.12", ">=3", "\0", "a\nb"]),
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.floats(allow_nan=False),
    st.datetimes(),
)
TREES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
    ),
    max_size=6,
)
quickly = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def survives(data: bytes, *, local: bytes | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "envman.toml").write_bytes(data)
        if local is not None:
            (root / "envman.local.toml").write_bytes(local)
        problems = refusal(root)
        assert all(problem.message.strip() for problem in problems)
        assert all(problem.line for problem in problems if problem.key), problems


def refusal(root: Path) -> Sequence[Problem]:
    """Why the spec is refused; nothing when it loads. Any other exception is the failure that is looked for."""
    try:
        load(root)
    except UsageError as refused:
        return refused.problems
    return ()


@quickly
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    survives(data)


@quickly
@given(TREES, TREES)
def test_any_trees_of_plausible_keys(tree: dict[str, Any], local: dict[str, Any]) -> None:
    survives(tomlkit.dumps(tree).encode("utf-8", "replace"), local=tomlkit.dumps(local).encode("utf-8", "replace"))


@quickly
@given(st.integers(0, len(WHOLE)), st.integers(0, 6), st.text(max_size=4))
def test_a_whole_spec_with_a_slip_of_the_keyboard(place: int, removed: int, typed: str) -> None:
    survives((WHOLE[:place] + typed + WHOLE[place + removed :]).encode("utf-8", "replace"))


def test_the_whole_spec_is_valid(tmp_path: Path) -> None:
    (tmp_path / "envman.toml").write_text(WHOLE, encoding="utf-8")
    assert load(tmp_path).spec.name == "shop"


def test_the_schema_and_the_reader_agree_on_the_whole_spec_and_on_its_faults() -> None:
    import tomllib

    from jsonschema import Draft7Validator

    validator = Draft7Validator(describe.schema())
    document = tomllib.loads(WHOLE)
    assert list(validator.iter_errors(document)) == []
    for change in ({"nmae": 1}, {"env_files": ".env"}, {"ports": {"web": "8000"}}, {"python": {"version": 3.12}}):
        assert list(validator.iter_errors({**document, **change}))


def test_the_schema_knows_the_tables_of_backends() -> None:
    from jsonschema import Draft7Validator

    validator = Draft7Validator(describe.schema(backend.options()))
    assert (
        list(validator.iter_errors({"docker": {"join": ["shared"]}, "profile": {"ci": {"docker": {"cpus": "2"}}}}))
        == []
    )
    assert list(validator.iter_errors({"docker": {"jion": ["shared"]}}))


def test_what_init_writes_is_valid_with_every_example_switched_on(tmp_path: Path) -> None:
    shapes = backend.options()
    text = describe.commented({"name": "shop"}, shapes)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("# ") and " = " in line and line[2].islower() and " " not in line[2 : line.index(" = ")]:
            changed = "\n".join([*lines[:number], line[2:], *lines[number + 1 :], "[profile.ci]", ""])
            (tmp_path / "envman.toml").write_text(changed, encoding="utf-8")
            load(tmp_path, backends=shapes)
