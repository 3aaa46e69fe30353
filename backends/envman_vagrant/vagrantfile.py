"""The generated files of a machine: a Vagrantfile that is the same for all projects, and the values that it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import envman_templates
from envman import generated
from envman.errors import wrong_key
from envman.files import content, digest, write_staged
from envman.project import Project
from envman_vagrant import naming, options, providers
from envman_vagrant.options import Provision
from envman_vagrant.providers import Provider

MARK = "# Written by envman"
VALUES = "machine.json"
_TEMPLATE = Path(str(envman_templates.__file__)).parent / "vagrant" / "Vagrantfile"
_BOOT = 600  # seconds until the machine has to answer: emulated ones take minutes
_NOT_FOR_RELOAD = ("provision", "raw")


def folder(project: Project) -> Path:
    """Where the generated files stand."""
    return project.generated / "vagrant"


@cache
def template() -> str:
    """The Vagrantfile, the same for all."""
    return _TEMPLATE.read_text(encoding="utf-8")


def is_taken(file: Path) -> bool:
    """Whether the user took the file over: it is there without our mark."""
    text = content(file)
    return bool(text.strip()) and not text.startswith(MARK.encode())


def machine(project: Project, provider: Provider, environ: Mapping[str, str]) -> dict[str, Any]:
    """All that the Vagrantfile reads."""
    asked = options.of(project.spec)
    box = providers.box_of(provider, asked)
    if box is None:
        message = f"{provider.title} has no usual box for {providers.processor()}"
        raise wrong_key(message, 'name one: [vagrant] box = "…"', "vagrant.box")
    way = providers.folder_of(provider, asked.folder, environ)
    name = naming.machine(project)
    facts = {
        "name": name,
        "box": box,
        "cpus": asked.cpus,
        "memory": asked.memory,
        "disk": asked.disk,
        "gui": asked.gui or None,
    }
    return {
        "about": "Written by envman from the spec, read by the Vagrantfile beside it.",
        "provider": provider.name,
        "box": None if provider.image else box,
        "box_version": asked.box_version,
        "boot_timeout": _BOOT,
        "forward_agent": asked.ssh_agent,
        "folder": {"host": str(project.root), "guest": naming.ROOT, "kind": way.kind, "options": dict(way.options)},
        "network": asked.network,
        "disk": f"{asked.disk}GB" if asked.disk and provider.grows else None,
        "settings": providers.filled(provider, facts),
        "calls": [list(call) for call in way.calls],
        "provision": [_handed(project, index, one) for index, one in enumerate(asked.provision)],
        "raw": str(_existing(project, asked.raw, "vagrant.raw")) if asked.raw else None,
    }


def _existing(project: Project, name: str, key: str) -> Path:
    found = project.root / name
    if not found.exists():
        raise wrong_key(f"{key}: {name} is not there", "name a file of the project", key)
    return found


def _handed(project: Project, index: int, one: Provision) -> dict[str, Any]:
    """A script or playbook in the words of Vagrant's provisioners."""
    file = _existing(project, one.path, f"vagrant.provision[{index}].{one.kind}")
    inside = PurePosixPath(naming.ROOT, one.path)
    if one.kind == "shell":
        return {"type": "shell", "settings": {"path": str(file), "args": list(one.args)}}
    if one.kind == "ansible":
        return {"type": "ansible", "settings": {"playbook": str(file), "compatibility_mode": "2.0"}}
    if one.kind == "ansible_local":
        settings = {"playbook": str(inside), "provisioning_path": naming.ROOT, "compatibility_mode": "2.0"}
        return {"type": "ansible_local", "settings": settings}
    if one.kind == "puppet":
        return {"type": "puppet", "settings": {"manifests_path": str(file.parent), "manifest_file": file.name}}
    return {"type": "chef_solo", "settings": {"cookbooks_path": [str(file.parent)]}, "recipes": [file.name]}


def write(project: Project, value: Mapping[str, Any]) -> Path:
    """Write both files for people to see; a Vagrantfile that the user took over stays as it is, and counts."""
    generated.make(project.root)
    place = folder(project)
    file = place / "Vagrantfile"
    if not is_taken(file):
        write_staged(file, template())
    write_values(place, value)
    return file


def write_values(place: Path, value: Mapping[str, Any]) -> None:
    """What the Vagrantfile beside it reads."""
    write_staged(place / VALUES, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n")


def inputs(project: Project, value: Mapping[str, Any]) -> str:
    """A digest of what the machine has to be loaded again for: not of what only provisions it."""
    kept = {name: one for name, one in value.items() if name not in _NOT_FOR_RELOAD}
    raw = value.get("raw")
    file = content(Path(raw)) if raw else b""
    own = folder(project) / "Vagrantfile"
    text = content(own) if is_taken(own) else template()
    return digest([text, json.dumps(kept, sort_keys=True), file])[:32]


def provision_inputs(project: Project) -> str:
    """A digest of what provisions the machine, by the content of its files; empty where nothing does."""
    parts: list[str | bytes] = []
    for one in options.of(project.spec).provision:
        parts += [repr(one), *_contents(project.root / one.path)]
    return digest(parts)[:32] if parts else ""


def _contents(path: Path) -> list[str | bytes]:
    if not path.is_dir():
        return [content(path)]
    found: list[str | bytes] = []
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        found += [str(file.relative_to(path)), content(file)]
    return found
