"""What was measured: samples with their median and spread, and how people read them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from envman.comparing.facts import Level, Machine
from envman.files import readable_size
from envman.frozen import field, frozen

SECONDS, BYTES = "s", "B"
QUERY = "first_query."  # before the name of a service
# The rows that everything shows, in this order; queries stand before the sizes.
_TIMES = {
    "cold_up": ("cold up", "up from nothing, with warm caches"),
    "warm_up": ("warm up", "up after down"),
    "no_op_up": ("no-op up", "up with nothing to do"),
    "run_true": ("run true", "a command that does nothing"),
}
_SIZES = {
    "disk": ("disk", "what the level keeps for the project, shared layers and packages included"),
    "memory": ("memory", "at rest: what the services take, or the whole machine"),
}
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@frozen
class Figures:
    """The samples of one row."""

    samples: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.samples)

    @property
    def lowest(self) -> float:
        """The best."""
        return min(self.samples)

    @property
    def highest(self) -> float:
        """The worst."""
        return max(self.samples)

    def as_json(self) -> dict[str, Any]:
        """The samples, and what is told of them."""
        return {
            "unit": self.unit,
            "median": self.median,
            "lowest": self.lowest,
            "highest": self.highest,
            "samples": list(self.samples),
        }


@frozen
class Measured:
    """What was measured of one backend."""

    figures: Mapping[str, Figures] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    task_code: int | None = None
    failed: str = ""  # why it went no further; what was measured before stands

    def as_json(self) -> dict[str, Any]:
        """The facts of the document."""
        return {
            "figures": {key: one.as_json() for key, one in self.figures.items()},
            "python": self.python or None,
            "packages": dict(self.packages),
            "task_code": self.task_code,
            "failed": self.failed or None,
        }


@frozen
class Comparison:
    """Everything that is known, for whoever shows it."""

    project: str
    root: str
    at: str  # the backend that the project is on now; empty where none can be
    date: str
    machine: Machine
    levels: tuple[Level, ...]
    measured: Mapping[str, Measured] = field(default_factory=dict)  # by backend
    rounds: int = 0
    task: str | None = None

    def level(self, name: str) -> Level:
        """One of them."""
        return next(one for one in self.levels if one.name == name)

    def rows(self) -> dict[str, tuple[str, str]]:
        """The rows that somebody has a figure for: a short name, and what it means."""
        known = {key for one in self.measured.values() for key in one.figures}
        queries = sorted(key for key in known if key.startswith(QUERY))
        named: dict[str, tuple[str, str]] = {
            **_TIMES,
            "task": (f"run {self.task}", "the project's own task"),
            **{key: (_query(key), "its first answer after up, asked from this machine") for key in queries},
            **_SIZES,
        }
        return {key: words for key, words in named.items() if key in known}

    def across(self, key: str) -> list[Figures]:
        """A row's figures of all backends that have any."""
        return [one.figures[key] for one in self.measured.values() if key in one.figures]

    def same_packages(self) -> bool:
        """Whether all that were measured have the same packages in the same versions."""
        known = [dict(one.packages) for one in self.measured.values() if one.packages]
        return all(one == known[0] for one in known)

    def different_packages(self, name: str) -> dict[str, tuple[str, str]]:
        """What a backend has otherwise than the first that was measured: name, version there, version here."""
        known = {other: one.packages for other, one in self.measured.items() if one.packages}
        if name not in known:
            return {}
        first, own = next(iter(known.values())), known[name]
        names = sorted({*first, *own})
        return {one: (first.get(one, ""), own.get(one, "")) for one in names if first.get(one) != own.get(one)}


def _query(key: str) -> str:
    return f"{key.removeprefix(QUERY)} answers"


def scale(across: Sequence[Figures]) -> tuple[str, float]:
    """The unit that suits a whole row, and how many of the samples' it is."""
    highest = max(one.median for one in across)
    if across[0].unit == SECONDS:
        return ("s", 1) if highest >= 1 else ("ms", 1e-3)
    return next(((name, size) for name, size in _UNITS if highest >= size), ("B", 1.0))


def number(value: float) -> str:
    """As many digits as mean something."""
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def told(one: Figures, unit: tuple[str, float]) -> str:
    """The median, and in brackets the lowest and the highest where they are seen to differ."""
    if one.unit == BYTES:
        return readable_size(round(one.median)) if one.median else "none"
    name, size = unit
    lowest, highest = number(one.lowest / size), number(one.highest / size)
    spread = f" ({lowest}–{highest})" if lowest != highest else ""
    return f"{number(one.median / size)} {name}{spread}"


def ticks(highest: float) -> list[float]:
    """Round numbers from nothing to just above the highest, three to six of them."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * index for index in range(math.ceil(highest / step - 1e-9) + 1)]
