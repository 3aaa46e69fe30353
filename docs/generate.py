"""`python -m docs.generate`: the reference pages of the spec and of the commands, written from the code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc
from pathlib import Path

import click

from envman import backend, cli
from envman.spec import describe

FOLDER = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by `make docs` from the code: change the code, not this page. -->\n"

_SPEC_HEAD = """# The spec: `envman.toml`

Every key is optional. The spec is a file `envman.toml`, or the table `[tool.envman]` in `pyproject.toml`; to have
both is an error. It is found by walking up from the current folder. `envman check` says whether it is valid, and
names every problem at once, each with file, line and column. `envman init` writes a file that holds every key as a
comment, and a JSON Schema beside it that editors complete from.

Services with `use` are servers of the catalogue, and services with `run` are processes of the project, on every
backend. Services with `image` are containers: they need a container engine, also where the project itself is at venv
level. The tables `[docker]` and `[vagrant]` hold what only containers, or only a machine of its own, can honour; other
backends pass them over.

## Which files count

| file | what it is |
|---|---|
| `envman.toml`, or `[tool.envman]` | the spec, committed with the project |
| `[profile.NAME]` in it | an overlay with a name: any key of the spec may stand below it |
| `envman.local.toml` | one person's overlay, beside the spec and not committed |

The spec comes first, then its chosen profiles, then `envman.local.toml` and the same profiles in it; whatever comes
later wins. Tables merge, lists replace, `false` removes an entry of `[env]`, `[ports]`, `[tasks]` or `[services]`.
Profiles are chosen by `--profile`, else by `ENVMAN_PROFILE` (several with commas), else by the key `profiles`.

"""

_SPEC_TAIL = """## [env]

Each key names a variable; its value is a string or an integer. The value may hold references:

| written | becomes |
|---|---|
| `{project.name}`, `{project.root}` | the project's name, its folder; in containers and machines that is `/project` |
| `{ports.NAME.inside}` | the port that a program of the project should listen on |
| `{ports.NAME.host}` | the port under which this machine reaches it; at venv level the same |
| `{ports.NAME.bind}` | the address to listen on; in containers 0.0.0.0, else what the spec says |
| `{services.NAME.url}` | how a client inside reaches the service, password included |
| `{services.NAME.host}`, `.port`, `.user`, `.password`, `.name` | the parts of it; `name` is the database |
| `${VAR}` | the variable VAR of this machine, which must be set |
| `${VAR:-text}` | the same, or the text where VAR is empty or not set |
| `{{` and `}}` | a brace |

`pass` is a list of names (`*` allowed) of variables of this machine that are let in. At venv level all of them are; in
containers and machines only these, and `TERM` and `COLORTERM`.

`[env]` wins over `env_files`, and both win over the variables of this machine.

## Files of variables

A file of `env_files` holds lines `NAME=value`. `'…'` is literal, `"…"` knows `\\n`, `\\t`, `\\"` and `\\\\`, bare
values end at a ` #` comment, and `export` before the name is allowed. All values count as secrets: logs and messages
mask them.

## [tasks]

Each key names a task; its value is a command. A string is a line for `sh`, a list is a program with its arguments.
Further words on the command line append: `envman run test -k slow`. `envman run -- test` is always the program
called `test`.

## [profile.NAME]

Any key of the spec may stand here. A profile that is not chosen is checked all the same.
"""

_COMMANDS_HEAD = """# The commands

`envman COMMAND --help` says the same. Answers go to stdout, everything for people to stderr. What programs can rely
on is in [exit codes and JSON](exit-codes-json.md).

"""

_VARIABLES = {
    "ENVMAN_BACKEND": "the backend to use, as `--backend`",
    "ENVMAN_PROFILE": "the profiles to use, with commas between them, as `--profile`",
    "ENVMAN_DATA": "the folder for state, logs and data, instead of the usual one of the system",
    "ENVMAN_SHELL": "the shell to speak, as `--shell`",
    "ENVMAN_LOCK_TIMEOUT": "how many seconds to wait for another envman in the same project; 600 unless set",
    "ENVMAN_NO_PROMPT": "any value: shells keep their own prompt",
    "ENVMAN_CACHE": "the folder for what can be made again",
    "ENVMAN_TRUST": "folders of others that you trust, and changed files that Vagrant may carry out; as in PATH",
    "ENVMAN_INSTALLER": "`pip` installs without uv; nothing can be resolved or locked then",
    "NO_COLOR": "any value: no colours",
    "FORCE_COLOR": "any value: colours in a pipe too",
}


def spec_page() -> str:
    """The reference of the spec."""
    return _NOTE + "\n" + _SPEC_HEAD + describe.reference(backend.options()) + "\n" + _SPEC_TAIL


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def _option_row(option: click.Option) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in option.opts)
    kind = option.type
    if isinstance(kind, click.Choice):
        names += f" `{'|'.join(map(str, kind.choices))}`"
    elif not option.is_flag:
        names += f" `{option.metavar or kind.name.upper()}`"
    return names, option.help or ""


def _options(command: click.Command) -> dict[tuple[str, ...], click.Option]:
    found = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return {tuple(one.opts): one for one in found}


def _common(group: click.Group) -> dict[tuple[str, ...], click.Option]:
    # What the group itself takes may stand before every command, and after nearly every one.
    return {key: option for key, option in _options(group).items() if option.name != "version"}


def _lacking(command: click.Command, common: Mapping[tuple[str, ...], click.Option]) -> list[str]:
    own = {name for names in _options(command) for name in names}
    return [names[-1] for names in common if names[-1] not in own]


def _section(name: str, command: click.Command, common: Mapping[tuple[str, ...], click.Option]) -> str:
    arguments = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    usage = " ".join(["envman", name, "[OPTIONS]", *arguments])
    shared = {word for names in common for word in names}
    own = [option for names, option in _options(command).items() if names[-1] not in shared]
    lacking = _lacking(command, common)
    text = f"## {name}\n\n{cleandoc(command.help or '')}\n\n```text\n{usage}\n```\n"
    if own:
        text += "\n" + _table(["option", "meaning"], map(_option_row, own))
    if len(lacking) == len(common):
        text += "\nTakes none of the common options.\n"
    elif lacking:
        text += f"\nTakes the common options but {', '.join(f'`{word}`' for word in lacking)}.\n"
    return text + "\n"


def commands_page() -> str:
    """The reference of the commands."""
    group = cli.envman
    context = click.Context(group)
    named = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    commands = {name: command for name, command in named if command is not None and not command.hidden}
    common = _common(group)
    contents = "".join(f"- [`{name}`](#{name}): {one.get_short_help_str(200)}\n" for name, one in commands.items())
    text = _NOTE + "\n" + _COMMANDS_HEAD + contents
    text += "\n## Common options\n\nThey may stand before and after the command.\n\n"
    text += _table(["option", "meaning"], map(_option_row, common.values())) + "\n"
    text += "".join(_section(name, command, common) for name, command in commands.items())
    text += "## Variables\n\n" + _table(["variable", "meaning"], ((f"`{key}`", doc) for key, doc in _VARIABLES.items()))
    return text


def pages() -> dict[Path, str]:
    """Every generated page, by its file."""
    return {FOLDER / "spec.md": spec_page(), FOLDER / "commands.md": commands_page()}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {file.relative_to(Path(__file__).parent.parent)}")


if __name__ == "__main__":
    main()
