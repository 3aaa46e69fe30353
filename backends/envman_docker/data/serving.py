"""Servers in containers for a project whose programs run elsewhere: the stack with these containers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from envman.backend import Job, Log, Offer, Serving, State, Vitals
from envman.frozen import replace
from envman.problem import Problem
from envman.project import Project
from envman.services.holding import Holding
from envman.spec.recipe import Recipe
from envman_docker import check, containers, engine, image, naming, ready
from envman_docker import logs as streams
from envman_docker import observe as looks
from envman_docker import vitals as figures
from envman_docker.asking import Asking
from envman_docker.data import snapshot, volumes
from envman_docker.data.held import fill
from envman_docker.operations import StopContainers

ENTER = "envman_docker.enter"


def missing(environ: Mapping[str, str]) -> Sequence[Problem]:
    """The engine, or its tools."""
    return engine.missing(environ)


def offers(recipe: Recipe, environ: Mapping[str, str]) -> Sequence[Offer]:
    """Those that have an image."""
    return check.offers(recipe, environ)


def start(name: str, job: Job) -> None:
    """Start one, and wait until it is ready."""
    containers.begin([name], job, image.recipe(job.project, job.environ), alone=True)
    ready.wait(name, job)
    if name in volumes.keeping(job.project):
        fill(containers.held(name, job, alone=True))


def place(name: str, job: Job) -> Mapping[str, str]:
    """The container's id, and whom to ask about it."""
    return {
        "engine": engine.find(job.environ).address,
        "project": naming.identity(job.project),
        "containers": ready.box(name, job),
    }


def stop(name: str, job: Job) -> None:
    """Stop one."""
    containers.stop(StopContainers(names=(name,)), job)


def observe(project: Project, names: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, Serving]:
    """As the docker level sees them; what the spec wants in them may be missing."""
    seen = looks.observe(project, environ)
    findings: looks.Findings = seen.detail
    absent = Serving(state=State.ABSENT)
    return {name: _with_reason(project, findings, name, seen.services.get(name, absent)) for name in names}


def _with_reason(project: Project, findings: looks.Findings, name: str, one: Serving) -> Serving:
    why = volumes.unfilled(project, findings.data, name) if one.state is State.RUNNING else ""
    return replace(one, state=State.DEGRADED, why=why) if why else one


def vitals(project: Project, names: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, Vitals]:
    """Memory, and whether they answer."""
    found = figures.vitals(project, looks.observe(project, environ), environ)
    return {name: one for name, one in found.items() if name in names}


def logs(project: Project) -> Mapping[str, Log]:
    """As the engine keeps them."""
    return streams.logs(project)


def held(name: str, job: Job) -> Holding:
    """A service with its data."""
    return containers.held(name, job, alone=True)


def restore(name: str, source: Path, job: Job) -> str:
    """Bring its data back."""
    return snapshot.bring_back(containers.held(name, job, alone=True), source)


def require_same_major(name: str, recipe: Recipe, wrote: str, asked: str) -> None:
    """As at the docker level."""
    volumes.require_same_major(name, recipe, wrote, asked)


def wrote(project: Project, names: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, str]:
    """By the notes of their volumes."""
    found = volumes.known(project, volumes.listed(Asking(environ), project))
    return {name: found[name].version for name in names if name in found and found[name].version}
