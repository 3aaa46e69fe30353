"""What the journal of the machine says, as lines of services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from envman.backend import Line
from envman_vagrant.services import logs
from envman_vagrant.services.logs import Journal, Stream


def entry(name: str, message: Any, micros: str = "1500000", cursor: str = "c") -> str:
    unit = f"envman-{name}.service"
    told = {"_SYSTEMD_UNIT": unit, "MESSAGE": message, "__REALTIME_TIMESTAMP": micros, "__CURSOR": cursor}
    return json.dumps(told)


class TestLines:
    """From the journal's JSON."""

    def test_whose_they_are_and_when_they_were_said(self) -> None:
        found, cursor = logs.read([entry("db", "one"), entry("my-db", "two", "2000000", "d")])
        assert found == [("db", Line(text="one", time=1.5)), ("my-db", Line(text="two", time=2.0))]
        assert cursor == "d"

    @pytest.mark.parametrize(
        ("message", "text"),
        [("a\r", "a"), ([104, 105, 255], "hi\ufffd"), (None, ""), ("", ""), ("\x1b[1mx", "\x1b[1mx")],
    )
    def test_what_is_no_text_becomes_some(self, message: Any, text: str) -> None:
        ((_, line),) = logs.read([entry("db", message)])[0]
        assert line.text == text

    def test_a_line_that_was_cut_off_is_left_out(self) -> None:
        found, cursor = logs.read([entry("db", "one"), entry("db", "two", cursor="d")[:-3]])
        assert [line.text for _, line in found] == ["one"]
        assert cursor == "c"


class TestStream:
    """One service's lines, without a machine."""

    def test_where_nobody_is_connected_there_is_nothing_to_say(self) -> None:
        journal = Journal({"config": "/nowhere", "control": "/nowhere"}, ["db"])
        stream = Stream(journal, "db")
        stream.close()
        assert list(stream.begin(None)) == []
        assert list(stream.more()) == []
        assert list(stream.rest()) == []
