"""`envman up`: bring the project to what its spec says."""

from __future__ import annotations

from envman import standing
from envman.answer import Answer
from envman.plan import Goal
from envman.provision import Provisioned, provision, suggestions
from envman.request import Request


def up(request: Request, *, refresh: bool = False) -> Answer:
    """Do what is missing, and say where things are."""
    goal = Goal.REFRESH if refresh else Goal.UP
    done = provision(request, "up", start=True, announce=True, goal=goal)
    project, console = done.active.project, request.console
    for problem in done.told:
        console.warn(problem)
    if done.plan.steps:
        mark = f" {console.marks[2]} "
        console.say(f"Ready in {done.seconds:.1f} s.   {mark.join(suggestions(project))}")
    else:
        console.say(nothing_to_do(f"{project.name} · {done.active.backend.NAME} · Python {done.observed.python}"))
    for line in _hints(done):
        console.say(line)
    result = {"steps": [step.as_json() for step in done.plan.steps], **standing.describe(done.active, done.observed)}
    return Answer(result=result, problems=done.told)


def nothing_to_do(summary: str) -> str:
    """The answer of an `up` that finds everything as the spec says."""
    return f"{summary} · ready, nothing to do"


def _hints(done: Provisioned) -> list[str]:
    project = done.active.project
    hints = [f"  port {name}: {project.ports[name]}" for name in project.spec.ports] if done.plan.steps else []
    if done.plan.steps and done.observed.executable and ".envman" in done.observed.executable:
        hints.append(f"  for editors, the interpreter is {done.observed.executable}")
    if done.plan.steps and project.spec_file is None:
        hints.append("  envman init writes down what was understood")
    return hints
