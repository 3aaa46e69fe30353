"""`envman init`: write down what was understood of a project, with the schema that editors complete from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from envman import active, backend, generated
from envman.answer import Answer
from envman.errors import UsageError
from envman.files import write_staged
from envman.problem import Problem
from envman.project import Project, find_root
from envman.request import Request
from envman.spec import describe, load

_STARTERS = "starters"


def init(request: Request, *, starter: str | None) -> Answer:
    """Write envman.toml where none is; with a starter, a small project around it."""
    root = request.folder.resolve()
    made: list[str] = []
    if starter:
        made += _copy_starter(root, starter)
    else:
        try:
            root = find_root(root)
        except UsageError:
            pass  # an empty folder is a good place to begin
    spec = root / load.SPEC_FILE
    if spec.exists() and not starter:
        raise UsageError(Problem(message=f"{spec} is already there", hint="envman check says whether it is valid"))
    if not spec.exists():
        write_staged(spec, describe.commented(_understood(request, root), backend.options()))
        made.append(load.SPEC_FILE)
    generated.write_schema(root)
    made += _ignore_local(root)
    for name in made:
        request.console.say(f"  wrote {name}")
    request.console.say("next: envman up")
    return Answer(result={"root": str(root), "files": made})


def _understood(request: Request, root: Path) -> dict[str, str]:
    try:
        project: Project = active.read(request)
    except UsageError:
        return {"name": root.name}
    known = {"name": project.name}
    if project.python.text and not project.python.is_range:
        known["python.version"] = project.python.text
    return known


def _ignore_local(root: Path) -> list[str]:
    if not (root / ".git").exists():
        return []
    ignore = root / ".gitignore"
    text = ignore.read_text(encoding="utf-8") if ignore.exists() else ""
    if load.LOCAL_FILE in text.split():
        return []
    separator = "" if not text or text.endswith("\n") else "\n"
    write_staged(ignore, f"{text}{separator}{load.LOCAL_FILE}\n")
    return [".gitignore"]


def starters() -> list[str]:
    """The names of the projects that init can begin with."""
    return sorted(entry.name for entry in (files("envman_templates") / _STARTERS).iterdir() if entry.is_dir())


def _copy_starter(root: Path, name: str) -> list[str]:
    if name not in starters():
        raise UsageError(Problem(message=f'there is no starter "{name}"', hint=f"known here: {', '.join(starters())}"))
    source = Path(str(files("envman_templates") / _STARTERS / name))
    found = [file for file in sorted(source.rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
    names = [file.relative_to(source).as_posix() for file in found]
    there = [one for one in names if (root / one).exists()]
    if there:
        raise UsageError(Problem(message=f"{', '.join(there)} is already there", hint="begin in an empty folder"))
    for file, one in zip(found, names, strict=True):
        write_staged(root / one, file.read_text(encoding="utf-8"))
    return names
