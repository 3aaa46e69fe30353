"""`envman plan`: what `up` would do, without doing it."""

from __future__ import annotations

from envman import active
from envman.answer import Answer
from envman.provision import make_plan
from envman.request import Request

DIFFERS = 1  # the exit code of --exit-code when there is something to do, as `git diff` has it; a plan runs no step


def plan(request: Request, *, exit_code: bool) -> Answer:
    """The steps with their reasons."""
    found = active.find(request)
    observed = found.backend.observe(found.project, request.environ)
    made = make_plan(found.project, found.backend, observed, start=True)
    console = request.console
    lines = [f"{console.style(found.project.name, 'bold', out=True)} · {found.backend.NAME}"]
    if found.project.spec_file is None:
        lines += [f"  understood: {line}" for line in found.project.source.understood()]
    for step in made.steps:
        lines.append(f"  {step.name:<10} {step.title:<40} {console.style(step.reason, 'dim', out=True)}".rstrip())
        lines += [f"      {change}" for change in step.changes]
    if not made.steps:
        lines.append("  nothing to do")
    for problem in found.unsupported:
        console.warn(problem)
    return Answer(
        result=made.as_json(),
        text="\n".join(lines),
        problems=found.unsupported,
        code=DIFFERS if exit_code and any(step.name != "start" for step in made.steps) else 0,
    )
