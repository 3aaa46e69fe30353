"""Timing whole processes in turn, and saying what the figures are: medians, and ratios pair by pair."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One command of a row: ours, or what people would use instead."""

    name: str
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    prepare: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured of one subject."""

    name: str
    median: float
    lowest: float
    highest: float
    ratio: float | None  # of our time to this subject's, the median over pairs of neighbours
    bar: float | None
    unit: str = "ms"  # or MB, of sizes
    note: str = ""  # why it could not be measured


def absent(name: str, why: str) -> Figure:
    """A row that says why there is no figure."""
    return Figure(name=name, median=0, lowest=0, highest=0, ratio=None, bar=None, note=why)


def sizes(ours: tuple[str, int], others: Sequence[tuple[str, int]]) -> list[Figure]:
    """Bytes side by side."""

    def figure(name: str, size: int, ratio: float | None) -> Figure:
        value = size / 1e6
        return Figure(name=name, median=value, lowest=value, highest=value, ratio=ratio, bar=None, unit="MB")

    return [figure(*ours, None), *(figure(name, size, ours[1] / size) for name, size in others)]


def _once(subject: Subject) -> float:
    if subject.prepare:
        subject.prepare()
    started = time.perf_counter()
    code = subprocess.call(
        subject.argv,
        cwd=subject.cwd,
        env=dict(subject.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    taken = time.perf_counter() - started
    if code:
        raise RuntimeError(f"{subject.name} ended with {code}: {' '.join(subject.argv)}")
    return taken


def measure(
    ours: Subject, others: Sequence[tuple[Subject, float | None]], *, runs: int, warm: bool = True
) -> list[Figure]:
    """Run all subjects in turn, so that a machine whose speed drifts drifts for all of them.

    Warm: each once before, uncounted. What is made from nothing can only be measured without that.
    """
    subjects = [ours, *(subject for subject, _ in others)]
    for subject in subjects if warm else ():
        _once(subject)
    rounds = [[_once(subject) for subject in subjects] for _ in range(runs)]
    bars = [None, *(bar for _, bar in others)]
    figures = []
    for column, (subject, bar) in enumerate(zip(subjects, bars, strict=True)):
        times = [taken[column] for taken in rounds]
        ratio = statistics.median(taken[0] / taken[column] for taken in rounds) if column else None
        figures.append(
            Figure(
                name=subject.name,
                median=statistics.median(times),
                lowest=min(times),
                highest=max(times),
                ratio=ratio,
                bar=bar,
            )
        )
    return figures


def machine() -> str:
    """What the figures were measured on."""
    system = f"{os.uname().sysname} {os.uname().release.partition('-')[0]}"
    return f"{os.cpu_count()} cores, {system}, load {os.getloadavg()[0]:.1f}"
