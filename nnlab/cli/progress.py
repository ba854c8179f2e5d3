"""The progress of trainings on stderr: lines that are drawn anew on a terminal, dated lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from nnlab.cli.console import encodable
from nnlab.errors import printable

if TYPE_CHECKING:
    from nnlab.experiments.train import Progress, Whole

_SECONDS_BETWEEN_LINES, _SECONDS_BETWEEN_DRAWINGS = 5.0, 0.1
_BAR = 20  # columns of a progress bar
_LEAST_BAR = 5  # where there is little room
_GAP = 1  # blanks beside it

# --- on a terminal ----------------------------------------------------------------------------------------------------


class LiveLines:
    """Lines at the end of a terminal that are drawn again and again; what else is printed appears above them.

    After a drawing the cursor stands at the beginning of the first line, and all from there on is erased before
    anything is printed. So they leave no trail where a terminal breaks lines anew in a window that has become narrower.
    """

    def __init__(self, shown_on: Console) -> None:
        self.console, self.stream = shown_on, shown_on.file
        self.lines: dict[str, Callable[[int], Text]] = {}
        self.is_drawn, self.drawn_at = False, -math.inf
        self.widest = 0  # columns of the longest name

    def show(self, name: str, line: Callable[[int], Text] | None) -> None:
        """Show a line, made for a number of columns, in the place of the one of this name; None removes that."""
        if line is not None:
            self.lines[name] = line
        elif self.lines.pop(name, None) is not None:
            self.drawn_at = -math.inf
        if time.monotonic() - self.drawn_at >= _SECONDS_BETWEEN_DRAWINGS:
            self.draw()

    def draw(self) -> None:
        """Draw the lines in the window as it is now: the first of more than it has room for."""
        width, height = self.console.size
        shown = [self._in_one_line(line(width - 1), width - 1) for line in [*self.lines.values()][: height - 1]]
        self.erase()
        if shown:
            up = f"\x1b[{len(shown) - 1}A" if len(shown) > 1 else ""
            self.stream.write("\n".join(shown) + f"{up}\r")
            self.is_drawn = True
        self.stream.flush()
        self.drawn_at = time.monotonic()

    def erase(self) -> None:
        """Erase what is drawn."""
        if self.is_drawn:
            self.stream.write("\r\x1b[J")
            self.is_drawn = False

    def _in_one_line(self, line: Text, width: int) -> str:
        with self.console.capture() as caught:
            self.console.print(line, end="", no_wrap=True, overflow="crop", crop=True, width=max(width, 1))
        return caught.get()


class _Above:
    """A stream for what is printed while lines are live: it erases them first."""

    def __init__(self, stream: TextIO, lines: LiveLines) -> None:
        self.stream, self.lines = stream, lines

    def write(self, text: str) -> int:
        """Write text where the lines were; they are drawn again with the next progress."""
        self.lines.erase()
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def live_lines(shown_on: Console) -> Iterator[LiveLines]:
    """Context with lines that are erased at its end. It needs no thread, for pictures are drawn in forked processes."""
    lines = LiveLines(shown_on)
    try:
        with contextlib.redirect_stderr(cast("TextIO", _Above(sys.stderr, lines))):
            yield lines
    finally:
        with contextlib.suppress(OSError):  # the terminal is gone
            lines.erase()
            lines.stream.flush()


class Bar:
    """The live line of a training: its name, how far it is, the way of the watched figure, and its latest figures."""

    def __init__(self, lines: LiveLines, what: str) -> None:
        self.lines, self.what, self.latest = lines, what, Latest()
        lines.widest = max(lines.widest, cell_len(what))

    def __call__(self, progress: Progress) -> None:
        """Show progress; the line of a training that has ended goes."""
        self.latest.add(progress)
        has_ended = progress.ended or progress.step >= progress.steps
        self.lines.show(self.what, None if has_ended else lambda width: self._line(progress, width))

    def _line(self, progress: Progress, width: int) -> Text:
        room = width // 4
        name = encodable(_shortened(printable(self.what), room))
        name += " " * (min(self.lines.widest, room) - cell_len(name))
        least = cell_len(sentence(progress, self.latest, 0))  # step and time left are kept: a bar gives way to them
        columns = max(_LEAST_BAR, min(_BAR, width - cell_len(name) - least - 2 * _GAP))
        line = Text.assemble(name, " ", *_bar(progress.step / progress.steps if progress.steps else 1.0, columns))
        if (way := self.latest.way()) and width >= _WIDE:
            line.append(f" {way}", "cyan")
        room = width - cell_len(line.plain) - _GAP
        return line.append(f" {encodable(printable(sentence(progress, self.latest, room)))}")


_WIDE = 90  # columns from which on there is room for the way of a figure


def _bar(share: float, columns: int = _BAR) -> Iterator[tuple[str, str]]:
    """A bar of so many columns of which this share is done, in two pieces with their styles."""
    done = int(columns * min(share, 1.0))
    yield encodable("━" * done), "cyan"
    yield encodable("╌" * (columns - done)), "bright_black"


class Bars:
    """A live line for each of several trainings that has not ended, and above them one for the whole."""

    def __init__(self, lines: LiveLines) -> None:
        self.lines, self.bars = lines, dict[str, Bar]()

    def __call__(self, label: str, progress: Progress) -> None:
        """Show the progress of one of them."""
        if (whole := progress.whole) is not None and whole.arms > 1:
            self.lines.show(
                _WHOLE, (lambda width: _line_of(whole, min(self.lines.widest, width // 4))) if whole.left else None
            )
        if label not in self.bars:
            self.bars[label] = Bar(self.lines, label)
        self.bars[label](progress)


_WHOLE = "\0whole"  # no label


def _line_of(whole: Whole, indent: int) -> Text:
    text = f"{whole.arms - whole.left:,} of {whole.arms:,} arms done, {whole.left:,} left"
    return Text.assemble(
        "all".ljust(indent), " ", *_bar(whole.share), " ", text, f" · {duration(whole.seconds_left)} to go"
    )


# --- elsewhere --------------------------------------------------------------------------------------------------------


class Lines:
    """Progress as dated lines, at most one every few seconds, and the last one."""

    def __init__(self, shown_on: Console, what: str) -> None:
        self.console, self.what, self.latest, self.shown_at = shown_on, what, Latest(), time.monotonic()
        self.last: Progress | None = None
        self.is_waiting = False

    def __call__(self, progress: Progress) -> None:
        """Take progress, and print it if it is time to, or if it is the last."""
        self.latest.add(progress)
        self.last, self.is_waiting = progress, True
        is_last = progress.ended or progress.step >= progress.steps
        if is_last or time.monotonic() - self.shown_at >= _SECONDS_BETWEEN_LINES:
            self._print()

    def end(self) -> None:
        """Print the last line, unless it has been printed: that of a training which ended early says so."""
        if self.last is None or self.last.ended:
            return
        if self.last.step < self.last.steps:
            self.last, self.is_waiting = replace(self.last, ended=True), True
        if self.is_waiting:
            self._print()

    def _print(self) -> None:
        assert self.last is not None
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        line = f"{stamp} {self.what} {sentence(self.last, self.latest)}"
        self.console.print(encodable(printable(line)), soft_wrap=True)
        self.shown_at, self.is_waiting = time.monotonic(), False


class LinesOfArms:
    """Dated lines of several trainings."""

    def __init__(self, shown_on: Console) -> None:
        self.console, self.lines = shown_on, dict[str, Lines]()

    def __call__(self, label: str, progress: Progress) -> None:
        """Take the progress of one of them."""
        if label not in self.lines:
            self.lines[label] = Lines(self.console, label)
        self.lines[label](progress)

    def end(self) -> None:
        """Print the last lines of those that ended early."""
        for lines in self.lines.values():
            lines.end()


# --- what a line says -------------------------------------------------------------------------------------------------


def _shortened(text: str, width: int) -> str:
    """Text cut to `width` characters, with an ellipsis at the end."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


class Latest:
    """The figures last measured, by the step at which they were: the latest first."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, str]] = {}
        self.watched: dict[str, Way] = {}  # of the first figure alone, which is the one that decides

    def add(self, progress: Progress) -> None:
        """Take the figures of a report; those of other names stay, with the step at which they were measured."""
        for name, value in progress.figures.items():
            if name in self.watched or not (self.watched or name == _RATE):
                self.watched.setdefault(name, Way()).add(value)
        step = progress.step if progress.measured_at is None else progress.measured_at
        new = {
            name: (step, f"{_shown(name, progress)} {short(value)}")
            for name, value in progress.figures.items()
            if not name.startswith("health/") and not name.endswith("hamming_loss")
        }
        self.found = new | {name: one for name, one in self.found.items() if name not in new}

    def way(self) -> str:
        """The way of the watched figure as a row of small bars; empty where it cannot be shown."""
        (drawn,) = map(str, self.watched.values()) if self.watched else ("",)
        return drawn if encodable(drawn) == drawn else ""

    def words(self, step: int) -> Iterator[str]:
        """The first figure and the learning rate, the others of `step`, then those of earlier steps with their steps.

        There are none of the untrained network later.
        """
        rate = [self.found[_RATE]] if _RATE in self.found else []
        by_step: dict[int, list[str]] = {}
        for at, text in (one for name, one in self.found.items() if name != _RATE):
            by_step.setdefault(at, []).append(text)
        present = by_step.pop(step, [])
        yield from present[:1]
        yield from (text if at == step else f"at step {at:,}: {text}" for at, text in rate)
        yield from present[1:]
        for at in sorted(by_step, reverse=True):
            if at:
                yield f"at step {at:,}: {', '.join(by_step[at])}"


class Way:
    """The values of a figure so far: at most 64 of them, evenly thinned, and the latest."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.latest, self.seen, self.every = math.nan, 0, 1

    def add(self, value: float) -> None:
        """Add a value; one that is no number is left out."""
        if not math.isfinite(value):
            return
        if self.seen % self.every == 0:
            self.values.append(value)
        self.latest = value
        self.seen += 1
        if len(self.values) > _KEPT:
            self.values, self.every = self.values[::2], 2 * self.every

    def __str__(self) -> str:
        """The way as a row of bars, from the least value to the largest; of one that falls far by logarithms."""
        values = self.values if (self.seen - 1) % self.every == 0 else [*self.values, self.latest]
        if self.seen < 2 or min(values) == max(values):
            return ""
        if min(values) > 0 and max(values) > _FAR * min(values):
            values = [*map(math.log, values)]
        least, span = min(values), max(values) - min(values)
        count = min(len(values), _WAY)
        places = [round(index * (len(values) - 1) / (count - 1)) for index in range(count)]
        return "".join(_HEIGHTS[int((len(_HEIGHTS) - 1) * (values[place] - least) / span + 0.5)] for place in places)


_KEPT, _WAY = 64, 12
_FAR = 20.0
_HEIGHTS = "▁▂▃▄▅▆▇█"


def _shown(name: str, progress: Progress) -> str:
    """The name of a figure in a line of progress."""
    if progress.scaled_targets and name.endswith("/loss"):
        return f"{name} (scaled)"
    return _WORDS.get(name, name)


_MOST_FIGURES = 6
_RATE = "optimizer/learning_rate"
_WORDS = {_RATE: "learning rate"}


def sentence(progress: Progress, latest: Latest, room: int | None = None) -> str:
    """Step, figures, speed and time left in one line; with little room, the last figures and the speed are left out.

    Step and time left are always kept; a training that has ended has none left.
    """
    is_early = progress.ended and progress.step < progress.steps
    step = f"{'ended at ' if is_early else ''}step {progress.step:,}/{progress.steps:,}"
    parts = [*latest.words(progress.step)][:_MOST_FIGURES]
    left = []
    if progress.seconds > 0 and progress.step:
        speed = progress.step / progress.seconds
        parts.append(f"{speed:,.0f} steps/s")
        left = [] if progress.ended else [f"{duration((progress.steps - progress.step) / speed)} left"]
    if (whole := progress.whole) is not None and room is None and whole.arms > 1:
        left.append(f"arm {whole.arm:,} of {whole.arms:,}, {duration(whole.seconds_left)} left of all")
    while parts and room is not None and cell_len(" · ".join([step, *parts, *left])) > room:
        parts.pop()
    return " · ".join([step, *parts, *left])


def duration(seconds: float) -> str:
    """A time span as text: 4.2 s, 3 min 5 s, 2 h 10 min; – for one that is not known."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def short(value: float | None) -> str:
    """A figure in four digits; a dash if it was not measured."""
    return "–" if value is None or value != value else f"{value:.4g}"  # noqa: PLR0124 - nan is not itself
