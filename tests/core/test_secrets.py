"""What may be seen of a text that holds secrets."""

from __future__ import annotations

import pytest

from envman.secrets import Masker, has_credentials

HIDDEN = "•••"


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        ([], "nothing to hide", "nothing to hide"),
        (["hunter22"], "the word is hunter22, hunter22!", f"the word is {HIDDEN}, {HIDDEN}!"),
        (["hunter22"], "xhunter22x", f"x{HIDDEN}x"),
        (["hunter22"], "HUNTER22", "HUNTER22"),
        (["größe 日本"], "in größe 日本.", f"in {HIDDEN}."),
        (["a.*b|c"], "a.*b|c but not aXXb", f"{HIDDEN} but not aXXb"),
        ([r"back\slash\n"], r"a back\slash\n b", f"a {HIDDEN} b"),
        (["-dash"], "--dash", f"-{HIDDEN}"),
        (["1234", "12345678"], "12345678 and 1234", f"{HIDDEN} and {HIDDEN}"),
        (["12345678", "1234"], "12345678 and 1234", f"{HIDDEN} and {HIDDEN}"),
        (["5678", "12345678"], "12345678", HIDDEN),
        (["line one\nline two"], "line one\nline two", HIDDEN),
        (["line one\nline two"], "| line two\n| line one", f"| {HIDDEN}\n| {HIDDEN}"),
        (["line one\r\nline two\r\n"], "line two", HIDDEN),
        (["same", "same"], "same", HIDDEN),
    ],
)
def test_every_secret_is_masked_wherever_it_stands(secrets: list[str], text: str, shown: str) -> None:
    assert Masker(secrets).mask(text) == shown


@pytest.mark.parametrize("short", ["", "a", "yes", "123", "one\n"])
def test_what_is_too_short_to_be_a_secret_leaves_ordinary_text_alone(short: str) -> None:
    text = "yes: one a day, 123 times\n"
    assert Masker([short]).mask(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:pass@example.com/simple/", f"https://{HIDDEN}@example.com/simple/"),
        ("https://token@example.com", f"https://{HIDDEN}@example.com"),
        ("postgres://u:p%40ss@127.0.0.1:5432/db", f"postgres://{HIDDEN}@127.0.0.1:5432/db"),
        ("https://:pass@h", f"https://{HIDDEN}@h"),
        ("a https://u:p@h/x b git+https://u:p@h c", f"a https://{HIDDEN}@h/x b git+https://{HIDDEN}@h c"),
        ("https://größe:日本@h", f"https://{HIDDEN}@h"),
        ("https://example.com/@scope/name", "https://example.com/@scope/name"),
        ("https://example.com see ann@example.com", "https://example.com see ann@example.com"),
        ("ann@example.com", "ann@example.com"),
    ],
)
def test_credentials_of_any_address_are_masked_unasked(text: str, shown: str) -> None:
    assert Masker().mask(text) == shown


def test_a_secret_inside_an_address_is_masked_once() -> None:
    assert Masker(["pass-word"]).mask("https://ann:pass-word@h/pass-word") == f"https://{HIDDEN}@h/{HIDDEN}"


def test_a_mask_tells_nothing_of_the_length() -> None:
    masker = Masker(["four", "a much longer secret"])
    assert masker.mask("four") == masker.mask("a much longer secret")


def test_masking_twice_is_masking_once() -> None:
    masker = Masker(["hunter22"])
    once = masker.mask("hunter22 https://u:p@h")
    assert masker.mask(once) == once


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("name @ https://ann:pass@example.com/a.whl", True),
        ("git+https://ann:pass@example.com/a.git", True),
        ("https://:pass@h", True),
        ("url = 'https://u:p%40ss@h:8080/'", True),
        ("git+ssh://git@example.com/a.git", False),
        ("https://example.com:8080/a@1.0", False),
        ("https://example.com/a.whl", False),
        ("alpha==1.0", False),
        ("ann:pass@example.com", False),
        ("", False),
    ],
)
def test_an_address_with_a_password_is_known(text: str, has: bool) -> None:
    assert has_credentials(text) is has


def test_a_password_behind_another_address_on_the_line_is_known() -> None:
    assert has_credentials("a https://example.com/x https://ann:pass@example.com/y")


def test_of_secrets_that_overlap_nothing_is_left() -> None:
    shown = Masker(["secretAAAA", "AAAAterces"]).mask("x secretAAAAterces y")
    assert "terces" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize("address", ["postgres://ann:pa@ss-word@h/db", "https://ann@example.com:pass-word@h/"])
def test_a_password_with_an_at_sign_is_masked_whole(address: str) -> None:
    shown = Masker().mask(address)
    assert "ss-word" not in shown


def test_a_password_in_the_second_address_of_a_line_is_known() -> None:
    assert has_credentials("git+ssh://git@example.com/x https://ann:pass@example.com/y")


@pytest.mark.parametrize("address", ["https://ghp_0123456789abcdef@github.com/a/b.git", "git+https://token@h/a"])
def test_a_token_in_place_of_the_user_is_a_credential(address: str) -> None:
    assert has_credentials(address)
