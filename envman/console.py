"""The one module that prints: answers to stdout, everything for people to stderr."""

# On the hot path: rich is imported only when a step on a terminal lasts long enough to deserve a live line.
from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self, TextIO

    from rich.status import Status

    from envman.problem import Problem

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_LIVE_AFTER = 0.4  # seconds: shorter steps would only flicker, and never pay for importing rich
_TOLD_AFTER = 5.0  # seconds, where nothing can be live: a log that stands still looks like a hung job
_USUAL_WIDTH = 100
_NAME_WIDTH = 10
_TITLE_WIDTH = 50


def _wants_color(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


class Console:
    """What may be said, how loud, and in which colours, for one run of envman."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, color: bool | None = None) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._color_out = _wants_color(sys.stdout) if color is None else color
        self._color_err = _wants_color(sys.stderr) if color is None else color
        # A live line needs cursor movement, which neither FORCE_COLOR in a pipe nor a CI log can honour.
        self.live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI") and not quiet
        self.marks = ("✓", "✗", "·", "→") if _speaks_unicode(sys.stderr) else ("ok", "x", "-", "->")

    def style(self, text: str, *names: str, out: bool = False) -> str:
        """The text in colour where colour is wanted, else as it is."""
        if not text or not (self._color_out if out else self._color_err):
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def answer(self, text: str) -> None:
        """What the command was asked for: to stdout, whatever the loudness."""
        _write(sys.stdout, text + "\n")

    def raw(self, text: str) -> None:
        """An answer that is read by a program: no line end added."""
        _write(sys.stdout, text)

    def say(self, text: str = "") -> None:
        """Something for people, to stderr; nothing under --quiet."""
        if not self.quiet:
            _write(sys.stderr, text + "\n")

    def detail(self, text: str) -> None:
        """Something that only --verbose shows."""
        if self.verbose:
            _write(sys.stderr, self.style(text, "dim") + "\n")

    def warn(self, problem: Problem) -> None:
        """A problem that does not stop the command."""
        self._problem("warning", "yellow", problem)

    def error(self, problem: Problem) -> None:
        """A problem that does."""
        self._problem("error", "red", problem)

    def _problem(self, word: str, color: str, problem: Problem) -> None:
        place = f"{problem.place}: " if problem.place else ""
        _write(sys.stderr, f"{self.style(word + ':', 'bold', color)} {place}{problem.message}\n")
        for line in (problem.hint or "").splitlines():
            _write(sys.stderr, f"  {self.style('hint:', 'cyan')} {line}\n")

    def ask(self, question: str) -> bool:
        """A question to somebody at a terminal; anything but yes is no."""
        _write(sys.stderr, f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def step(self, name: str, title: str) -> StepLine:
        """A row of a running plan."""
        return StepLine(self, name, title)

    def table(self, rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> None:
        """Rows in columns, as an answer."""
        for line in columns([header, *rows] if header else list(rows)):
            self.answer(line)


def counted(number: int, thing: str) -> str:
    """A number of things, with the s where it belongs."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shortened(text: str, room: int) -> str:
    """The text on one line, cut where the room ends."""
    line = " ".join(text.split())
    return line if len(line) <= room else line[: max(room - 1, 1)] + "…"


def _terminal_width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_WIDTH  # a serial line does not know its own
    except (OSError, ValueError):
        return _USUAL_WIDTH


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines in which every column but the last is as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()


class StepLine:
    """One step's row: a live line while it runs on a terminal, one plain line when it ends."""

    def __init__(self, console: Console, name: str, title: str) -> None:
        self._console = console
        self._name = name
        self._title = title
        self._started = time.perf_counter()
        self._timer: threading.Timer | None = None
        self._status: Status | None = None
        self._detail = ""

    def _go_live(self) -> None:
        from rich.console import Console as RichConsole
        from rich.status import Status

        rich = RichConsole(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
        self._status = Status(self._text(), console=rich, spinner="dots")
        self._status.start()

    def _tell(self) -> None:
        self._console.say(f"  … {self._name:<{_NAME_WIDTH}} {self._title}")

    def _text(self) -> str:
        from rich.markup import escape

        seconds = f"{time.perf_counter() - self._started:.0f} s"
        room = _terminal_width() - _NAME_WIDTH - len(seconds) - 6
        return escape(f"{self._name:<{_NAME_WIDTH}} {shortened(self._detail or self._title, room)}  {seconds}")

    def progress(self, line: str) -> None:
        """The newest line of the work: shown live, and kept to itself elsewhere."""
        self._detail = line.strip()
        self._console.detail(f"    {line}")
        if self._status is not None and self._detail:
            self._status.update(self._text())

    def done(self, title: str | None = None, *, note: str = "") -> None:
        """The row as it stays."""
        self._stop()
        seconds = f"{time.perf_counter() - self._started:.1f} s"
        self._row(self._console.style(self._console.marks[0], "green"), title or self._title, seconds)
        for line in note.splitlines():
            self._console.say(f"      {line}")

    def failed(self, title: str | None = None) -> None:
        """The row of a step that did not succeed."""
        self._stop()
        self._row(self._console.style(self._console.marks[1], "red"), title or self._title, "")

    def _row(self, mark: str, title: str, seconds: str) -> None:
        room = max(_terminal_width() - _NAME_WIDTH - 14, 16)
        title = shortened(title, room).ljust(min(_TITLE_WIDTH, room))
        row = f"  {mark} {self._name:<{_NAME_WIDTH}} {title} {self._console.style(seconds, 'dim')}"
        self._console.say(row.rstrip())

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            if self._timer.is_alive():
                self._timer.join()
            self._timer = None
        if self._status is not None:
            self._status.stop()
            self._status = None

    def __enter__(self) -> Self:
        if not self._console.quiet:
            import threading

            live = self._console.live
            self._timer = threading.Timer(_LIVE_AFTER if live else _TOLD_AFTER, self._go_live if live else self._tell)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.failed()
        else:
            self._stop()
