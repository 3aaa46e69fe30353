"""How to be inside a virtual environment. On the hot path: no import but os."""

from __future__ import annotations

import os

from envman.shells.change import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BIN = "Scripts" if os.name == "nt" else "bin"
# A leftover of another interpreter would make ours load the wrong library.
_UNSET = ("PYTHONHOME", "__PYVENV_LAUNCHER__")


def change(place: Mapping[str, str], variables: Mapping[str, str]) -> Change:
    """What a shell must change to be inside."""
    prefix = place["prefix"]
    own = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **variables, "VIRTUAL_ENV": prefix}
    return Change(
        variables=own,
        unset=_UNSET,
        path=(os.path.join(prefix, _BIN),),
        label=place["label"],
        identity=place["generation"],
    )


def alive(place: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether the services of the project still run; the environment itself is a folder, and stays."""
    files = place.get("leases", "")
    if not files:
        return True
    from envman.services import lease

    return all(_holds(lease.read(file), environ, lease.holds) for file in files.split("\n"))


def _holds(facts: Mapping[str, str], environ: Mapping[str, str], holds: Callable[[Mapping[str, str]], bool]) -> bool:
    if facts.get("source") != "container":
        return holds(facts)
    if facts.get("state") != "running":
        return False
    from importlib import import_module

    # Whoever runs it knows how to ask; its own module says so in the note.
    place = {key[6:]: value for key, value in facts.items() if key.startswith("place.")}
    return bool(import_module(facts["enter"]).alive(place, environ))


def execute(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
) -> int | None:
    """Become the command: nothing of envman stays between it and the terminal."""
    if not alive(place, environ):
        return None
    from envman import process

    inner, env, folder = enter(place, variables, environ, argv, cwd)
    os.chdir(folder)
    process.replace(inner, env)


def enter(
    place: Mapping[str, str],
    variables: Mapping[str, str],
    environ: Mapping[str, str],
    argv: Sequence[str],
    cwd: str,
) -> tuple[Sequence[str], Mapping[str, str], str]:
    """The command as it is, with the environment's programs first and another environment's out of the way."""
    inside = change(place, variables)
    env = {name: value for name, value in environ.items() if name not in inside.unset}
    path = env.get("PATH", os.defpath).split(os.pathsep)
    if env.get("VIRTUAL_ENV"):
        other = os.path.join(env["VIRTUAL_ENV"], _BIN)
        path = [folder for folder in path if folder != other]
    env.update(inside.variables)
    env["PATH"] = os.pathsep.join(
        [*inside.path, *(variables["PATH"].split(os.pathsep) if "PATH" in variables else path)]
    )
    return argv, env, cwd
