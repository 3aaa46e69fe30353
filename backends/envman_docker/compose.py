"""The compose file as text: what it says reaches the containers letter by letter, and people can read it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from envman_docker import taken

_PLAIN = re.compile(r"[A-Za-z/][\w ./@%+-]*(:[\w./@%+-]+)*|\d{1,3}(\.\d+){3}:[\d:]+|\d+[smh]", re.ASCII)
# What some reader of YAML takes for something else than the word.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_HEAD = f"{taken.HEAD}# [docker] compose in the spec is merged into it last, and may be all that you need.\n"


def text(document: Mapping[str, Any]) -> str:
    """The file."""
    from ruamel.yaml import YAML

    told = io.StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 120
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.representer.ignore_aliases = lambda _: True
    writer.dump(_quoted(document), told)
    return _HEAD + told.getvalue()


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else str(name): _quoted(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(one) for one in value]
    return _scalar(value) if isinstance(value, str) else value


def _scalar(word: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    # Compose would fill it from the variables of whoever calls it.
    word = word.replace("$", "$$")
    if _PLAIN.fullmatch(word) and word == word.strip() and word.lower() not in _WORDS:
        return word
    return (LiteralScalarString if _is_script(word) else DoubleQuotedScalarString)(word)


def _is_script(word: str) -> bool:
    lines = word.split("\n")
    plain = word.isascii() and all(line.isprintable() and line == line.rstrip() for line in lines)
    return len(lines) > 2 and plain and bool(lines[0]) and not lines[0].startswith(" ")
