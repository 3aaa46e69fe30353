"""Installing without uv: the environment's own pip, made exact by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from envman import process
from envman.backend import Job
from envman.dependencies import installed, pylock, uv
from envman.errors import StepFailed
from envman.problem import Problem

_SEEDED = {"pip", "setuptools", "wheel"}


def _run(python: Path, arguments: Sequence[str], job: Job, what: str) -> process.Completed:
    env: Mapping[str, str] = {
        **job.environ,
        **uv.certificates(job.project.spec.network, job.project.root, job.environ),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "PIP_REQUIRE_VIRTUALENV": "0",
    }

    def on_line(line: str) -> None:
        job.line.progress(line)
        job.log(line)

    job.log(f"$ pip {' '.join(arguments)}")
    done = process.stream([str(python), "-m", "pip", *arguments], env=env, cwd=str(job.project.root), on_line=on_line)
    if done.code:
        message, hint = uv.meaning(done.output)
        raise StepFailed(Problem(message=f"{what}: {message}\n{done.last_lines(12)}", hint=hint))
    return done


def install(python: Path, files: Sequence[Path], job: Job, *, exact: bool) -> None:
    """Install from the files; with `exact`, take away what they do not name."""
    for file in files:
        _run(python, ["install", "--no-deps", "--requirement", str(file)], job, "could not install the packages")
    if exact:
        _remove_others(python, files, job)


def _remove_others(python: Path, files: Sequence[Path], job: Job) -> None:
    version = _run(python, ["--version"], job, "pip does not answer").output.rpartition("python ")[2].strip(" )\n")
    wanted: set[str] = set(_SEEDED)
    for file in files:
        if file.suffix == ".toml":
            wanted.update(pylock.selected(pylock.read(file), version))
        else:
            wanted.update(_names(file))
    packages = python.parent.parent / "lib" / f"python{version}" / "site-packages"
    others = [name for name in installed.read(packages) if name not in wanted]
    if others:
        _run(python, ["uninstall", "--yes", *others], job, "could not remove what is not asked for")


def _names(file: Path) -> set[str]:
    names: set[str] = set()
    for line in file.read_text(encoding="utf-8").splitlines():
        word = line.strip()
        if word and word[0] not in "#-":
            for sign in ("=", "<", ">", "~", "!", ";", "[", "@", " ", "\\"):
                word = word.split(sign)[0]
            names.add(installed.normal(word))
    return names
