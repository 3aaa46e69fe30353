"""Whole processes timed side by side, in turns; medians, ratios and the table that shows them."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line as a person would type it, and where."""

    label: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    before: Callable[[], None] | None = None  # not timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Our command beside those that people would use instead."""

    name: str
    ours: Command
    peers: tuple[Command, ...]
    bars: Mapping[str, float] = field(default_factory=dict)  # by the peer's label
    absent: Mapping[str, str] = field(default_factory=dict)  # peers that cannot take part, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Ours against one peer, pair by pair."""

    peer: str
    seconds: float
    ratio: float
    quartiles: tuple[float, float]
    bar: float | None

    @property
    def verdict(self) -> str:
        """What the bar says; without one, nothing."""
        if self.bar is None:
            return ""
        return "met" if self.ratio <= self.bar else "MISSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The samples of a row, in seconds, by label and in the order in which they were taken."""

    row: Row
    samples: Mapping[str, Sequence[float]]

    @property
    def seconds(self) -> float:
        """Our median."""
        return statistics.median(self.samples[self.row.ours.label])

    def comparisons(self) -> list[Comparison]:
        """Ours against every peer."""
        ours = self.samples[self.row.ours.label]
        found = []
        for peer in self.row.peers:
            theirs = self.samples[peer.label]
            ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
            low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
            found.append(
                Comparison(
                    peer=peer.label,
                    seconds=statistics.median(theirs),
                    ratio=statistics.median(ratios),
                    quartiles=(low, high),
                    bar=self.row.bars.get(peer.label),
                )
            )
        return found


class Failed(Exception):
    """A command that was to be measured or to prepare a measurement did not succeed."""


def succeed(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a command that must succeed; answers with what it said."""
    done = subprocess.run(
        argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise Failed("\n".join([f"{' '.join(argv)} ended with {done.returncode}", *said]))
    return done.stdout


def _once(command: Command) -> float:
    if command.before is not None:
        command.before()
    os.chdir(command.cwd)
    silent = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    started = time.perf_counter()
    child = os.posix_spawn(command.argv[0], command.argv, command.env, file_actions=silent)
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - started
    if status:
        raise Failed(f"{command.label} ended with {os.waitstatus_to_exitcode(status)} in the middle of the measurement")
    return seconds


def measure(row: Row, runs: int) -> Result:
    """Warm up once, then A B C A B C …, so that a noisy minute hits all alike."""
    commands = (row.ours, *row.peers)
    for command in commands:
        if command.before is not None:
            command.before()
        succeed(command.argv, cwd=command.cwd, env=command.env)
    samples: dict[str, list[float]] = {command.label: [] for command in commands}
    back = Path.cwd()
    try:
        for _ in range(runs):
            for command in commands:
                samples[command.label].append(_once(command))
    finally:
        os.chdir(back)
    return Result(row=row, samples=samples)


def _readable(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def table(results: Sequence[Result]) -> list[str]:
    """One block a row: our median, then every peer's, with the ratio, its middle half, the bar and the verdict."""
    lines: list[tuple[str, ...]] = [("ROW", "COMMAND", "MEDIAN", "RATIO", "MIDDLE HALF", "BAR", "")]
    for result in results:
        lines.append((result.row.name, result.row.ours.label, _readable(result.seconds), "", "", "", ""))
        for one in result.comparisons():
            low, high = one.quartiles
            bar = "" if one.bar is None else f"≤ {one.bar:g}"
            ratio, half = f"{one.ratio:.3g}", f"{low:.3g} to {high:.3g}"
            lines.append(("", one.peer, _readable(one.seconds), ratio, half, bar, one.verdict))
        lines += [("", label, f"left out: {why}", "", "", "", "") for label, why in result.row.absent.items()]
    short = [line for line in lines if not line[2].startswith("left out")]
    widths = [max(len(line[column]) for line in short) for column in range(len(short[0]))]
    widths[1] = max(len(line[1]) for line in lines)
    return ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines]
