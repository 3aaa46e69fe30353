"""What the pages point at is there, and the specs they print are valid."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from envman import backend
from envman.spec import load

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPEC = re.compile(r"`envman(?:\.local)?\.toml`:\n\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_NEVER_VALID = "cert = "


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in _LINK.findall(_BLOCK.sub("", text)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target.read_text(encoding="utf-8")), link


def _specs() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for text in _SPEC.findall(page.read_text(encoding="utf-8")):
            if not text.endswith(f'{_NEVER_VALID}"auto"\n'):  # the tutorial shows one mistake
                yield page.name, text


@pytest.mark.parametrize(("page", "text"), list(_specs()))
def test_every_spec_is_valid(page: str, text: str, tmp_path: Path) -> None:
    assert tomllib.loads(text), page
    (tmp_path / load.SPEC_FILE).write_text(text, encoding="utf-8")
    assert load.load(tmp_path, backends=backend.options()).file


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8")))
        waiting += [(page.parent / link).resolve() for link in links if link and "://" not in link]
    assert seen == set(PAGES)
