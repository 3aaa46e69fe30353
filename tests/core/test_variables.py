"""Env files and the filling of values: what is written, what it becomes, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from envman.variables import VariableError, fill, parse_env_file, read_env_files, resolve

FILE = ".env"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("A=", ""),
        ("A=''", ""),
        ('A=""', ""),
        ("  A  =  1  ", "1"),
        ("export A=1", "1"),
        ("export   A=1", "1"),
        ("A=two words", "two words"),
        ("A=x # said beside", "x"),
        ("A=x#y", "x#y"),
        ("A=#x", "#x"),
        ("A='x # y'", "x # y"),
        ('A="x # y"', "x # y"),
        ("A='x' # said beside", "x"),
        ("A=a=b=c", "a=b=c"),
        ("A=$HOME/${USER}", "$HOME/${USER}"),
        (r"A='a\nb\\'", r"a\nb\\"),
        (r'A="a\nb\tc\rd"', "a\nb\tc\rd"),
        (r'A="a\"b\\c\$d"', 'a"b\\c$d'),
        (r'A="a\qb"', r"a\qb"),
        (r"A=a\nb", r"a\nb"),
        ("A='it is \"so\"'", 'it is "so"'),
        ('A="it\'s"', "it's"),
        ("A=größe 日本", "größe 日本"),
        ("A='one\ntwo'", "one\ntwo"),
        ('A="one\n# two\n\nB=3"', "one\n# two\n\nB=3"),
        ("A=-dash", "-dash"),
        ("A=postgres://u:p@h:5432/d?x=1", "postgres://u:p@h:5432/d?x=1"),
    ],
)
def test_a_line_becomes_the_value_that_it_says(line: str, value: str) -> None:
    assert parse_env_file(line, FILE) == {"A": value}
    assert parse_env_file(f"# before\n\n{line}\nLAST=1\n", FILE) == {"A": value, "LAST": "1"}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n   # here\n", "\ufeff"])
def test_a_file_without_lines_has_no_variables(text: str) -> None:
    assert parse_env_file(text, FILE) == {}


def test_files_of_windows_are_read_as_others_are() -> None:
    assert parse_env_file('\ufeffA=1\r\nB="x\r\ny"\r\n', FILE) == {"A": "1", "B": "x\ny"}


def test_of_two_lines_with_one_name_the_later_counts() -> None:
    assert parse_env_file("A=1\nB=2\nA=3\n", FILE) == {"A": "3", "B": "2"}


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("A=1\nB\n", 2, "is not NAME=value"),
        ("A=1\n=1\n", 2, "is not NAME=value"),
        ("1A=1\n", 1, "is not NAME=value"),
        ("A B=1\n", 1, "is not NAME=value"),
        ("A-B=1\n", 1, "is not NAME=value"),
        ("Ä=1\n", 1, "is not NAME=value"),
        ("export\n", 1, "is not NAME=value"),
        ("A='one\ntwo'\n\nB\n", 4, "is not NAME=value"),
        ("A=1\n\nB='open\nC=2\n", 3, "the quote of B is not closed"),
        ('A="ends with \\"\n', 1, "the quote of A is not closed"),
    ],
)
def test_a_line_that_says_nothing_is_refused_with_its_place(text: str, line: int, told: str) -> None:
    with pytest.raises(VariableError, match=told) as caught:
        parse_env_file(text, FILE)
    assert (caught.value.file, caught.value.line) == (FILE, line)


def test_later_files_win_over_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "first.env", tmp_path / "with space.env"
    first.write_text("A=1\nB=1\n", encoding="utf-8")
    second.write_text("B=2\n", encoding="utf-8")
    assert read_env_files([(str(first), False), (str(second), False)]) == {"A": "1", "B": "2"}
    assert read_env_files([(str(second), False), (str(first), False)]) == {"A": "1", "B": "1"}


def test_only_a_file_that_may_be_absent_may_be_absent(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.env")
    assert read_env_files([(absent, True)]) == {}
    with pytest.raises(VariableError, match="not there") as caught:
        read_env_files([(absent, False)])
    assert caught.value.file == absent
    assert caught.value.hint is not None
    assert '"absent.env?"' in caught.value.hint


@pytest.mark.parametrize("optional", [True, False])
def test_a_file_that_cannot_be_read_is_refused_even_where_it_may_be_absent(tmp_path: Path, optional: bool) -> None:
    folder, binary = tmp_path / "folder.env", tmp_path / "binary.env"
    folder.mkdir()
    binary.write_bytes(b"A=\xff\xfe\n")
    for file in (folder, binary):
        with pytest.raises(VariableError, match="cannot be read") as caught:
            read_env_files([(str(file), optional)])
        assert caught.value.file == str(file)


@pytest.mark.parametrize(
    ("parts", "environ", "value"),
    [
        ([], {}, ""),
        (["=x"], {}, "x"),
        (["="], {}, ""),
        (["=$A", "=?B:c"], {"A": "1"}, "$A?B:c"),
        (["=u:", "$A", "=@h"], {"A": "p w"}, "u:p w@h"),
        (["$A"], {"A": ""}, ""),
        (["?A:x"], {"A": "1"}, "1"),
        (["?A:x"], {"A": ""}, "x"),
        (["?A:x"], {}, "x"),
        (["?A:"], {}, ""),
        (["?A:http://h:1/a:b"], {}, "http://h:1/a:b"),
        (["?A:$B"], {"B": "1"}, "$B"),
        (["$A"], {"A": "${B}", "B": "1"}, "${B}"),
    ],
)
def test_the_parts_of_a_value_are_filled_from_the_host(parts: list[str], environ: dict[str, str], value: str) -> None:
    assert fill("X", parts, environ) == value


def test_a_host_variable_that_must_be_set_is_asked_for_by_name() -> None:
    with pytest.raises(VariableError, match=r"env\.X needs the host variable TOKEN, which is not set") as caught:
        fill("X", ["=u:", "$TOKEN"], {"OTHER": "1"})
    assert caught.value.hint is not None
    assert "${TOKEN:-default}" in caught.value.hint


def test_what_the_spec_sets_wins_over_env_files_and_the_host_fills_only_what_names_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=file\nB=file\nHOST=file\n", encoding="utf-8")
    environ = {"A": "host", "B": "host", "C": "host", "HOST": "host"}
    values = resolve([(str(file), False)], [("B", ["=spec"]), ("D", ["$HOST"])], environ)
    assert values == {"A": "file", "B": "spec", "HOST": "file", "D": "host"}


def test_an_empty_value_may_have_a_comment() -> None:
    assert parse_env_file("A= # none yet\nB=1\n", ".env") == {"A": "", "B": "1"}


def test_what_follows_a_quote_is_not_dropped_in_silence() -> None:
    for line in (r"A='it'\''s'", 'A="x"y', "A='x'#y"):
        try:
            value = parse_env_file(line, ".env")["A"]
        except VariableError:
            continue
        assert value not in ("it", "x")


def test_a_message_about_a_line_does_not_show_the_secret_that_stands_there() -> None:
    with pytest.raises(VariableError) as caught:
        parse_env_file("KEY=-----BEGIN KEY-----\nMIIEvQ/BADANBgkqhkiG9w0BAQ==\n", ".env")
    assert "MIIEvQ/BADANBgkqhkiG9w0BAQ" not in caught.value.message


def test_a_nul_character_is_refused_as_in_the_spec() -> None:
    with pytest.raises(VariableError):
        parse_env_file("A=a\0b\n", ".env")


def test_export_may_be_followed_by_a_tab() -> None:
    assert parse_env_file("export\tA=1\n", ".env") == {"A": "1"}
