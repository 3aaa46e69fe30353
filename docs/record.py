"""`python -m docs.record`: a real session of the starter shop, as the text and the picture of the front page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_HERE = Path(__file__).parent
_TEXT, _PICTURE = _HERE / "session.txt", _HERE / "session.svg"
_SESSION = (
    "envman init --starter shop",
    "envman up",
    "envman run test",
    "envman switch docker",
    "envman run test",
    "envman diff venv docker",
)
_CODES = re.compile(r"\x1b\[([\d;]*)m")
_COLORS = {"31": "#f87171", "32": "#86efac", "33": "#fcd34d", "34": "#93c5fd", "35": "#f0abfc", "36": "#67e8f9"}
_WIDTH, _LINE, _PAD = 92, 19, 16  # letters, and points


def main() -> None:
    """Run it, and write both down."""
    with tempfile.TemporaryDirectory() as place:
        lines = list(_recorded(Path(place)))
    _TEXT.write_text("".join(f"{_CODES.sub('', line)}\n" for line in lines), encoding="utf-8")
    _PICTURE.write_text(_drawn(lines), encoding="utf-8")


def _recorded(place: Path) -> Iterator[str]:
    shop = place / "shop"
    shop.mkdir()
    env = {**os.environ, "FORCE_COLOR": "1", "ENVMAN_DATA": str(place / "data")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    try:
        for words in _SESSION:
            yield f"\x1b[32m$\x1b[0m \x1b[1m{words}\x1b[0m"
            done = subprocess.run(
                words.split(),
                cwd=shop,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
            )
            # Rows that only say that something takes its time are for those who wait for it.
            yield from (line for line in done.stdout.splitlines() if not _CODES.sub("", line).startswith("  … "))
    finally:
        subprocess.run(["envman", "destroy", "--yes", "--data", "--quiet"], cwd=shop, env=env, check=False)


def _drawn(lines: Sequence[str]) -> str:
    height = _LINE * len(lines) + 2 * _PAD
    width = round(_WIDTH * 8.1) + 2 * _PAD
    rows = [
        f'<text x="{_PAD}" y="{_PAD + _LINE * number + 14}" xml:space="preserve">{_spans(line)}</text>'
        for number, line in enumerate(lines)
    ]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = "font: 13.5px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #e5e7eb"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>text {{ {style} }}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#1b1f24"/>',
    ]
    return "\n".join([*head, *rows, "</svg>", ""])


def _spans(line: str) -> str:
    parts = _CODES.split(line[: _WIDTH + line.count("\x1b") * 8])
    drawn = escape(parts[0])
    for codes, text in zip(parts[1::2], parts[2::2], strict=True):
        style = [f"fill:{_COLORS[code]}" for code in codes.split(";") if code in _COLORS]
        style += ["font-weight:bold"] if "1" in codes.split(";") else []
        style += ["opacity:.65"] if "2" in codes.split(";") else []
        drawn += f'<tspan style="{";".join(style)}">{escape(text)}</tspan>' if style else escape(text)
    return drawn


if __name__ == "__main__":
    main()
