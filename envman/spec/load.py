"""From files to one Spec: find them, merge them, and report everything that is wrong with them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from envman import __version__, versions
from envman.errors import UsageError
from envman.frozen import frozen, replace
from envman.problem import Problem
from envman.spec import check, layer, shape
from envman.spec.layer import Layer
from envman.spec.model import Spec

SPEC_FILE = "envman.toml"
LOCAL_FILE = "envman.local.toml"
PYPROJECT = "pyproject.toml"

_SPEC = shape.Table(Spec, beside=("profile",))


@frozen
class Loaded:
    """A valid spec, the files that made it, and those whose appearance would change it."""

    spec: Spec
    file: Path | None
    local: Spec | None
    inputs: tuple[Path, ...]


def find_root(start: Path) -> Path | None:
    """The nearest folder, upwards, that holds a spec."""
    for folder in (start, *start.parents):
        if (folder / SPEC_FILE).is_file() or _has_own_table(folder / PYPROJECT):
            return folder
    return None


def _has_own_table(pyproject: Path) -> bool:
    # Parsing every pyproject.toml on the way up would cost more than the rest; the word must stand in the file.
    try:
        if b"envman" not in pyproject.read_bytes():
            return False
    except OSError:
        return False
    try:
        read = layer.read(pyproject)
    except UsageError:
        return False
    return read is not None and read.below("tool", "envman") is not None


def _main_layer(root: Path) -> Layer | None:
    own = layer.read(root / SPEC_FILE)
    pyproject = layer.read(root / PYPROJECT) if _has_own_table(root / PYPROJECT) else None
    table = pyproject.below("tool", "envman") if pyproject else None
    if own is not None and table is not None:
        raise UsageError(
            table.problem(shape.Fault((), f"the project has both {SPEC_FILE} and [tool.envman]", "keep one of them"))
        )
    return own or table


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        merged[name] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _without_profiles(one: Layer) -> Layer:
    return replace(one, table={name: value for name, value in one.table.items() if name != "profile"})


def _overlays(base: Sequence[Layer], profiles: Sequence[str]) -> list[Layer]:
    layers: list[Layer] = []
    for one in base:
        layers.append(_without_profiles(one))
        layers += [overlay for name in profiles if (overlay := one.below("profile", name))]
    return layers


def _profile_problems(base: Sequence[Layer], profiles: Sequence[str]) -> list[Problem]:
    known = {name for one in base if isinstance(one.table.get("profile"), dict) for name in one.table["profile"]}
    return [
        Problem(
            message=f'there is no profile "{name}"',
            hint=shape.suggestion(name, known) if known else f"write a table [profile.{name}] in the spec",
        )
        for name in profiles
        if name not in known
    ]


def _owner(layers: Sequence[Layer], path: shape.Path) -> Layer:
    for length in range(len(path), -1, -1):
        for one in reversed(layers):
            if one.holds(path[:length]):
                return one
    return layers[-1]


class _Faults:
    """Collects problems once each, however many layers and passes see them."""

    def __init__(self) -> None:
        self.problems: dict[Problem, None] = {}

    def of(self, one: Layer) -> shape.Report:
        return lambda fault: self.problems.setdefault(one.problem(fault))

    def of_any(self, layers: Sequence[Layer]) -> shape.Report:
        return lambda fault: self.problems.setdefault(_owner(layers, fault.path).problem(fault))

    def sorted(self) -> list[Problem]:
        return sorted(self.problems, key=lambda one: (one.file or "", one.line or 0, one.column or 0))


def _check_requires(layers: Sequence[Layer], merged: Mapping[str, Any]) -> None:
    asked = merged.get("requires")
    if not isinstance(asked, str):
        return
    owner = _owner(layers, ("requires",))
    if not versions.is_valid(asked):
        fault = shape.Fault(("requires",), f'"{asked}" is not a range of versions', 'write, for example, ">=0.1"')
        raise UsageError(owner.problem(fault))
    if versions.contains(asked, versions.release(__version__)):
        return
    fault = shape.Fault(
        ("requires",), f"the project asks for envman {asked}, this is {__version__}", "uv tool upgrade envman"
    )
    raise UsageError(owner.problem(fault))


def _split_options(merged: dict[str, Any], backends: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    own = {name: value for name, value in merged.items() if name not in backends}
    return own, {name: value for name, value in merged.items() if name in backends}


def _parse(
    layers: Sequence[Layer], merged: dict[str, Any], backends: Mapping[str, shape.Shape[Any]], faults: _Faults
) -> Spec | None:
    own, theirs = _split_options(merged, backends)
    report = faults.of_any(layers)
    spec = _SPEC.parse(own, (), report)
    options = {name: backends[name].parse(table, (name,), report) for name, table in theirs.items()}
    if spec is None:
        return None
    spec = replace(spec, options={name: value for name, value in options.items() if value is not None})
    for fault in check.faults(spec):
        report(fault)
    return spec


def load(
    root: Path,
    *,
    profiles: Sequence[str] | None = None,
    backends: Mapping[str, shape.Shape[Any]] | None = None,
    recipes: Callable[[], Sequence[str]] | None = None,
) -> Loaded:
    """The spec of a project folder; raises UsageError with every problem of every file."""
    backends = backends or {}
    main = _main_layer(root)
    local = layer.read(root / LOCAL_FILE)
    base = [one for one in (main, local) if one is not None]
    inputs = (root / SPEC_FILE, root / PYPROJECT, root / LOCAL_FILE)
    if not base:
        if profiles:
            raise UsageError(_profile_problems(base, profiles))
        return Loaded(spec=Spec(), file=None, local=None, inputs=inputs)

    chosen = list(profiles) if profiles is not None else _default_profiles(base)
    layers = _overlays(base, chosen)
    merged: dict[str, Any] = {}
    for one in layers:
        merged = _merge(merged, one.table)
    _check_requires(layers, merged)

    faults = _Faults()
    for one in (*layers, *_unused_profiles(base, chosen)):
        own, _ = _split_options(one.table, backends)
        _SPEC.parse(own, (), _but_missing(faults.of(one)))
    spec = _parse(layers, merged, backends, faults)
    if spec is not None and spec.services and recipes is not None:
        for fault in check.recipe_faults(spec, recipes()):
            faults.of_any(layers)(fault)
    problems = faults.sorted() + _profile_problems(base, chosen)
    if problems or spec is None:
        raise UsageError(problems)
    return Loaded(
        spec=spec,
        file=main.file if main else None,
        local=_SPEC.parse(_split_options(_without_profiles(local).table, backends)[0], (), lambda _: None)
        if local
        else None,
        inputs=inputs,
    )


def _default_profiles(base: Sequence[Layer]) -> list[str]:
    for one in reversed(base):
        named = one.table.get("profiles")
        if isinstance(named, list):
            return [name for name in named if isinstance(name, str)]
    return []


def _unused_profiles(base: Sequence[Layer], chosen: Sequence[str]) -> list[Layer]:
    # A profile that nobody uses today breaks tomorrow: it is checked all the same.
    unused: list[Layer] = []
    for one in base:
        profiles = one.table.get("profile", {})
        names = profiles if isinstance(profiles, dict) else {}
        unused += [overlay for name in names if name not in chosen and (overlay := one.below("profile", name))]
    return unused


def _but_missing(report: shape.Report) -> shape.Report:
    # An overlay may leave out what the file below it says; only the merged spec must be complete.
    def report_unless_missing(fault: shape.Fault) -> None:
        if not fault.message.startswith("needs the key"):
            report(fault)

    return report_unless_missing
