"""`python -m bench`: every row side by side in one run, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench import peers, rows, services
from bench.measure import Figure, machine
from bench.rows import Bench

_ROWS = {**rows.ROWS, **services.ROWS}
_RESULTS = Path(__file__).parent / "results" / "latest.json"


def _line(figure: Figure) -> str:
    ratio = f"{figure.ratio:6.2f}" if figure.ratio is not None else " " * 6
    verdict = ""
    if figure.ratio is not None and figure.bar is not None:
        verdict = f"≤ {figure.bar:<5} {'met' if figure.ratio <= figure.bar else 'MISSED'}"
    spread = f"{figure.lowest * 1000:.0f}-{figure.highest * 1000:.0f}"
    return f"  {figure.name:<36} {figure.median * 1000:9.1f} ms {spread:>14}  {ratio}  {verdict}".rstrip()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", nargs="*", default=[], choices=list(_ROWS), help="only these")
    parser.add_argument("--runs", type=int, default=15, help="runs of each fast row (default 15)")
    arguments = parser.parse_args()
    tools = peers.install()
    print(f"{machine()}\n  {'':<36} {'median':>12} {'range, ms':>14}  {'ours / it':>6}  bar")
    results = {}
    for name in arguments.rows or _ROWS:
        # A folder on the same disk as the caches: uv links files instead of copying them, as it does for everybody.
        with tempfile.TemporaryDirectory(dir=peers.folder().parent) as folder:
            figures = _ROWS[name](Bench(folder=Path(folder), peers=tools), arguments.runs)
        results[name] = [asdict(figure) for figure in figures]
        print(f"{name}\n" + "\n".join(map(_line, figures)), flush=True)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps({"machine": machine(), "rows": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
