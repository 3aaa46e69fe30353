"""Values with references: `{services.db.url}` is filled per viewpoint, `${VAR}` and `${VAR:-x}` come from the host."""

from __future__ import annotations

from envman.frozen import frozen_in_order
from envman.spec.shape import Refused


@frozen_in_order
class Literal:
    """Text as it stands."""

    text: str


@frozen_in_order
class Reference:
    """A dotted name that a backend's viewpoint fills."""

    name: str


@frozen_in_order
class HostVariable:
    """A variable of the host; whatever it holds is treated as a secret."""

    name: str
    default: str | None


Part = Literal | Reference | HostVariable
Template = tuple[Part, ...]


def is_variable_name(text: str) -> bool:
    """Whether the text can name an environment variable in every shell."""
    return text.isascii() and text.isidentifier()


def _closing(text: str, start: int, what: str) -> int:
    end = text.find("}", start)
    if end < 0:
        raise Refused(f"{what} is not closed", "write {{ for a literal brace")
    return end


def _host_variable(inside: str) -> HostVariable:
    name, separator, default = inside.partition(":-")
    if not is_variable_name(name):
        raise Refused(f'"${{{inside}}}" does not name a variable', "write ${NAME} or ${NAME:-default}")
    return HostVariable(name, default if separator else None)


def _reference(inside: str) -> Reference:
    words = inside.split(".")
    if len(words) < 2 or not all(word and word.replace("-", "_").isidentifier() for word in words):
        raise Refused(
            f'"{{{inside}}}" is not a reference',
            "write {services.NAME.url}, {ports.NAME.inside} or {project.root}; {{ and }} are literal braces",
        )
    return Reference(inside)


def parse(text: str) -> Template:
    """The parts of a value, in order; raises Refused when a reference is malformed."""
    parts: list[Part] = []
    literal = ""
    position = 0
    while position < len(text):
        if text.startswith(("{{", "}}"), position):
            literal += text[position]
            position += 2
        elif text.startswith("${", position) and not text.startswith("${{", position):
            end = _closing(text, position, "${…}")
            parts += [Literal(literal)] if literal else []
            parts.append(_host_variable(text[position + 2 : end]))
            literal, position = "", end + 1
        elif text[position] == "{":
            end = _closing(text, position, "{…}")
            parts += [Literal(literal)] if literal else []
            parts.append(_reference(text[position + 1 : end]))
            literal, position = "", end + 1
        elif text[position] == "}":
            raise Refused("a } without its {", "write }} for a literal brace")
        else:
            literal += text[position]
            position += 1
    return (*parts, Literal(literal)) if literal else tuple(parts)


def references(template: Template) -> tuple[str, ...]:
    """The dotted names that the value needs."""
    return tuple(part.name for part in template if isinstance(part, Reference))
