"""What is released: the wheel that is built from the sdist, installed elsewhere and run from elsewhere."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import uv

from tests.support.scratch import Scratch

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parent.parent.parent


def _run(*words: str, cwd: Path) -> str:
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked sdist."""
    folder = tmp_path_factory.mktemp("release")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder), cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # not before Python 3.11.4
        archive.extractall(folder)
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=unpacked)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_takes_only_names_that_are_ours(wheel: Path) -> None:
    files = set(zipfile.ZipFile(wheel).namelist())
    assert {"envman_venv/backend.py", "envman_docker/backend.py", "envman_templates/docker/Dockerfile.jinja"} <= files
    assert all(name.startswith("envman") for name in files), files


def test_the_installed_wheel_brings_a_project_up(wheel: Path, scratch: Scratch, tmp_path: Path) -> None:
    place = tmp_path / "place"
    tool = uv.find_uv_bin()
    _run(tool, "venv", "--quiet", "--python", sys.executable, str(place), cwd=tmp_path)
    pins = str(ROOT / "tests" / "requirements.txt")
    python = str(place / "bin" / "python")
    _run(tool, "pip", "install", "--quiet", "--python", python, "--constraints", pins, str(wheel), cwd=tmp_path)
    scratch.write({"requirements.txt": "gamma\n"})
    for words in (("init", "--starter", "web"), ("doctor",)):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        subprocess.run([str(place / "bin" / "envman"), *words], cwd=elsewhere, env=scratch.environ, check=True)
    done = subprocess.run(
        [str(place / "bin" / "envman"), "run", "gamma"],
        cwd=scratch.root,
        env=scratch.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "gamma speaks\n"
