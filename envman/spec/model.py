"""The spec as values: every key there is, with its shape, its purpose and an example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envman import versions
from envman.frozen import field, frozen, frozen_in_order
from envman.spec import template
from envman.spec.recipe import Recipe
from envman.spec.shape import Either, Fault, ListOf, Path, Refused, Report, Scalar, Shape, Table, TableOf, choice, key
from envman.spec.template import Template
from envman.spec.values import flag, label, labelled, port_number, seconds, text, without_nul, words


def _python_version(value: str) -> str:
    request = value.replace(" ", "")
    if request[:1].isdigit():
        parts = request.removesuffix(".*").split(".")
        if 1 < len(parts) <= 3 and all(part.isdecimal() and part.isascii() for part in parts):
            return ".".join(parts)
    elif versions.is_valid(request) and request:
        return request
    raise Refused(f'"{value}" is not a Python version', 'write "3.12", "3.12.4" or ">=3.11,<3.14"')


def _task_name(value: str) -> str:
    if not value or value.startswith("-") or not value.isprintable() or " " in value:
        raise Refused(f'"{value}" cannot be the name of a task', "use one word that does not begin with -")
    return value


@frozen_in_order
class Command:
    """A program with its arguments, or a line for `sh -c`."""

    words: tuple[str, ...]
    is_line: bool = False  # for `sh -c`

    def __str__(self) -> str:
        return self.words[0] if self.is_line else " ".join(self.words)

    def argv(self, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
        """What to execute; further arguments append."""
        if not self.is_line:
            return (*self.words, *arguments)
        line = self.words[0]
        if arguments and "$@" not in line and "$1" not in line:
            line += ' "$@"'
        return ("sh", "-c", line, "sh", *arguments) if arguments else ("sh", "-c", line)


def _shell_line(value: str) -> Command:
    return Command((value,), is_line=True)


def _some_words(value: tuple[str, ...]) -> Command:
    return Command(value)


class _CommandShape(Either[Command]):
    def __init__(self) -> None:
        super().__init__(
            (str, Scalar(str, "a string", _plain_command), _shell_line),
            (list, ListOf(text), _some_words),
            says='a command: "a line for sh" or ["a", "program", "and", "arguments"]',
        )

    def parse(self, value: object, path: Path, report: Report) -> Command | None:
        if value == []:
            report(Fault(path, "is an empty command"))
            return None
        return super().parse(value, path, report)


def _plain_command(value: str) -> str:
    if not value.strip():
        raise Refused("is an empty command")
    return without_nul(value)


command = _CommandShape()


@frozen
class Environment:
    """[env]: the variables of every process, and the host's that are let in."""

    variables: Mapping[str, Template]
    passed: tuple[str, ...] = ()


class _EnvironmentShape:
    says = "a table of variables"
    _passed: ListOf[str] = ListOf(words)

    def parse(self, value: object, path: Path, report: Report) -> Environment | None:
        if not isinstance(value, dict):
            report(Fault(path, f"should be {self.says}"))
            return None
        variables: dict[str, Template] = {}
        passed: tuple[str, ...] = ()
        for name, content in value.items():
            if content is False:
                continue
            if name == "pass":
                passed = self._passed.parse(content, (*path, name), report) or ()
            elif not template.is_variable_name(name):
                report(Fault((*path, name), f'"{name}" cannot name a variable', "use letters, digits and _"))
            else:
                written = str(content) if type(content) is int else content
                try:
                    parsed = text.parse(written, (*path, name), report)
                    if parsed is not None:
                        variables[name] = template.parse(parsed)
                except Refused as refused:
                    report(Fault((*path, name), refused.message, refused.hint))
        return Environment(variables=variables, passed=passed)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"pass": {"description": "Host variables let in.", **self._passed.schema()}},
            "additionalProperties": {"type": ["string", "integer", "boolean"]},
        }


@frozen
class Python:
    """[python]: the interpreter and its packages."""

    version: str | None = key(
        Scalar(str, "a string", _python_version),
        None,
        doc="The version, or a range of versions. Default: .python-version, then requires-python.",
        example='"3.12"',
    )
    from_: str = key(
        words,
        "auto",
        doc="The file that names the dependencies; auto takes uv.lock, pylock.toml, pyproject.toml, requirements.txt.",
        example='"requirements/dev.txt"',
    )
    groups: tuple[str, ...] | None = key(
        ListOf(words),
        None,
        doc="Dependency groups (PEP 735, or requirements-GROUP.txt). Default: dev, where it exists.",
        example='["dev", "docs"]',
    )
    extras: tuple[str, ...] = key(ListOf(words), (), doc="Extras of the project to install.", example='["postgres"]')
    packages: tuple[str, ...] = key(
        ListOf(words),
        (),
        doc="Packages beyond the project's own files; resolved within its lock.",
        example='["ipython"]',
    )


@frozen
class System:
    """[system]: what the operating system must provide."""

    packages: tuple[str, ...] = key(
        ListOf(words),
        (),
        doc="Debian names; installed in container and machine, checked on the host.",
        example='["libpq-dev"]',
    )


@frozen
class ServicePort:
    """The port of a service: where it listens inside, and what the host is asked for."""

    inside: int | None = key(port_number, None, doc="The port that the service itself listens on.", example="7700")
    host: int | None = key(port_number, None, doc="The port on this machine.", example="7700")


@frozen
class Health:
    """How to tell that a service is ready."""

    http: str | None = key(words, None, doc="A path that answers with a 2xx status.", example='"/health"')
    tcp: bool = key(flag, False, doc="Ready as soon as the port accepts a connection.", example="true")
    exec: Command | None = key(command, None, doc="A command that succeeds when it is ready.", example='"pg_isready"')
    timeout: int = key(seconds, 60, doc="Seconds to wait.", example="60")


@frozen
class Service:
    """[services.NAME]: a server from the catalogue, an image, or a process of the project."""

    use: str | None = key(words, None, doc="The recipe of the catalogue.", example='"postgres"')
    image: str | None = key(words, None, doc="A container image.", example='"getmeili/meilisearch:v1.10"')
    run: Command | None = key(command, None, doc="A process of the project itself.", example='"celery -A shop worker"')
    version: str | None = key(words, None, doc="The version; its major part binds.", example='"17"')
    source: str = key(
        choice("auto", "binary", "wheel", "container"), "auto", doc="Where the server comes from.", example='"wheel"'
    )
    port: ServicePort | None = key(
        Either(
            (int, port_number, lambda number: ServicePort(host=number)),
            (dict, Table(ServicePort), lambda port: port),
            says="a port number, or a table with inside and host",
        ),
        None,
        doc="The port on this machine, or both ports.",
        example="5432",
    )
    health: Health | None = key(Table(Health), None, doc="How to tell that it is ready.", example='{http = "/health"}')
    needs: tuple[str, ...] = key(ListOf(words), (), doc="Services that must be ready before it.", example='["db"]')
    databases: tuple[str, ...] = key(
        ListOf(labelled), (), doc="More databases beside its own.", example='["shop_test"]'
    )
    extensions: tuple[str, ...] = key(ListOf(labelled), (), doc="Extensions of its own database.", example='["vector"]')
    init: tuple[str, ...] = key(
        ListOf(words), (), doc="Files of statements that new data begins with.", example='["schema.sql"]'
    )
    restart: str = key(
        choice("always", "on-failure", "never"),
        "always",
        doc="When it is started again after it has ended; five times in a minute are a crash loop, and the last.",
        example='"on-failure"',
    )
    once: bool = key(
        flag, False, doc="A job: it has to end well before those that need it begin, at every start.", example="true"
    )

    @property
    def may_end(self) -> bool:
        """Whether it is as it should be when it has ended well."""
        return self.once or self.restart != "always"


@frozen
class Port:
    """[ports] NAME: a port that the project's own programs listen on."""

    port: int = key(port_number, doc="The port asked for.", example="8000")
    strict: bool = key(flag, False, doc="Fail when it is taken, instead of using the next free one.", example="true")
    bind: str = key(words, "127.0.0.1", doc="The address of this machine that it is reachable on.", example='"0.0.0.0"')


@frozen
class Hook:
    """A command that runs at a known moment."""

    run: Command = key(command, doc="The command.", example='"flask db upgrade"')
    inputs: tuple[str, ...] = key(
        ListOf(words), (), doc="Files (globs) whose change makes it run again.", example='["migrations/**"]'
    )


_hook: Shape[Hook] = Either(
    (str, command, lambda line: Hook(run=line)),
    (list, command, lambda argv: Hook(run=argv)),
    (dict, Table(Hook), lambda hook: hook),
    says="a command, or a table with run and inputs",
)


@frozen
class Hooks:
    """[hooks]: commands that run inside the environment at known moments."""

    setup: tuple[Hook, ...] = key(
        ListOf(_hook),
        (),
        doc="After creation; again when inputs, the command itself or the packages change, or data is restored.",
        example='["flask db upgrade"]',
    )
    start: tuple[Hook, ...] = key(ListOf(_hook), (), doc="At every up.", example='["make assets"]')


@frozen
class Network:
    """[network]: what a company's network needs."""

    ca: str | bool = key(
        Either((str, words, str), (bool, flag, bool), says='"auto", false, or the path of a bundle'),
        "auto",
        doc="The CA bundle for pip, uv, builds, containers and machines: auto is the host's.",
        example='"certs/company.pem"',
    )


@frozen
class Spec:
    """The whole file."""

    name: str | None = key(
        words, None, doc="A label. Default: the project's name, then the folder's.", example='"shop"'
    )
    requires: str | None = key(words, None, doc="The versions of envman that understand this file.", example='">=0.1"')
    backend: tuple[str, ...] | None = key(
        Either(
            (str, words, lambda name: (name,)),
            (list, ListOf(words), lambda names: names),
            says="a backend, or a list of backends",
        ),
        None,
        doc="The isolation level; of a list, the first that this machine can run.",
        example='"venv"',
    )
    profiles: tuple[str, ...] = key(ListOf(words), (), doc="The profiles that are on by default.", example='["ci"]')
    env_files: tuple[str, ...] = key(
        ListOf(words), (), doc="Files of variables, in order; a ? at the end means: may be absent.", example='[".env?"]'
    )
    python: Python = key(Table(Python), doc="The interpreter and its packages.", example="", factory=Python)
    system: System = key(Table(System), doc="What the operating system must provide.", example="", factory=System)
    env: Environment = key(
        _EnvironmentShape(),
        doc="Variables of every process. {…} is filled, {{ and }} are literal; ${VAR}, ${VAR:-x} are the host's.",
        example="",
        factory=lambda: Environment(variables={}),
    )
    services: Mapping[str, Service] = key(
        TableOf(Table(Service), key=label), doc="Servers that the project needs.", example="", factory=dict
    )
    recipes: Mapping[str, Recipe] = key(
        TableOf(Table(Recipe), key=label),
        doc="Kinds of server that the catalogue does not have, or that the project has in its own way.",
        example="",
        factory=dict,
    )
    ports: Mapping[str, Port] = key(
        TableOf(
            Either(
                (int, port_number, lambda number: Port(port=number)),
                (dict, Table(Port), lambda port: port),
                says="a port number, or a table with port, strict and bind",
            ),
            key=label,
        ),
        doc="Ports that the project's own programs listen on; busy means: the next free one, remembered and shown.",
        example="",
        factory=dict,
    )
    hooks: Hooks = key(Table(Hooks), doc="Commands at known moments.", example="", factory=Hooks)
    tasks: Mapping[str, Command] = key(
        TableOf(command, key=_task_name), doc="Commands with a name: envman run NAME.", example="", factory=dict
    )
    network: Network = key(Table(Network), doc="What a company's network needs.", example="", factory=Network)
    options: Mapping[str, object] = field(default_factory=dict)
    """Each backend's own table, by the backend's name; its shape belongs to the backend."""
