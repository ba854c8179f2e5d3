"""Style of all pictures: palette, type sizes, texts that fit, and writing the file.

The colours are Okabe and Ito's, distinct for any colour vision (without yellow, which is too pale on white). Each
colour is paired with a marker and a line style, for prints in grey. Matplotlib's global settings are not changed.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import io
import itertools
import math
import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import text_to_path
from matplotlib.ticker import Formatter, ScalarFormatter
from numpy.typing import NDArray

from nnlab.errors import StorageError, printable
from nnlab.storage.files import open_new, refuse_other_than_file, remove, temporary_for

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")

GRID, FAINT, INK = "#dddddd", "#a6a6a6", "#222222"
SMALL, NORMAL, LARGE = 10, 11, 13
LEGEND = 44  # characters of an arm's name in a legend
DOTS_PER_INCH = 120
PARTS = {"train": "training", "val": "validation"}
SHORT = {"rmse": "RMSE", "mae": "MAE", "r2": "R²"}


def look(index: int) -> tuple[str, str, str]:
    """Colour, line style and marker number `index`; the first 77 differ in colour or marker."""
    return COLOURS[index % len(COLOURS)], LINES[index % len(LINES)], MARKERS[index % len(MARKERS)]


_page: ContextVar[float] = ContextVar("page", default=math.inf)


@contextlib.contextmanager
def page(inches: float) -> Iterator[None]:
    """Pictures that are drawn within are at most `inches` wide; of panels fewer stand side by side if need be."""
    token = _page.set(inches)
    try:
        yield
    finally:
        _page.reset(token)


def page_width() -> float:
    """The most inches that a picture may be wide; infinite on a screen."""
    return _page.get()


def panels_across(panels: int, inches: float, *, most: int, beside: float = 0.0) -> int:
    """How many panels of `inches` stand in a row: at most `most`, and only as many as fit `beside` what else there is.

    Rows are about equally long.
    """
    fitting = max(1, math.floor(min((page_width() - beside) / inches, most)))
    rows = -(-panels // fitting)
    return -(-panels // max(rows, 1))


def letters_for(usual: int, narrow: int) -> int:
    """How long names beside a frame may be: `usual`, and `narrow` on a page on which they would take its room."""
    return usual if page_width() >= _ROOMY else narrow


_ROOMY = 7.5  # inches of a page


def blank(title: str, *, width: float = 8.0, height: float = 4.6) -> Figure:
    """An empty figure of `width` by `height` inches under its title, or as wide as the page if that is narrower."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07)
    size = min(width, page_width()), height
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, title)
    return figure


def _head(figure: Figure, title: str, **place: Any) -> None:
    """Print the title at the left, at the top unless `place` says otherwise."""
    heading = wrapped(legible(title), int(8 * figure.get_figwidth()))
    style: dict[str, Any] = {"fontsize": LARGE, "fontweight": "bold", "color": INK, "parse_math": False}
    figure.suptitle(heading, x=0.012, ha="left", **style, **place)


def in_inches(title: str, width: float, height: float) -> tuple[Figure, Axes]:
    """A figure whose axes are in inches, from below the title at the left to the right and down."""
    figure = blank(title, width=width, height=height + _TITLE)
    figure.set_size_inches(width, height + _TITLE)  # its axes are in inches, on any page
    figure.set_layout_engine("none")
    _head(figure, title, y=1 - 0.12 / (height + _TITLE), va="top")
    axes = figure.add_axes((0, 0, 1, height / (height + _TITLE)))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


_TITLE = 0.45  # inches


def dress(axes: Axes, *, x: str, y: str, sentence: str = "", letters: int = 90, gap: float = 6) -> None:
    """Give `axes` its labels, the sentence `gap` points above it (wrapped at `letters`), a thin grid, an open frame."""
    axes.set_xlabel(legible(x), fontsize=NORMAL, color=INK, parse_math=False)
    axes.set_ylabel(wrapped(legible(y), 40), fontsize=NORMAL, color=INK, parse_math=False)
    axes.set_title(wrapped(sentence, letters), loc="left", pad=gap, fontsize=NORMAL, color=INK, parse_math=False)
    axes.tick_params(labelsize=SMALL, colors=INK)
    for axis in (axes.xaxis, axes.yaxis):
        if isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(PlainNumbers())
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(FAINT)


def label_ends(axes: Axes, ends: Sequence[tuple[str, float, str]], *, height: float) -> None:
    """Write names to the right of the frame, each joined to the end of its line, and none upon another.

    An end is a name, the value of y there and the colour of the line; `height` is that of the frame, in inches.
    """
    ends = sorted(ends, key=lambda end: end[1])
    at = axes.transScale.transform([(1.0, value) for _, value, _ in ends])[:, 1] if ends else np.empty(0)
    low, high = axes.transScale.transform([(1.0, value) for value in axes.get_ylim()])[:, 1]
    shares = (at - low) / ((high - low) or 1)
    for (name, _, colour), share, place in zip(ends, shares, _apart(shares, 0.17 / height), strict=True):
        axes.plot([1.0, 1.03], [share, place], transform=axes.transAxes, color=colour, linewidth=1, clip_on=False)
        axes.text(1.035, place, name, transform=axes.transAxes, va="center", fontsize=SMALL, color=INK,
                  parse_math=False)  # fmt: skip


def _apart(places: NDArray[Any], gap: float) -> NDArray[Any]:
    """Sorted places, moved up where they are nearer to the one below than `gap`, then all down by half of that.

    None is moved above 1 unless there are too many.
    """
    moved = [float(places[0])] if len(places) else []
    for place in places[1:]:
        moved.append(max(float(place), moved[-1] + gap))
    lift = float((np.array(moved) - places).max(initial=0.0))
    steps = gap * np.arange(len(moved))
    return np.array(moved) - lift / 2 if not moved else (np.array(moved) - lift / 2).clip(steps, 1 - steps[::-1])


def say(axes: Axes, words: str) -> None:
    """Print `words` in the middle of an empty `axes`."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=NORMAL, color=INK)


def say_below(figure: Figure, words: str) -> None:
    """Print sentences at the foot of a figure, in lines as wide as it is."""
    text = textwrap.fill(legible(words), int(12.2 * figure.get_figwidth()), break_on_hyphens=False)
    figure.supxlabel(text, fontsize=NORMAL, color=INK, x=0.012, ha="left", parse_math=False)


def add_note(figure: Figure, words: str, size: float = NORMAL) -> None:
    """Print sentences at the foot of a finished figure, above its legend if it has one; the figure grows by them."""
    if not words:
        return
    text = textwrap.fill(legible(words), int(12.2 * figure.get_figwidth() * NORMAL / size))
    figure.set_figheight(figure.get_figheight() + 0.2 * size / NORMAL * (1 + text.count("\n")))
    if not figure.legends:
        say_below(figure, words)
        return
    (box,) = figure.legends
    box.set_title(text, prop=FontProperties(size=size))
    box.get_title().set_parse_math(False)
    box.set_alignment("left")


def legend(figure: Figure, handles: Sequence[Artist], names: Sequence[str], size: float = SMALL) -> None:
    """Put a legend below the axes, where it hides nothing; the figure grows by the rows of the legend."""
    scale = size / SMALL
    if not handles:
        return
    columns = max(1, min(len(names), int(figure.get_figwidth() * 12.5 / scale / (max(map(len, names)) + 7))))
    rows = -(-len(names) // columns)
    figure.set_figheight(figure.get_figheight() + 0.22 * scale * rows)
    # Placeholders first: matplotlib drops labels that begin with "_" and reads "$" as the start of a formula.
    box = figure.legend(
        handles,
        ["·"] * len(names),
        loc="outside lower center",
        ncols=columns,
        fontsize=size,
        frameon=False,
        markerscale=1.2,
    )
    for text, name in zip(box.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def save(figure: Figure, path: Path | str, formats: Sequence[str] = ()) -> None:
    """Write `figure` as a PNG file, and beside it in the other `formats`; the same figure gives the same bytes.

    Each file is written atomically.

    Raises:
        NotAFileError: there is a link, a pipe or a folder at the path.
        StorageError: the file cannot be written; nothing of it is left behind.

    """
    for kind in dict.fromkeys(["png", *formats]):
        _write(Path(path).with_suffix(f".{kind}"), to_format(figure, kind))


def _write(path: Path, picture: bytes) -> None:
    refuse_other_than_file(path)
    temporary = temporary_for(path)
    try:
        with os.fdopen(open_new(temporary), "wb") as stream:
            stream.write(picture)
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"{printable(str(path))}: cannot write the picture: {error.strerror}") from error
    finally:
        remove(temporary)


_COMPRESSION = 4  # of zlib's 9: two thirds of the time of its default, and files a twelfth larger


def to_png(figure: Figure) -> bytes:
    """The bytes of `figure` as a PNG file in its own resolution; the same figure gives the same bytes."""
    picture = io.BytesIO()
    _lay_out(figure)
    canvas: Any = FigureCanvasAgg(figure)  # `savefig` would draw the whole figure twice
    canvas.print_png(picture, metadata={"Software": None}, pil_kwargs={"compress_level": _COMPRESSION})
    return picture.getvalue()


def to_format(figure: Figure, kind: str) -> bytes:
    """The bytes of `figure` as a PNG, SVG or PDF file; the same figure gives the same bytes.

    Text is outlines in SVG, to look alike everywhere, and text in TrueType in PDF.
    """
    if kind == "png":
        return to_png(figure)
    _lay_out(figure)
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    picture = io.BytesIO()
    with rc_context({"svg.hashsalt": "nnlab", "svg.fonttype": "path", "pdf.fonttype": 42}):
        figure.savefig(picture, format=kind, facecolor="white", metadata=dates[kind])
    return picture.getvalue()


def _lay_out(figure: Figure) -> None:
    """Compute the layout once, for `savefig` would draw the whole figure again to do it."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        if any(axes.get_aspect() != "auto" for axes in figure.axes):
            engine.execute(figure)  # what shrinks to its aspect leaves room: up to ten pixels, elsewhere less than one
        figure.set_layout_engine("none")  # another pass would move things by fractions of a pixel


def legible(text: str) -> str:
    """`text` with control characters and characters that the font lacks written as escapes.

    The thin spaces of `count` stay, though Python does not take them for printable.
    """
    return _THIN_SPACE.join(
        "".join(c if ord(c) in _characters() else c.encode("unicode_escape").decode() for c in printable(part))
        for part in text.split(_THIN_SPACE)
    )


_THIN_SPACE = "\N{THIN SPACE}"


@functools.cache
def _characters() -> frozenset[int]:
    """The code points that the font can draw."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def shortened(text: str, letters: int) -> str:
    """`text`, legible, cut in the middle to `letters` characters: the two ends are most informative."""
    text = legible(text)
    if len(text) <= letters:
        return text
    tail = (letters - 1) // 2
    return f"{text[: letters - 1 - tail]}…{text[len(text) - tail :]}"


def fitted(text: str, inches: float, size: float) -> str:
    """`text` in one line, cut in the middle to what is `inches` wide in type of `size` points."""

    def width(letters: int) -> float:
        points, *_ = text_to_path.get_text_width_height_descent(
            shortened(text, letters), FontProperties(size=size), ismath=False
        )
        return float(points) / 72

    letters = range(1, len(text) + 1)
    return shortened(text, max(1, bisect.bisect_right(letters, inches, key=width)))


def in_two_lines(text: str, letters: int) -> str:
    """`text`, legible, in up to two lines of `letters` characters, of which the second is shortened if it is longer.

    The first ends at a space or a bracket if both fit then, else behind a comma or an underscore, and never within a
    word or a number.
    """
    text = legible(text)
    if len(text) <= letters:
        return text
    ends = [match.end() for match in _BREAKS.finditer(text) if len(text[: match.end()].rstrip()) <= letters]
    best = [end for end in ends if text[end - 1] in " (" and len(text) - end <= letters] or ends
    return f"{text[: best[-1]].rstrip()}\n{shortened(text[best[-1] :], letters)}" if best else shortened(text, letters)


_BREAKS = re.compile(r"[\s,(_]+(?=\S)")


def wrapped(text: str, letters: int) -> str:
    """`text` wrapped into at most three lines of `letters` characters."""
    return "\n".join(textwrap.wrap(text, max(letters, 12), max_lines=3, placeholder=" …", break_on_hyphens=False))


_MOST_PANELS = 12


def ends_of(names: Sequence[str]) -> tuple[Sequence[str], str]:
    """The names that get a panel, of more than twelve the first and the last six; and what is left out, in words."""
    half = _MOST_PANELS // 2
    if len(names) <= _MOST_PANELS:
        return names, ""
    return [*names[:half], *names[-half:]], f"the first and the last {half} of {count(len(names))}"


def joined(parts: Iterable[str]) -> str:
    """The parts of a sentence that are not empty, joined by semicolons."""
    return "; ".join(part for part in parts if part)


def plain_name(name: str) -> str:
    """A name in words: binary cross entropy for `binary_cross_entropy`, validation loss for `val/loss`."""
    part, slash, rest = name.partition("/") if name.partition("/")[0] in (*PARTS, "test") else name.rpartition("/")
    return legible(f"{PARTS.get(part, part)}{' ' if slash else ''}{SHORT.get(rest, rest.replace('_', ' '))}")


LOSS_WORDS = {
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "huber": "Huber",
    "log_cosh": "log cosh",
    "poisson": "Poisson",
    "gaussian_nll": "Gaussian log-likelihood",
    "binary_cross_entropy": "binary cross-entropy",
    "cross_entropy": "cross-entropy",
    "focal": "focal",
    "hinge": "hinge",
    "squared_hinge": "squared hinge",
}


def loss_label(label: str, loss: str, *, scaled: bool) -> str:
    """`label` followed by the loss's name in words: loss (mean squared error, scaled targets).

    The name may include parameters: `huber(delta=1.5)`.
    """
    name, _, chosen = loss.partition("(")
    parts = [LOSS_WORDS.get(name, plain_name(name)), legible(chosen.removesuffix(")").replace("_", " "))]
    words = ", ".join(filter(None, [*parts, "scaled targets" if scaled else ""]))
    return f"{label} ({words})" if words else label


def number(value: float, digits: int = 4) -> str:
    """`value` to four digits, or as many as asked for: 0.01234, 1e-9, 45 210, 2.5e8."""
    if 1e4 <= abs(value) < 1e7 and (digits <= 4 or value == round(value)):
        return count(value)
    return re.sub(r"e(-?)\+?0*", r"e\1", f"{value:.{digits}g}").replace("-", "−")


class PlainNumbers(Formatter):
    """Ticks that each tell their whole value, with as many digits as they need.

    Matplotlib would put a factor or a summand that all ticks share at the end of the axis, where the sentence is.
    """

    def __call__(self, value: float, pos: int | None = None) -> str:  # noqa: ARG002 - matplotlib gives it
        """A value beside the ticks."""
        return number(value)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """The ticks at these values, exact to a hundredth of the distance of two."""
        places = sorted({*map(float, values)})
        exact = min((after - before for before, after in itertools.pairwise(places)), default=1e-300) / 100
        return [_exact(0.0 if abs(value) < exact else float(value), exact) for value in values]


def _exact(value: float, error: float) -> str:
    """`value` to four digits, or as many more as make it wrong by at most `error`."""
    digits = (digits for digits in range(4, 17) if abs(float(f"{value:.{digits}g}") - value) <= error)
    return number(value, next(digits, 17))


def count(value: float) -> str:
    """A whole number with thin spaces between its thousands: 60 000."""
    return f"{round(value):,}".replace(",", _THIN_SPACE)


def sample_count(number: float) -> str:
    """A number of samples: 1 sample, 60 000 samples."""
    return f"{count(number)} sample{'' if round(number) == 1 else 's'}"


def percent(share: float) -> str:
    """A share between 0 and 1 in percent: 97.2 %. 0 and 100 are printed only if exact."""
    if 0.9999 < share < 1:
        return "> 99.99 %"
    return "< 0.01 %" if 0 < share < 0.0001 else f"{number(round(100 * share, 2))} %"
