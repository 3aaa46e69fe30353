"""The document of --json: its keys, its problems, and text of any language."""

from __future__ import annotations

import json

import pytest

from envman.answer import Answer, envelope
from envman.problem import Problem


def test_the_document_has_the_documented_keys_in_their_order() -> None:
    text = envelope("up", ok=True, result={"state": "running"}, problems=())
    document = json.loads(text)
    assert list(document) == ["envman", "command", "ok", "result", "problems"]
    assert document == {"envman": 1, "command": "up", "ok": True, "result": {"state": "running"}, "problems": []}


def test_a_problem_has_all_six_fields_and_those_that_are_unknown_are_null() -> None:
    whole = Problem(message="m", hint="h", file="f", line=1, column=2, key="k")
    document = json.loads(envelope("check", ok=False, result={}, problems=[Problem(message="m"), whole]))
    first, second = document["problems"]
    assert first == {"message": "m", "hint": None, "file": None, "line": None, "column": None, "key": None}
    assert second == {"message": "m", "hint": "h", "file": "f", "line": 1, "column": 2, "key": "k"}
    assert document["ok"] is False


@pytest.mark.parametrize("text", ["größe 日本 🐍", 'quote " and \\', "line\nline\ttab\0", "", "</script>"])
def test_text_comes_back_as_it_was(text: str) -> None:
    said = envelope("plan", ok=True, result={text: [text]}, problems=[Problem(message=text, hint=text)])
    document = json.loads(said)
    assert document["result"] == {text: [text]}
    assert (document["problems"][0]["message"], document["problems"][0]["hint"]) == (text, text)


def test_letters_of_any_language_can_be_read_by_people() -> None:
    assert "größe 日本" in envelope("plan", ok=True, result={"name": "größe 日本"}, problems=())


def test_an_answer_without_anything_is_a_success_without_words() -> None:
    answer = Answer()
    assert (answer.result, answer.text, answer.problems, answer.code) == ({}, "", (), 0)


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        (Problem(message="m"), ""),
        (Problem(message="m", file="a.toml"), "a.toml"),
        (Problem(message="m", file="a.toml", line=3), "a.toml:3"),
        (Problem(message="m", file="a.toml", line=3, column=7), "a.toml:3:7"),
    ],
)
def test_the_place_of_a_problem_is_one_that_editors_link(problem: Problem, place: str) -> None:
    assert problem.place == place
