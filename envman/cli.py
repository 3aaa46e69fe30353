"""The command line: the one module that knows click. Every command reads its flags and makes one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from envman import __version__, call
from envman.answer import Answer, envelope
from envman.console import Console
from envman.errors import INTERRUPTED, RUN_FAILED, EnvmanError, UsageError
from envman.problem import Problem
from envman.request import Request

_SHELLS = ("bash", "zsh", "fish", "sh", "pwsh", "powershell", "cmd")
_SNAPSHOT = ("save", "restore", "list", "delete", "upgrade")
_COMPLETES = ("bash", "zsh", "fish", "pwsh")
_OUR_WORD = {
    "exec": "run", "ssh": "shell", "halt": "down", "stop": "down", "start": "up", "sync": "up", "install": "up",
    "ps": "status", "ls": "list", "rm": "destroy", "delete": "destroy", "enter": "shell", "reload": "restart",
    "validate": "check", "config": "check", "deactivate": "exit (it leaves the shell)",
    "log": "logs", "catalog": "services", "catalogue": "services", "backup": "snapshot", "dump": "snapshot",
}  # fmt: skip
_FIRST = ("init", "up", "run", "shell", "down", "status")


class _Group(click.Group):
    """Commands in the order in which people meet them, and a word for those who come from other tools."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_FIRST, *sorted(name for name in self.commands if name not in _FIRST)]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            from envman.spec.shape import suggestion

            word = _OUR_WORD.get(args[0])
            hint = f"the word here is: envman {word}" if word else suggestion(args[0], self.commands)
            raise UsageError(Problem(message=f'there is no command "{args[0]}"', hint=hint))
        return super().resolve_command(ctx, args)


def _common(
    *, json: bool = True, short_verbose: bool = True, hides: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flags that may stand before and after the command; those that mean nothing to it are taken in silence."""
    verbose = ["-v", "--verbose"] if short_verbose else ["--verbose"]
    options: dict[str, dict[str, Any]] = {
        "-C folder": {"metavar": "DIR", "type": click.Path(path_type=Path), "help": "Work in this folder."},
        "--backend": {"metavar": "NAME", "help": "Use this backend, once."},
        "--profile profiles": {
            "metavar": "NAME", "multiple": True, "help": "Add an overlay of the spec; repeatable."
        },
        "--locked": {"is_flag": True, "help": "Fail rather than resolve what no lock covers."},
        "--offline": {"is_flag": True, "help": "Use no network."},
        "-q --quiet": {"is_flag": True, "help": "Say only what was asked for, and errors."},
        " ".join(verbose): {"is_flag": True, "help": "Say more, the output of tools included."},
        "--no-color": {"is_flag": True, "help": "No colours, as with NO_COLOR."},
        "-y --yes": {"is_flag": True, "help": "Answer yes to every question."},
        "--json as_json": {"is_flag": True, "help": "Answer with one JSON document on stdout."},
    }  # fmt: skip
    if not json:
        del options["--json as_json"]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for names, settings in reversed(options.items()):
            words = names.split()
            function = click.option(*words, hidden=any(word in hides for word in words), **settings)(function)
        return function

    return decorate


# What has no meaning for commands that bring nothing up, ask nothing, or look at no project.
_NO_WORK = ("--locked", "--offline")
_NO_QUESTION = ("--yes",)
_NO_PROJECT = ("--backend", "--profile", *_NO_WORK)

_COMMON = (
    "folder", "backend", "profiles", "locked", "offline", "quiet", "verbose", "no_color", "yes", "as_json"
)  # fmt: skip


def _request(ctx: click.Context, flags: dict[str, Any]) -> Request:
    before = ctx.obj or {}
    chosen = {name: flags.pop(name, None) or before.get(name) for name in _COMMON}
    console = Console(
        quiet=bool(chosen["quiet"]), verbose=bool(chosen["verbose"]), color=False if chosen["no_color"] else None
    )
    folder = chosen["folder"] or call.here()
    folder = folder if folder.is_absolute() else call.here() / folder
    if not folder.is_dir():
        raise UsageError(Problem(message=f"{folder} is not a folder", hint="-C takes the project's folder"))
    return Request(
        console=console,
        folder=folder,
        backend=chosen["backend"],
        profiles=tuple(chosen["profiles"]) if chosen["profiles"] else None,
        locked=bool(chosen["locked"]),
        offline=bool(chosen["offline"]),
        yes=bool(chosen["yes"]),
        json=bool(chosen["as_json"]),
    )


def _answer(ctx: click.Context, flags: dict[str, Any], verb: Callable[[Request], Answer]) -> int:
    as_json = bool(flags.get("as_json") or (ctx.obj or {}).get("as_json"))
    return call.answered(ctx.info_name or "envman", as_json=as_json, make=partial(_request, ctx, flags), verb=verb)


def _enter(ctx: click.Context, flags: dict[str, Any], verb: Callable[[Request], int]) -> int:
    return call.entered(make=partial(_request, ctx, flags), verb=verb)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog="Exit codes: 0 done, 1 a step failed, 2 usage or spec, 3 engine missing, 4 busy, 5 port taken, 70 a defect, "
    "130 interrupted; run and shell: 125 for failures of envman, 126 not executable, 127 not found.",
)
@click.version_option(__version__, message="envman %(version)s")
@_common()
@click.pass_context
def envman(ctx: click.Context, /, **flags: Any) -> int:
    """One spec file, interchangeable development environments."""
    ctx.obj = flags
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
    return 0


@envman.command()
@_common(hides=(*_NO_PROJECT, *_NO_QUESTION))
@click.option("--starter", metavar="NAME", help="Begin with a small project: web, shop, django or worker.")
@click.pass_context
def init(ctx: click.Context, /, starter: str | None, **flags: Any) -> int:
    """Write down what was understood, as envman.toml."""
    from envman.verbs.init import init as verb

    return _answer(ctx, flags, lambda request: verb(request, starter=starter))


@envman.command()
@_common(hides=_NO_QUESTION)
@click.option("--refresh", is_flag=True, help="Make it all anew: images without cache, with today's security updates.")
@click.pass_context
def up(ctx: click.Context, /, *, refresh: bool, **flags: Any) -> int:
    """Bring the project to what its spec says."""
    from envman.verbs.up import up as verb

    return _answer(ctx, flags, lambda request: verb(request, refresh=refresh))


def _complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from envman import active

    tasks: Iterable[str] = ()
    if not ctx.params.get("words"):
        try:
            tasks = active.read(Request(console=Console(quiet=True))).spec.tasks
        except EnvmanError:
            pass
    found = [CompletionItem(name) for name in tasks if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def _complete_services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from envman import active

    try:
        names: Iterable[str] = active.read(Request(console=Console(quiet=True))).spec.services
    except EnvmanError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _complete_backends(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from envman import backend

    return [CompletionItem(name) for name in backend.registered() if name.startswith(incomplete)]


@envman.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_common(hides=_NO_QUESTION)
@click.option("--no-up", is_flag=True, help="Use the environment as it is.")
@click.option(
    "--everywhere", is_flag=True, help="On every backend that this machine can run: a matrix of what came of it."
)
@click.option("--junit", metavar="FILE", help="With --everywhere: the matrix as JUnit XML.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="CMD...", shell_complete=_complete_words)
@click.pass_context
def run(
    ctx: click.Context, /, *, no_up: bool, everywhere: bool, junit: str | None, words: tuple[str, ...], **flags: Any
) -> int:
    """Run a task or a program inside.

    After -- it is always the program, even where a task has its name. --json is for --everywhere alone.
    """
    from envman.verbs.run import check_words
    from envman.verbs.run import run as verb

    # click swallows the first --, and with it the difference between a task and a program of its name.
    program = _separated(words)

    def checked(request: Request) -> int:
        check_words(words)
        if junit is not None or request.json:
            flag = "--json" if request.json else "--junit"
            raise UsageError(
                Problem(message=f"{flag} needs --everywhere", hint="the output of run is the command's own")
            )
        return verb(request, words, up=not no_up, program=program)

    def on_all(request: Request) -> Answer:
        from envman.verbs.everywhere import run_everywhere

        check_words(words)
        if no_up:
            raise UsageError(Problem(message="--everywhere brings up what is not", hint="leave out --no-up"))
        return run_everywhere(request, words, program=program, junit=junit)

    return _answer(ctx, flags, on_all) if everywhere else _enter(ctx, flags, checked)


def _separated(words: Sequence[str]) -> bool:
    arguments = sys.argv[1:]
    count = len(words)
    return bool(count) and arguments[-count - 1 : -count] == ["--"] and arguments[-count:] == list(words)


@envman.command()
@_common(json=False, hides=_NO_QUESTION)
@click.option("--no-up", is_flag=True, help="Use the environment as it is.")
@click.option("--shell", "named", type=click.Choice(_SHELLS), help="The shell to open. Default: yours.")
@click.pass_context
def shell(ctx: click.Context, /, no_up: bool, named: str | None, **flags: Any) -> int:
    """Open your own shell inside."""
    from envman.verbs.shell import shell as verb

    return _enter(ctx, flags, lambda request: verb(request, up=not no_up, named=named))


@envman.command()
@_common(short_verbose=False, hides=(*_NO_WORK, *_NO_QUESTION))  # `down -v` means something dangerous elsewhere
@click.option("-v", "--volumes", "volumes", is_flag=True, hidden=True)
@click.pass_context
def down(ctx: click.Context, /, volumes: bool, **flags: Any) -> int:
    """Stop what runs, keep everything."""
    from envman.verbs.down import down as verb

    def checked(request: Request) -> Answer:
        if volumes:
            raise UsageError(Problem(message="down keeps all data", hint="to remove it: envman destroy --data"))
        return verb(request)

    return _answer(ctx, flags, checked)


@envman.command()
@_common()
@click.option("--no-data", is_flag=True, help="Leave the data of services where it is.")
@click.argument("backend_name", metavar="BACKEND", shell_complete=_complete_backends)
@click.pass_context
def switch(ctx: click.Context, /, *, backend_name: str, no_data: bool, **flags: Any) -> int:
    """Move the project to another backend, with its data.

    The new one is made and filled beside the old, which stays until all is there, and whenever anything fails.
    """
    from envman.verbs.switch import switch as verb

    return _answer(ctx, flags, lambda request: verb(request, backend_name, data=not no_data))


@envman.command()
@_common(hides=_NO_QUESTION)
@click.option("--all", "everything", is_flag=True, help="Show what is the same as well.")
@click.argument("one", metavar="BACKEND", shell_complete=_complete_backends)
@click.argument("other", metavar="BACKEND", shell_complete=_complete_backends)
@click.pass_context
def diff(ctx: click.Context, /, *, one: str, other: str, everything: bool, **flags: Any) -> int:
    """What two backends give this project, side by side.

    The exit code is 1 when something differs that is promised to be the same; those lines end with "!".
    """
    from envman.verbs.diff import diff as verb

    return _answer(ctx, flags, lambda request: verb(request, one, other, everything=everything))


@envman.command()
@_common(hides=("--backend", *_NO_QUESTION))
@click.option("--measure", is_flag=True, help="Measure them, on a copy of the project.")
@click.option("--rounds", metavar="N", type=click.IntRange(min=1), help="How often. Default: 3.")
@click.option("--task", metavar="NAME", help="The task to measure. Default: test, where there is one.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="Write a page with charts as well.")
@click.argument("names", nargs=-1, metavar="[BACKEND]...", shell_complete=_complete_backends)
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    *,
    names: tuple[str, ...],
    measure: bool,
    rounds: int | None,
    task: str | None,
    html: Path | None,
    **flags: Any,
) -> int:
    """The backends side by side, and which one to take.

    What each isolates, needs, and cannot honour of the spec. --measure adds what each costs here: nothing that runs is
    touched, and nothing is left.
    """
    from envman.verbs.compare import Wanted
    from envman.verbs.compare import compare as verb

    wanted = Wanted(measure=measure, rounds=rounds, task=task, html=html)
    return _answer(ctx, flags, lambda request: verb(request, names, wanted))


@envman.command()
@_common(hides=_NO_QUESTION)
@click.pass_context
def restart(ctx: click.Context, /, **flags: Any) -> int:
    """Down, then up."""
    from envman.verbs.restart import restart as verb

    return _answer(ctx, flags, verb)


@envman.command()
@_common(hides=_NO_PROJECT)
@click.option("--data", is_flag=True, help="Remove the data of services as well.")
@click.pass_context
def destroy(ctx: click.Context, /, data: bool, **flags: Any) -> int:
    """Remove what envman made for this project, and nothing else."""
    from envman.verbs.destroy import destroy as verb

    return _answer(ctx, flags, lambda request: verb(request, data=data))


@envman.command()
@_common(hides=(*_NO_WORK, *_NO_QUESTION))
@click.pass_context
def status(ctx: click.Context, /, **flags: Any) -> int:
    """What is there, verified, and what drifted."""
    from envman.verbs.status import status as verb

    return _answer(ctx, flags, verb)


@envman.command()
@_common(hides=(*_NO_WORK, *_NO_QUESTION))
@click.option("-f", "--follow", is_flag=True, help="Go on with what they say now, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    "count",
    metavar="LINES",
    type=click.IntRange(min=0),
    help="So many lines of each, the last ones. Default: all; with --follow and no --since, 10.",
)
@click.option("--since", metavar="WHEN", help="Only what was said since: 30s, 10m, 1h30m, 2d, 14:00, 2026-11-21T14:00.")
@click.option("-t", "--times", is_flag=True, help="Show when each line was said.")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_complete_services)
@click.pass_context
def logs(
    ctx: click.Context,
    /,
    *,
    names: tuple[str, ...],
    follow: bool,
    count: int | None,
    since: str | None,
    times: bool,
    **flags: Any,
) -> int:
    """What services have said: all of them, or those that are named.

    Lines of several services stand in the order of time. Those that begin with "--- envman," are envman's own. --json
    prints one document for each line.
    """
    from envman.verbs.logs import logs as verb

    return _answer(
        ctx, flags, lambda request: verb(request, names, follow=follow, count=count, since=since, times=times)
    )


@envman.command()
@_common(hides=(*_NO_WORK, *_NO_QUESTION))
@click.option("--exit-code", is_flag=True, help="Exit with 1 when there is something to do.")
@click.pass_context
def plan(ctx: click.Context, /, exit_code: bool, **flags: Any) -> int:
    """What up would do, and why."""
    from envman.verbs.plan import plan as verb

    return _answer(ctx, flags, lambda request: verb(request, exit_code=exit_code))


@envman.command()
@_common(hides=(*_NO_WORK, *_NO_QUESTION))
@click.pass_context
def check(ctx: click.Context, /, **flags: Any) -> int:
    """Whether the spec is valid, and what a backend cannot honour."""
    from envman.verbs.check import check as verb

    return _answer(ctx, flags, verb)


@envman.command()
@_common(hides=(*_NO_PROJECT, *_NO_QUESTION))
@click.pass_context
def doctor(ctx: click.Context, /, **flags: Any) -> int:
    """What this machine can run, and how to get the rest."""
    from envman.verbs.doctor import doctor as verb

    return _answer(ctx, flags, verb)


@envman.command()
@_common(hides=(*_NO_PROJECT, *_NO_QUESTION))
@click.pass_context
def services(ctx: click.Context, /, **flags: Any) -> int:
    """The servers that a spec can use, and how each would come to this machine."""
    from envman.verbs.services import services as verb

    return _answer(ctx, flags, verb)


@envman.command("list")
@_common(hides=(*_NO_PROJECT, *_NO_QUESTION))
@click.pass_context
def list_(ctx: click.Context, /, **flags: Any) -> int:
    """Every environment of yours, with size and last use."""
    from envman.verbs.list import list_ as verb

    return _answer(ctx, flags, verb)


@envman.command()
@_common(hides=("--locked", *_NO_QUESTION))
@click.option("--upgrade", is_flag=True, help="Take the newest versions that the requirements allow.")
@click.pass_context
def lock(ctx: click.Context, /, upgrade: bool, **flags: Any) -> int:
    """Write every version down, to commit: as pylock.toml, or in the project's own uv.lock."""
    from envman.verbs.lock import lock as verb

    return _answer(ctx, flags, lambda request: verb(request, upgrade=upgrade))


@envman.command()
@_common(json=False, hides=(*_NO_WORK, *_NO_QUESTION))
@click.option("--shell", "named", type=click.Choice(_SHELLS), help="The shell that will read it. Default: the caller.")
@click.pass_context
def activate(ctx: click.Context, /, named: str | None, **flags: Any) -> int:
    """Print what a shell evaluates to be inside.

    bash, zsh: eval "$(envman activate)"; fish: envman activate | source
    """
    from envman.verbs.activate import activate as verb

    return _answer(ctx, flags, lambda request: verb(request, named=named))


@envman.command()
@_common(hides=_NO_WORK)
@click.option("--service", "services", metavar="NAME", multiple=True, help="Only this one; repeatable.")
@click.option("--machine", is_flag=True, help="The whole machine, where the level has one.")
@click.argument("action", metavar="save|restore|list|delete|upgrade", type=click.Choice(_SNAPSHOT))
@click.argument("name", metavar="[NAME]", required=False)
@click.pass_context
def snapshot(
    ctx: click.Context, /, *, action: str, name: str | None, services: tuple[str, ...], machine: bool, **flags: Any
) -> int:
    """Keep the data of services as it is now, and bring it back.

    restore replaces what is there, and asks first. upgrade takes the name of a service, and carries its data to the
    major version that the spec asks for now.
    """
    from envman.verbs.snapshot import snapshot as of_data
    from envman.verbs.snapshot_machine import snapshot_machine as of_machine

    verb = of_machine if machine else of_data
    return _answer(ctx, flags, lambda request: verb(request, action, name, services))


@envman.command("ssh-config")
@_common(hides=(*_NO_WORK, *_NO_QUESTION))
@click.pass_context
def ssh_config(ctx: click.Context, /, **flags: Any) -> int:
    """What editors need to reach the machine by ssh.

    For example: envman ssh-config >> ~/.ssh/config
    """
    from envman.verbs.ssh_config import ssh_config as verb

    return _answer(ctx, flags, verb)


@envman.command()
@_common(hides=_NO_PROJECT)
@click.option(
    "--older", metavar="DAYS", type=click.IntRange(min=0), help="Also environments not used for so many days."
)
@click.option("--data", is_flag=True, help="Remove the data of services as well.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.pass_context
def prune(ctx: click.Context, /, older: int | None, data: bool, dry_run: bool, **flags: Any) -> int:
    """Remove what is left of projects that are gone."""
    from envman.verbs.prune import prune as verb

    return _answer(ctx, flags, lambda request: verb(request, older=older, data=data, dry_run=dry_run))


@envman.command()
@click.argument("shell_name", metavar="[SHELL]", required=False, type=click.Choice(_COMPLETES))
def completion(shell_name: str | None) -> int:
    """Print the completion script of a shell; default: the shell that calls.

    bash, zsh: eval "$(envman completion)"; fish: envman completion | source
    """
    from click.shell_completion import get_completion_class

    from envman import shells

    shell_name = shell_name or shells.detect(os.environ, shells.parent_name())
    if shell_name not in _COMPLETES:
        hint = f"known here: {', '.join(_COMPLETES)}"
        raise UsageError(Problem(message=f"there is no completion for {shell_name}", hint=hint))
    made = get_completion_class("powershell" if shell_name == "pwsh" else shell_name)
    if made is None:
        raise UsageError(f"this click knows no completion for {shell_name}")
    click.echo(made(envman, {}, "envman", "_ENVMAN_COMPLETE").source())
    return 0


def _color_choice() -> bool | None:
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _refused(arguments: list[str], problems: Sequence[Problem], code: int) -> int:
    """Say what was wrong before any command could begin; a caller that asked for JSON gets its document."""
    for problem in problems:
        Console().error(problem)
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    command = next((word for word in before if not word.startswith("-")), "envman")
    if command in ("run", "shell"):
        return RUN_FAILED
    if "--json" in before:
        Console().answer(envelope(command, ok=False, result={}, problems=problems))
    return code


def main(arguments: list[str]) -> int:
    """Parse, run, and answer with the exit code."""
    try:
        code = envman.main(arguments, prog_name="envman", standalone_mode=False, color=_color_choice())
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return UsageError.exit_code
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "envman"
        message = " ".join(error.format_message().split())
        return _refused(arguments, [Problem(message=message, hint=f"{where} --help")], UsageError.exit_code)
    except EnvmanError as error:
        return _refused(arguments, error.problems, error.exit_code)
    except click.Abort:
        Console().say("\ninterrupted; the next envman up resumes")
        return INTERRUPTED
    return code if isinstance(code, int) else 0
