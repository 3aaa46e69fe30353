"""The docker command, for what the engine's interface cannot do: builds and compose."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from envman import process
from envman.backend import Job
from envman.dependencies import pip_settings, uv
from envman.errors import EngineMissing, StepFailed
from envman.files import write_staged
from envman.problem import Problem
from envman_docker import engine, naming, stack

_INDEXES = (
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_INSECURE_HOST", "UV_INDEX_STRATEGY", "UV_EXCLUDE_NEWER", "UV_PRERELEASE",
)  # fmt: skip
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy")


def run(job: Job, words: Sequence[str], what: str) -> process.Completed:
    """Run docker; raises StepFailed with the last lines that it said."""
    done = attempt(job, words)
    if done.code:
        raise _failed(job, done, what)
    return done


def attempt(job: Job, words: Sequence[str]) -> process.Completed:
    """Run docker, whatever comes of it."""
    found = engine.find(job.environ)
    env = engine.variables(job.environ, found) | {name: job.environ[name] for name in PROXIES if name in job.environ}

    def on_line(line: str) -> None:
        job.line.progress(job.masker.mask(line))
        job.log(line)

    job.log(f"$ docker {' '.join(words)}")
    try:
        return process.stream(["docker", *words], env=env, cwd=str(job.project.root), on_line=on_line)
    except FileNotFoundError:
        raise EngineMissing(engine.missing(job.environ)) from None


def _failed(job: Job, done: process.Completed, what: str) -> StepFailed:
    lines = [line for line in done.output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or line.startswith(("Error", "error"))]
    said = job.masker.mask("\n".join((errors[:3] if errors else []) + lines[-8:]))
    return StepFailed(Problem(message=f"{what}\n{said}", hint=_meaning(done.output)))


def _meaning(output: str) -> str | None:
    for sign, hint in (
        ("no space left on device", "the engine's disk is full: docker system df, then docker system prune"),
        ("pull access denied", "check the image's name, or docker login"),
        ("manifest unknown", "there is no such version of the image"),
        ("not found: manifest", "there is no such version of the image"),
        ("Unable to locate package", "check [system] packages: the base's system does not know it"),
        ("No interpreter found", "the base has another Python: change [python] version or [docker] base"),
        ("CERTIFICATE_VERIFY_FAILED", '[network] ca = "path/of/bundle.pem" tells whom to trust'),
        ("Cannot connect to the Docker daemon", "start the engine, then run the command again: it resumes here"),
        ("port is already allocated", "another program took the port in this moment: envman up"),
    ):
        if sign in output:
            return hint
    return None


def compose(job: Job, words: Sequence[str], what: str) -> process.Completed:
    """Run docker compose on the project's stack."""
    file = stack_file(job)
    own = ["compose", "--project-name", naming.stack(job.project), "--file", str(file), "--progress", "plain"]
    return run(job, [*own, *words], what)


def stack_file(job: Job) -> Path:
    """Where the compose file stands."""
    return job.project.generated / "docker" / "compose.yaml"


def index_variables(job: Job) -> dict[str, str]:
    """What tells uv and pip where packages come from, credentials included."""
    project = job.project
    told = uv.environment(
        job.environ, project.root, offline=job.offline, network=project.spec.network, project=project.source.project
    )
    found = {name: value for name, value in told.items() if name in _INDEXES or name.startswith("UV_INDEX_")}
    settings = pip_settings.read(job.environ)
    names = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST"}
    found.update({names[key]: " ".join(value.split()) for key, value in settings.items() if key in names})
    if "PIP_INDEX_URL" not in found and (told.get("UV_DEFAULT_INDEX") or told.get("UV_INDEX_URL")):
        found["PIP_INDEX_URL"] = told.get("UV_DEFAULT_INDEX") or told["UV_INDEX_URL"]
    return {name: value for name, value in found.items() if name != "UV_FIND_LINKS"} | _links(found)


def _links(found: Mapping[str, str]) -> dict[str, str]:
    # Folders of this machine are not there in a container.
    links = [
        word for word in found.get("UV_FIND_LINKS", "").split(",") if "://" in word and not word.startswith("file:")
    ]
    return {"UV_FIND_LINKS": ",".join(links)} if links else {}


def needs_host_network(variables: Mapping[str, str]) -> bool:
    """Whether an index listens on this machine alone."""
    addresses = [word for value in variables.values() for word in value.replace(",", " ").split() if "://" in word]
    return any(urlsplit(one).hostname in ("127.0.0.1", "localhost", "::1") for one in addresses)


@contextmanager
def secret(job: Job, name: str, content: str) -> Iterator[Path]:
    """A file for the length of one command, which nobody else can read."""
    file = stack.secrets_folder(job.project) / f"{name}.{os.getpid()}"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_staged(file, content, mode=0o600)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def as_shell(variables: Mapping[str, str]) -> str:
    """Variables as a file for the shell."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
