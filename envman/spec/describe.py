"""The spec described for others: JSON Schema for editors, a commented file to begin with, and the reference page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from envman.frozen import Field
from envman.spec import shape
from envman.spec.model import Health, Hook, Hooks, Network, Port, Python, Service, ServicePort, Spec, System
from envman.spec.recipe import Container, Native, Recipe, Tool, Upgrade, Wheel
from envman.spec.shape import Table

_TABLES: Mapping[str, type] = {"python": Python, "system": System, "hooks": Hooks, "network": Network}
_HEAD = """#:schema .envman/envman.schema.json

# What this project needs to run. Every key is optional; envman check says whether the file is valid.
"""
_RECIPES = (
    'A kind of server of the project\'s own; `use = "NAME"` asks for it. A name of the catalogue may be taken: then '
    "the project's recipe counts. `{host}`, `{port}`, `{user}`, `{password}` and `{name}` are what clients know; "
    "`{bin}`, `{program}`, `{data}`, `{run}` and `{version}` are the server's; `{spare}` and `{spare2}` are free "
    "ports; `{python}` is the interpreter that envman runs on."
)
_EXAMPLES = {
    "env": '# DATABASE_URL = "postgresql://localhost/shop"\n# PORT = "{ports.web.inside}"\n# pass = ["AWS_*"]\n',
    "ports": "# web = 8000\n# admin = {port = 9000, strict = true}\n",
    "tasks": '# test = "pytest -q"\n',
}


def schema(backends: Mapping[str, shape.Shape[Any]] | None = None) -> dict[str, Any]:
    """The JSON Schema of envman.toml."""
    table: dict[str, Any] = Table(Spec).schema()
    properties = table["properties"]
    for name, own in (backends or {}).items():
        properties[name] = own.schema()
    overlay = {key: value for key, value in table.items() if key != "required"}
    properties["profile"] = {
        "description": "Named overlays, chosen with --profile.",
        "type": "object",
        "additionalProperties": {**overlay, "properties": {**properties}},
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "envman.toml", **table}


def _keys(kind: type) -> Iterator[tuple[str, Field]]:
    yield from Table(kind).keys.items()


def _key_lines(kind: type, known: Mapping[str, str], prefix: str) -> Iterator[str]:
    for name, item in _keys(kind):
        example = item.metadata["example"]
        if not example:
            continue
        value = known.get(f"{prefix}{name}")
        yield f"# {item.metadata['doc']}\n"
        yield f'{name} = "{_quoted(value)}"\n' if value is not None else f"# {name} = {example}\n"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def commented(known: Mapping[str, str], backends: Mapping[str, shape.Shape[Any]] | None = None) -> str:
    """A spec with every key as a comment, and those that are known filled in."""
    text = _HEAD + "\n" + "".join(_key_lines(Spec, known, ""))
    for name, item in _keys(Spec):
        if item.metadata["example"]:
            continue
        if name in _TABLES:
            body = "".join(_key_lines(_TABLES[name], known, f"{name}."))
            text += f"\n# {item.metadata['doc']}\n[{name}]\n{body}"
        elif name in _EXAMPLES:
            text += f"\n# {item.metadata['doc']}\n[{name}]\n{_EXAMPLES[name]}"
    for name, own in _tables(backends):
        body = "".join(_key_lines(own.kind, {}, ""))
        text += f"\n# {_said_by(own.kind)}\n[{name}]\n{body}"
    return text


def _tables(backends: Mapping[str, shape.Shape[Any]] | None) -> Iterator[tuple[str, Table[Any]]]:
    for name, own in (backends or {}).items():
        if isinstance(own, Table):
            yield name, own


def _said_by(kind: type) -> str:
    """What the class of a backend's table says of itself, behind the table's name."""
    text = (kind.__doc__ or "").strip().partition("\n")[0].rpartition("]: ")[2]
    return text[:1].upper() + text[1:]


def reference(backends: Mapping[str, shape.Shape[Any]] | None = None) -> str:
    """The reference page of the spec, in Markdown."""
    sections: list[tuple[str, str, type]] = [
        ("Top level", "", Spec),
        ("[python]", "", Python),
        ("[system]", "", System),
        ("[services.NAME]", "", Service),
        ("port of a service", "An integer is the port on this machine; a table may say both.", ServicePort),
        ("health of a service", "", Health),
        ("[ports] NAME", "An integer is the port asked for; a table may say more.", Port),
        ("[hooks]", "", Hooks),
        (
            "one hook",
            "A string is a line for `sh`, a list is a program with its arguments; a table may say more.",
            Hook,
        ),
        ("[network]", "", Network),
        *((f"[{name}]", _said_by(own.kind), own.kind) for name, own in _tables(backends)),
        ("[recipes.NAME]", _RECIPES, Recipe),
        ("[recipes.NAME.native]", "", Native),
        ("[recipes.NAME.native.upgrade]", "", Upgrade),
        ("[recipes.NAME.container]", "", Container),
        ("a tool of a recipe", "", Tool),
        ("a wheel of a recipe", "", Wheel),
    ]
    lines: list[str] = []
    for title, text, kind in sections:
        lines += [f"## {title}", "", *([text, ""] if text else []), "| key | value | for example |", "|---|---|---|"]
        for name, item in _keys(kind):
            example = f"`{item.metadata['example']}`" if item.metadata["example"] else f"see {name} below"
            says = item.metadata["shape"].says
            lines.append(f"| `{name}` | {item.metadata['doc']} ({says}) | {example} |")
        lines.append("")
    return "\n".join(lines)
