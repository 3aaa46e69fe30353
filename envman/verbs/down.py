"""`envman down`: stop what runs, keep everything."""

from __future__ import annotations

from envman import active, execute, inside, moving, ready, turn
from envman.answer import Answer
from envman.execute import Executor
from envman.plan import Goal, Plan
from envman.provision import turn_folder
from envman.request import Request


def down(request: Request) -> Answer:
    """Stop; what was made stays, and so does all data."""
    found = active.find(request)
    project, backend = found.project, found.backend
    if project.identity is not None and project.memory.get(moving.MOVING):
        with turn.taken(turn_folder(project.root), "down", request.console):
            moving.recover(request, found, project.identity)
    observed = backend.observe(project, request.environ)
    made = Plan(backend=backend.NAME, goal=Goal.DOWN, steps=backend.plan(project, observed, Goal.DOWN))
    if made.steps and project.folder is not None:
        with turn.taken(turn_folder(project.root), "down", request.console):
            log = execute.open_log(project.folder, "down", inside.masker(project, request.environ))
            (project.folder / ready.FILE).unlink(missing_ok=True)
            Executor(request, project, backend, log).run(made)
        request.console.say(f"{project.name} · {backend.NAME} is down; everything is kept")
    else:
        request.console.say(f"{project.name} · {backend.NAME}: nothing to stop; everything is kept")
    return Answer(result=made.as_json())
