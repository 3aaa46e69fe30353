"""What pyproject.toml says about dependencies: its groups, its extras, and the other files that it draws on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from envman.dependencies.installed import normal
from envman.errors import wrong_key
from envman.spec import layer
from envman.spec.model import Python
from envman.spec.shape import suggestion

LEGACY = ("setup.py", "setup.cfg")
Document = dict[str, Any]


def read(root: Path) -> Document:
    """The file of a folder; an empty one where there is none."""
    found = layer.read(root / "pyproject.toml")
    return found.table if found else {}


def table(document: Any, *steps: str) -> dict[str, Any]:
    """The table at a path; an empty one where nothing, or something else, stands there."""
    for step in steps:
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _words(found: object) -> list[str]:
    return [word for word in found if isinstance(word, str) and word] if isinstance(found, list) else []


def is_installable(root: Path, document: Document) -> bool:
    """Whether the project itself is a package to install."""
    package = table(document, "tool", "uv").get("package")
    if isinstance(package, bool):
        return package
    return "build-system" in document or any((root / name).is_file() for name in LEGACY)


def has_dependencies(root: Path, document: Document) -> bool:
    """Whether the file decides anything about packages."""
    project = table(document, "project")
    declared = any(key in project for key in ("dependencies", "optional-dependencies", "dynamic"))
    return declared or "dependency-groups" in document or (bool(document) and is_installable(root, document))


def older_dev(document: Document) -> list[str]:
    """What uv's older form calls dev-dependencies: it belongs to the group dev, and only uv knows it."""
    return _words(table(document, "tool", "uv").get("dev-dependencies"))


def groups_of(document: Document) -> dict[str, Any]:
    """The dependency groups by name."""
    return {**({"dev": []} if older_dev(document) else {}), **table(document, "dependency-groups")}


def chosen_groups(python: Python, document: Document) -> tuple[str, ...]:
    """The groups that the spec asks for, else those that are usual, as the file spells them."""
    known = groups_of(document)
    spelled = {normal(name): name for name in known}
    if python.groups is None:
        default = table(document, "tool", "uv").get("default-groups", ["dev"])
        usual = known if default == "all" else _words(default) if isinstance(default, list) else ["dev"]
        return tuple(spelled[normal(name)] for name in usual if normal(name) in spelled)
    for name in python.groups:
        if normal(name) not in spelled:
            hint = suggestion(name, known) if known else "pyproject.toml has no groups"
            raise wrong_key(f'there is no group "{name}" in pyproject.toml', hint, "python.groups")
    return tuple(spelled[normal(name)] for name in python.groups)


def check_extras(python: Python, document: Document) -> None:
    """Refuse extras that the project does not have."""
    if "optional-dependencies" in (table(document, "project").get("dynamic") or ()):
        return
    known = table(document, "project", "optional-dependencies")
    for name in python.extras:
        if normal(name) not in map(normal, known):
            hint = suggestion(name, known) if known else "the project has no extras"
            raise wrong_key(f'there is no extra "{name}" in pyproject.toml', hint, "python.extras")


def relevant(document: Document) -> str:
    """What of the file can change the packages."""
    # A changed [tool.ruff] must not touch the environment: of the tools only the builder's and uv's tables matter.
    builder = str(document.get("build-system", "")).lower()
    tools = table(document, "tool")
    used = {name: said for name, said in tools.items() if name == "uv" or name.split("-")[0].split("_")[0] in builder}
    kept = {key: document.get(key) for key in ("project", "dependency-groups", "build-system")}
    return repr((kept, used))


def members(root: Path, document: Document) -> list[Path]:
    """The pyproject.toml of every other project that uv takes along: the workspace's members, sources with a path."""
    patterns = _words(table(document, "tool", "uv", "workspace").get("members"))
    found = {file for word in patterns if not os.path.isabs(word) for file in root.glob(f"{word}/pyproject.toml")}
    for place in table(document, "tool", "uv", "sources").values():
        if isinstance(place, dict) and isinstance(place.get("path"), str):
            found.add(root / place["path"] / "pyproject.toml")
    return sorted(found)


def named_files(root: Path, document: Document) -> list[Path]:
    """The files from which a builder reads what pyproject.toml calls dynamic."""
    places = table(document, "tool", "setuptools", "dynamic").values()
    named = [place.get("file") for place in places if isinstance(place, dict)]
    named.append(table(document, "tool", "hatch", "metadata", "hooks", "requirements_txt").get("files"))
    return [root / word for one in named for word in _words([one] if isinstance(one, str) else one)]
