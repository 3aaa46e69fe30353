"""`python -m docs.levels`: what each level costs the starter shop on this machine, as a picture of the front page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from envman.comparing import figures
from envman.comparing.figures import BYTES, Figures
from envman.files import readable_size

_PICTURE = Path(__file__).parent / "levels.svg"
_ROWS = {
    "cold_up": ("first up", "everything made, caches warm"),
    "warm_up": ("up after down", ""),
    "no_op_up": ("up, nothing to do", ""),
    "run_true": ("run true", "what every command waits"),
    "task": ("run test", "the project's own tests"),
    "disk": ("disk", ""),
    "memory": ("memory at rest", ""),
}
_TITLE = "What each level costs one project: a Flask application with PostgreSQL"
_LEFT, _WIDTH, _RIGHT = 200, 400, 160  # points: labels, the longest bar, figures
_BAR, _GAP, _TOP = 18, 18, 44
_STYLE = """\
<style>
text { font: 13px system-ui, sans-serif; fill: #222 } .quiet { fill: #777; font-size: 11.5px }
.venv { fill: #3b6ea5 } .docker { fill: #6a9a5b } .vagrant { fill: #b7853f }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .quiet { fill: #999 } .venv { fill: #7aa7d6 } .docker { fill: #93c283 } .vagrant { fill: #d9aa66 }
}
</style>"""


def main() -> None:
    """Measure, and draw."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as place:
        found = _measured(Path(place))
    _PICTURE.write_text(drawn(found), encoding="utf-8")


def _measured(place: Path) -> dict[str, Any]:
    shop = place / "shop"
    shop.mkdir()
    env = {**os.environ, "ENVMAN_DATA": str(place / "data")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    subprocess.run(["envman", "init", "--starter", "shop"], cwd=shop, env=env, check=True, stdout=subprocess.DEVNULL)
    # Which box this machine has is one person's affair.
    (shop / "envman.local.toml").write_text(os.environ.get("ENVMAN_LOCAL", ""), encoding="utf-8")
    words = ["envman", "compare", "--measure", "--json", *sys.argv[1:]]
    done = subprocess.run(words, cwd=shop, env=env, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)["result"]
    return result


def drawn(found: Mapping[str, Any]) -> str:
    """The document of `compare --measure --json` as a picture."""
    measured = {name: one["measured"] for name, one in found["backends"].items() if one["measured"]}
    rows = [key for key in _ROWS if any(key in one["figures"] for one in measured.values())]
    lines = list(_lines(rows, measured))
    height = _TOP + sum(_BAR * len(measured) + _GAP for _ in rows) + 24
    total = _LEFT + _WIDTH + _RIGHT
    machine = found["machine"]
    said = f"Medians of {found['rounds']} rounds, {found['date'][:10]}: {machine['cores']} cores, {machine['system']}"
    said += "" if found["packages_identical"] else "; the packages were not the same on all levels"
    size = f'viewBox="0 0 {total} {height}" width="{total}" height="{height}" role="img"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} aria-label="What each level costs the starter shop">',
        _STYLE,
        f'<text x="0" y="18">{_TITLE}</text>',
        f'<text class="quiet" x="0" y="{height - 6}">{escape(said)}</text>',
    ]
    return "\n".join([*head, *lines, "</svg>", ""])


def _lines(rows: Sequence[str], measured: Mapping[str, Any]) -> Iterator[str]:
    y = _TOP
    for key in rows:
        title, meaning = _ROWS[key]
        values = {name: one["figures"][key] for name, one in measured.items() if key in one["figures"]}
        longest = max(one["median"] for one in values.values()) or 1
        yield f'<text x="0" y="{y + 13}">{title}</text>'
        yield f'<text class="quiet" x="0" y="{y + 29}">{meaning}</text>' if meaning else ""
        for number, name in enumerate(measured):
            if name not in values:
                continue
            at, width = y + _BAR * number, max(_WIDTH * values[name]["median"] / longest, 1.5)
            yield f'<rect class="{name}" x="{_LEFT}" y="{at + 2}" width="{width:.1f}" height="{_BAR - 4}"/>'
            yield f'<text x="{_LEFT + width + 6:.1f}" y="{at + 14}">{_label(name, values[name])}</text>'
        y += _BAR * len(measured) + _GAP


def _label(name: str, one: Mapping[str, Any]) -> str:
    return f'{_shown(one)} <tspan class="quiet">{name}</tspan>'


def _shown(one: Mapping[str, Any]) -> str:
    if one["unit"] == BYTES:
        return readable_size(round(one["median"]))
    unit, size = figures.scale([Figures(samples=tuple(one["samples"]), unit=one["unit"])])
    return f"{figures.number(one['median'] / size)} {unit}"


if __name__ == "__main__":
    main()
