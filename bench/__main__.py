"""`python -m bench`: every row side by side in one run, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import docker, peers, report, rows, services, vagrant
from bench.measure import Figure, machine
from bench.rows import Bench

_GROUPS = {"venv": rows.ROWS, "services": services.ROWS, "docker": docker.ROWS, "vagrant": vagrant.ROWS}
_ROWS = {name: row for group in _GROUPS.values() for name, row in group.items()}
_RESULTS = Path(__file__).parent / "results" / "latest.json"


def _line(figure: Figure) -> str:
    if figure.note:
        return f"  {figure.name:<36} {figure.note}"
    ratio = f"{figure.ratio:6.2f}" if figure.ratio is not None else " " * 6
    verdict = ""
    if figure.ratio is not None and figure.bar is not None:
        verdict = f"≤ {figure.bar:<5} {'met' if figure.ratio <= figure.bar else 'MISSED'}"
    scale = 1000 if figure.unit == "ms" else 1
    spread = f"{figure.lowest * scale:.0f}-{figure.highest * scale:.0f}"
    return f"  {figure.name:<36} {figure.median * scale:9.1f} {figure.unit} {spread:>14}  {ratio}  {verdict}".rstrip()


def _before() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_RESULTS.read_text(encoding="utf-8"))["rows"]
    except (OSError, ValueError, KeyError):
        return {}
    return {name: row for name, row in found.items() if name in _ROWS and isinstance(row, dict)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"only these: {', '.join(_GROUPS)}")
    parser.add_argument("--rows", nargs="*", default=[], choices=list(_ROWS), help="only these")
    parser.add_argument("--runs", type=int, default=15, help="runs of each fast row (default 15)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md from all that was measured")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(_GROUPS):
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    chosen = arguments.rows or [name for group in arguments.groups or _GROUPS for name in _GROUPS[group]]
    tools = peers.install()
    print(f"{machine()}\n  {'':<36} {'median':>12} {'range, ms':>14}  {'ours / it':>6}  bar")
    results = _before()  # a run of some rows leaves the others as they were
    for name in chosen:
        # A folder on the same disk as the caches: uv links files instead of copying them, as it does for everybody.
        with tempfile.TemporaryDirectory(dir=peers.folder().parent) as folder:
            figures = _ROWS[name](Bench(folder=Path(folder), peers=tools), arguments.runs)
        told = [asdict(figure) for figure in figures]
        results[name] = {"date": time.strftime("%Y-%m-%d"), "machine": machine(), "figures": told}
        print(f"{name}\n" + "\n".join(map(_line, figures)), flush=True)
        _RESULTS.parent.mkdir(exist_ok=True)  # row by row: all of them take an hour, and may be interrupted
        _RESULTS.write_text(json.dumps({"rows": results}, indent=1) + "\n", encoding="utf-8")
    if arguments.write:
        report.write({"rows": results}, {name: list(group) for name, group in _GROUPS.items()})


if __name__ == "__main__":
    main()
