"""Real projects: a git checkout each, with the files that their own tools write."""

from __future__ import annotations

import subprocess

import pytest
import uv

from tests.support.scratch import Scratch

# A build backend in the tree, so that an editable install needs nothing from an index.
BACKEND = """\
import pathlib, zipfile

def _wheel(folder, content):
    name = "shop-0.1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for path, text in content.items():
            wheel.writestr(path, text)
        info = "shop-0.1.dist-info"
        described = "Metadata-Version: 2.1\\nName: shop\\nVersion: 0.1\\nRequires-Dist: alpha\\n"
        wheel.writestr(f"{info}/METADATA", described)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {"shop.py": pathlib.Path("src/shop.py").read_text()})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {"shop.pth": str(pathlib.Path("src").resolve())})
"""
PYPROJECT = """\
[project]
name = "shop"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["alpha"]

[project.optional-dependencies]
fancy = ["gamma"]

[dependency-groups]
dev = ["beta"]
docs = ["platformed"]
"""
BUILD = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


class Checkout:
    """A scratch project under git, with uv at hand."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        """A git command in the checkout."""
        settings = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
        done = subprocess.run(
            ["git", *settings, *words], cwd=self.scratch.root, capture_output=True, text=True, check=True
        )
        return done.stdout

    def uv(self, *words: str) -> None:
        """What the project's own developers would run."""
        subprocess.run(
            [uv.find_uv_bin(), *words], cwd=self.scratch.root, env=self.scratch.environ, capture_output=True, check=True
        )

    def commit(self, files: dict[str, str]) -> None:
        """Write the files and commit everything."""
        self.scratch.write(files)
        self.git("add", "-A")
        self.git("commit", "-qm", "as it was")

    def is_clean(self) -> bool:
        """Whether git has nothing to say."""
        return self.git("status", "--porcelain") == ""


@pytest.fixture
def checkout(scratch: Scratch) -> Checkout:
    """An empty checkout."""
    return Checkout(scratch)


@pytest.fixture
def package() -> dict[str, str]:
    """A project that is itself installed."""
    return {
        "pyproject.toml": PYPROJECT + BUILD,
        "backend.py": BACKEND,
        ".gitignore": "__pycache__/\n",
        "src/shop.py": "word = 'first'\n",
        "test_shop.py": "import shop, alpha\n\nassert shop.word\n",
    }
