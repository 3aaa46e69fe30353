"""Tiny wheels and sdists made without a build backend, for tests."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

BUILD_FAILURE = "canary: this package never builds"

_BACKEND = """\
import pathlib, shutil

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if {fails}:
        raise RuntimeError({message!r})
    wheel = next(pathlib.Path(__file__).parent.glob("*.whl"))
    return pathlib.Path(shutil.copy(wheel, wheel_directory)).name
"""


def _stem(name: str, version: str) -> str:
    """How file names spell a project and its version."""
    return f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}"


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    modules: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """Write a valid wheel; without modules it holds an empty one named after the project."""
    stem = _stem(name, version)
    info = f"{stem}.dist-info"
    contents = dict({f"{stem.split('-')[0]}.py": ""} if modules is None else modules)
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    extras = sorted(set(re.findall(r"extra *== *['\"]([^'\"]+)", " ".join(requires))))
    metadata += [f"Provides-Extra: {extra}" for extra in extras] + [f"Requires-Dist: {need}" for need in requires]
    contents[f"{info}/METADATA"] = "\n".join([*metadata, ""])
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if scripts:
        commands = [f"{command} = {target}" for command, target in scripts.items()]
        contents[f"{info}/entry_points.txt"] = "\n".join(["[console_scripts]", *commands, ""])
    record = [f"{info}/RECORD,,"]
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record.append(f"{path},sha256={digest},{len(text.encode())}")
    contents[f"{info}/RECORD"] = "\n".join([*record, ""])
    wheel = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # ZipInfo's own date is fixed: the same bytes every time
    return wheel


def make_sdist(folder: Path, name: str, version: str, *, fails: bool = False, static: bool = False) -> Path:
    """Write an sdist with its own build backend; with static metadata resolving it needs no build."""
    stem = _stem(name, version)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = make_wheel(Path(scratch), name, version)
        contents = {wheel.name: wheel.read_bytes()}
    backend = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    contents["pyproject.toml"] = backend.encode()
    contents["backend.py"] = _BACKEND.format(fails=fails, message=BUILD_FAILURE).encode()
    core = "2.2" if static else "2.1"
    contents["PKG-INFO"] = f"Metadata-Version: {core}\nName: {name}\nVersion: {version}\n".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, data in contents.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    sdist = folder / f"{stem}.tar.gz"
    sdist.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    return sdist
