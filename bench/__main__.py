"""`python -m bench`: run the rows, print the table, keep the samples in bench/results/latest.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import peers, rows
from bench.measure import Failed, Result, measure, table

_RESULTS = Path(__file__).parent / "results" / "latest.json"


def _chosen(asked: Sequence[str], *, quick: bool) -> list[rows.Planned]:
    if not asked:
        return [row for row in rows.ROWS if not (quick and row.slow)]
    known = [row.name for row in rows.ROWS]
    for name in asked:
        if not any(one == name or one.startswith(f"{name}-") for one in known):
            raise SystemExit(f'there is no row "{name}"; there are: {", ".join(known)}')
    # "cold" is all of cold-10, cold-40, …
    return [row for row in rows.ROWS if any(row.name == name or row.name.startswith(f"{name}-") for name in asked)]


def _machine() -> dict[str, object]:
    return {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": f"{platform.python_version()} ({peers.base_interpreter()})",
        "peers": peers.VERSIONS,
    }


def _write(results: Sequence[Result], machine: dict[str, object]) -> None:
    content = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": machine,
        "rows": [
            {
                "name": result.row.name,
                "ours": result.row.ours.label,
                "seconds": result.seconds,
                "comparisons": [{**asdict(one), "verdict": one.verdict} for one in result.comparisons()],
                "absent": dict(result.row.absent),
                "samples": dict(result.samples),
            }
            for result in results
        ],
    }
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Measure; a missed bar is shown, and is no failure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", nargs="+", metavar="NAME", default=[], help=", ".join(row.name for row in rows.ROWS))
    parser.add_argument("--runs", type=int, metavar="N", help="of every command (default: by row)")
    parser.add_argument("--quick", action="store_true", help="few runs, without the largest cases")
    asked = parser.parse_args()
    chosen = _chosen(asked.rows, quick=asked.quick)

    machine = _machine()
    print(f"{machine['system']}, {machine['processors']} processors, load {machine['load']:.1f}", file=sys.stderr)
    results: list[Result] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="envman-bench-", ignore_cleanup_errors=True) as scratch:
        world = rows.build(Path(scratch).resolve(), peers.install(), quick=asked.quick)
        for row in chosen:
            runs = asked.runs or (row.quick_runs if asked.quick else row.runs)
            print(f"  {row.name}: {runs} runs …", file=sys.stderr)
            try:
                results.append(measure(row.prepare(world), runs))
            except Failed as error:
                failed.append(f"{row.name}: {error}")
    print("\n".join(table(results)))
    for line in failed:
        print(f"not measured: {line}")
    _write(results, machine)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
