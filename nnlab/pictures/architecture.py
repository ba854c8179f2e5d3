"""The picture of a network: columns of circles for units, boxes for images, and weights as coloured lines.

Everything stands in one pair of axes in inches, from the upper left corner to the right and down.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from nnlab.networks.diagrams.diagram import Diagram, Node, left_out
from nnlab.networks.layers.base import is_image, units_of
from nnlab.networks.layers.windows import times
from nnlab.pictures.scales import drawable
from nnlab.pictures.style import (
    BLUE,
    FAINT,
    INK,
    LARGE,
    SMALL,
    VERMILLION,
    count,
    fitted,
    in_inches,
    legible,
    number,
    page_width,
)

MOST_COLUMNS = 12  # of deeper networks the first seven and the last four, and a gap
MOST_UNITS = 16  # circles of a column; of wider layers the first twelve and the last four
_FIRST_UNITS, _FIRST_COLUMNS = 12, 7

_LINE, _MARGIN, _NAME_WIDTH = 0.19, 0.2, 2.0
_LETTER = 0.074  # width of a letter of a sentence, a little more than that of most
_TALLEST = 5.1  # of the circles
_WIDE, _CLOSEST = 6.4, 1.18  # inches of a picture on a page with room, and from column to column on a narrow one
_SHEET, _MOST_SHEETS = 0.05, 5
_FAINTEST = 0.04  # of the scale, below which a fill looks white
_FEW_ROWS = 8  # circles of a column, up to which lines are thick
_MOST_SPELLED, _MOST_INPUTS_SPELLED = 4, 6  # units and inputs of networks whose weights are printed as numbers


@dataclass(frozen=True)
class _Column:
    """Nodes that share one column: one with units of its own, and those behind it that only change them."""

    nodes: tuple[Node, ...]

    @property
    def head(self) -> Node:
        return self.nodes[0]

    @property
    def is_box(self) -> bool:
        return is_image(self.head.shape)

    @property
    def units(self) -> int:
        return 0 if self.is_box or self.head.left_out else units_of(self.head.shape)

    @property
    def shown(self) -> NDArray[np.intp]:
        """The numbers of the units that are drawn."""
        if self.units <= MOST_UNITS:
            return np.arange(self.units)
        last = self.units - (MOST_UNITS - _FIRST_UNITS)
        return np.concatenate([np.arange(_FIRST_UNITS), np.arange(last, self.units)])

    @property
    def is_cut(self) -> bool:
        return self.units > MOST_UNITS

    @property
    def captions(self) -> list[tuple[str, bool]]:
        """The lines above the column, each with whether it is the name of a layer."""
        if self.head.left_out:
            return []
        found = []
        for node in self.nodes:
            found.append((node.name, True))
            found += [(part, False) for note in node.notes for part in _parts(note)]
        return found

    @property
    def size(self) -> str:
        """The line below the column."""
        if self.head.left_out:
            return ""
        kind = "input" if self.head.kind == "input" else "unit"
        return times(self.head.shape) if self.is_box else f"{self.units:,} {kind}{'s' * (self.units != 1)}"


def _parts(note: str) -> list[str]:
    """What a layer is set to, a line for each; a formula, which may have commas, stays whole."""
    return [note] if "(" in note else note.split(", ")


def architecture(diagram: Diagram, notes: Sequence[str] = ()) -> Figure:
    """The layers of a network in columns from left to right, with its weights if the diagram has any; notes below."""
    columns = _columns(diagram.nodes)
    plan = _Plan(columns, diagram, notes)
    figure, axes = in_inches(f"{diagram.names.title}, architecture", plan.width, plan.height)
    largest = plan.largest
    for left, right in zip(range(len(columns) - 1), range(1, len(columns)), strict=True):
        _connect(axes, plan, left, right, largest)
    for index in range(len(columns)):
        _draw_column(axes, plan, index, largest)
    _name_units(axes, plan, 0, diagram.names.inputs, side=-1)
    _name_units(axes, plan, len(columns) - 1, diagram.names.outputs, side=1)
    _explain(axes, plan)
    return figure


def _columns(nodes: Sequence[Node]) -> list[_Column]:
    columns: list[_Column] = []
    for node in nodes:
        if node.kind in ("output", "loss"):
            continue
        if node.has_units or node.left_out or not columns:
            columns.append(_Column((node,)))
        else:
            columns[-1] = replace(columns[-1], nodes=(*columns[-1].nodes, node))
    if len(columns) <= MOST_COLUMNS:
        return columns
    last = len(columns) - (MOST_COLUMNS - _FIRST_COLUMNS - 1)
    hidden = sum(node.left_out or 1 for column in columns[_FIRST_COLUMNS:last] for node in column.nodes)
    return [*columns[:_FIRST_COLUMNS], _Column((left_out(hidden),)), *columns[last:]]


def _largest(columns: Sequence[_Column]) -> float:
    """The largest size of any weight or bias that is drawn: both ends of the scale; 0 if there are none."""
    largest = 0.0
    for before, column in pairwise(columns):
        for values in (_weights(before, column), _bias(column)):
            if values is not None:
                largest = max(largest, float(np.abs(values).max(initial=0)))
    return largest


def _weights(before: _Column, column: _Column) -> NDArray[Any] | None:
    """The weights between the units that are drawn, (inputs, units); 0 where they are no numbers."""
    weights = column.head.weights
    if weights is None or len(weights) != before.units:
        return None
    shown = weights[np.ix_(before.shown, column.shown)].astype(float)
    return np.where(drawable(shown), shown, 0.0)


def _bias(column: _Column) -> NDArray[Any] | None:
    if column.head.bias is None or column.is_box:
        return None
    shown = column.head.bias[column.shown].astype(float)
    return np.where(drawable(shown), shown, 0.0)


class _Plan:
    """Where everything stands, in inches."""

    def __init__(self, columns: Sequence[_Column], diagram: Diagram, notes: Sequence[str]) -> None:
        self.columns = columns
        self.rows = max([len(column.shown) + column.is_cut for column in columns], default=1)
        self.pitch = min(0.9, _TALLEST / max(self.rows, 1))
        self.radius = min(0.27, 0.4 * self.pitch)
        inputs, outputs = diagram.names.inputs, diagram.names.outputs
        self.left = _MARGIN + _room(inputs) + max(self.radius, 0.5)
        self.right = _MARGIN + _room(outputs) + max(self.radius, 0.6)
        gaps = len(columns) - 1
        fitting = (page_width() - self.left - self.right) / max(gaps, 1)
        self.across = min(_across(columns), max(fitting, _CLOSEST))
        self.width = max(min(_WIDE, page_width()), self.left + self.across * gaps + self.right)
        self.left += (self.width - self.left - self.right - self.across * gaps) / 2
        self.top = 0.1 + _LINE * max(len(column.captions) for column in columns)
        self.tall = max(self.rows * self.pitch, 1.5 if any(column.is_box for column in columns) else 0.9)
        self.bottom = self.top + self.tall
        self.largest = _largest(columns)
        letters = int((self.width - 2 * _MARGIN) / _LETTER)
        sentences = [*_sentences(diagram, columns, trained=self.largest > 0), *notes]
        self.sentences = [line for sentence in sentences for line in textwrap.wrap(legible(sentence), letters)]
        scale = (1.5 + self.is_narrow) * (self.largest > 0)
        self.height = self.bottom + (1.9 + len(self.sentences) + scale) * _LINE
        self.thickest = 3.5 if self.rows <= _FEW_ROWS else 1.8  # points

    @property
    def is_narrow(self) -> bool:
        """Whether the legend takes two lines."""
        return self.width < _WIDE

    def x(self, index: int) -> float:
        return self.left + index * self.across

    def y(self, index: int) -> NDArray[Any]:
        """The heights of the circles of a column; the last ones stand below the gap of a column that is cut."""
        column = self.columns[index]
        places = np.arange(len(column.shown)) + (column.is_cut * (np.arange(len(column.shown)) >= _FIRST_UNITS))
        middle = (len(column.shown) + column.is_cut - 1) / 2
        return self.top + self.tall / 2 + (places - middle) * self.pitch

    def widths(self, shares: NDArray[Any]) -> NDArray[Any]:
        """The widths of lines in points."""
        found: NDArray[Any] = 0.3 + (self.thickest - 0.3) * np.abs(shares)
        return found

    def reach(self, column: _Column) -> float:
        """How far a column reaches to both sides of its middle, with a gap."""
        if column.head.left_out:
            return 0.5
        return self.box(column)[0] / 2 + 0.08 if column.is_box else self.radius + 0.06

    def box(self, column: _Column) -> tuple[float, float, int]:
        """Width and height of an image's pile of sheets, and how many there are: one for each channel, up to five."""
        rows, columns, channels = column.head.shape
        largest = max(max(other.head.shape[:2]) for other in self.columns if other.is_box)
        sheets = min(channels, _MOST_SHEETS)
        wide, high = (max(0.12, 0.72 * (side / largest) ** 0.6) + _SHEET * (sheets - 1) for side in (columns, rows))
        return wide, high, sheets

    @property
    def spells(self) -> bool:
        """Whether there is room to print weights and biases as numbers."""
        units = [column.units for column in self.columns]
        return max(units[1:], default=0) <= _MOST_SPELLED and units[0] <= _MOST_INPUTS_SPELLED and self.across > 1.4


def _across(columns: Sequence[_Column]) -> float:
    """Inches from column to column."""
    return 2.0 if len(columns) <= 4 else 1.45 if len(columns) <= 8 else _CLOSEST


def _room(names: Sequence[str]) -> float:
    return min(_NAME_WIDTH, 0.09 * max(map(len, names), default=0) + 0.15)


def _connect(axes: Axes, plan: _Plan, left: int, right: int, largest: float) -> None:
    """Lines from each unit to each of the next dense layer; else an arrow."""
    before, column = plan.columns[left], plan.columns[right]
    is_dense = before.units and column.units and _is_dense(column.head)
    if not is_dense:
        start, end = plan.x(left) + plan.reach(before), plan.x(right) - plan.reach(column)
        middle = plan.top + plan.tall / 2
        axes.annotate("", (end, middle), (start, middle), arrowprops={"arrowstyle": "-|>", "color": INK})
        return
    starts, ends = plan.y(left), plan.y(right)
    x0, x1 = plan.x(left) + plan.radius, plan.x(right) - plan.radius
    lines = np.array([[(x0, start), (x1, end)] for start in starts for end in ends])
    weights = _weights(before, column)
    if weights is None:
        axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.5, zorder=1))  # type: ignore[arg-type]
        return
    order = np.argsort(np.abs(weights.ravel()), kind="stable")  # the strongest lie on top
    shares = weights.ravel()[order] / (largest or 1)
    axes.add_collection(
        LineCollection(lines[order], linewidths=plan.widths(shares), zorder=1, **_dress(shares))  # type: ignore[arg-type]
    )
    if plan.spells:
        _spell(axes, lines, weights)


def _is_dense(node: Node) -> bool:
    return any(line.startswith("weights") for line in node.lines) and not is_image(node.shape)


def _colours(shares: NDArray[Any]) -> list[tuple[float, ...]]:
    """Blue above 0, vermillion below, fainter towards it."""
    return [to_rgba(BLUE if share > 0 else VERMILLION, 0.2 + 0.8 * min(abs(share), 1)) for share in shares]


def _dress(shares: NDArray[Any]) -> dict[str, Any]:
    """Colours of weights, and dashes of those below 0, which must not differ by their colour alone."""
    dashes: list[Any] = [(0, (3, 1.5)) if share < 0 else "solid" for share in shares]
    return {"colors": _colours(shares), "linestyles": dashes}


def _spell(axes: Axes, lines: NDArray[Any], weights: NDArray[Any]) -> None:
    """Print each weight on its line, nearer to where it begins the more lines end together."""
    share = 1 / (weights.shape[1] + 1) if len(weights) > 1 else 0.5
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    for (start, end), weight in zip(lines, weights.ravel(), strict=True):
        x, y = start + share * (end - start)
        axes.text(x, y, _short(weight), fontsize=SMALL, color=INK, ha="center", va="center", bbox=box, zorder=2)


def _short(value: float) -> str:
    return number(float(f"{value:.2g}"))


def _draw_column(axes: Axes, plan: _Plan, index: int, largest: float) -> None:
    """The captions, circles or box, and size of a column."""
    column, x = plan.columns[index], plan.x(index)
    for line, (text, is_name) in enumerate(column.captions):
        weight = "bold" if is_name else "normal"
        shown = fitted(text, (0.86 if is_name else 0.96) * plan.across, SMALL)
        axes.text(
            x,
            0.1 + line * _LINE,
            shown,
            fontsize=SMALL,
            fontweight=weight,
            color=INK,
            ha="center",
            va="top",
            parse_math=False,
        )
    if column.head.left_out:
        text = f"…\n{count(column.head.left_out)}\nmore\nlayers\n…"
        axes.text(x, plan.top + plan.tall / 2, text, fontsize=SMALL, color=INK, ha="center", va="center")
    elif column.is_box:
        _draw_box(axes, plan, index)
    else:
        _draw_circles(axes, plan, index, largest)
    axes.text(x, plan.bottom + 0.06, column.size, fontsize=SMALL, color=INK, ha="center", va="top")


def _draw_circles(axes: Axes, plan: _Plan, index: int, largest: float) -> None:
    column, y = plan.columns[index], plan.y(index)
    bias = _bias(column)
    fills: Any = "white"
    if bias is not None:
        tints = [to_rgba(BLUE if b > 0 else VERMILLION, 0.55 * min(abs(b) / (largest or 1), 1)) for b in bias]
        fills = [tuple(1 - t[3] * (1 - c) for c in t[:3]) for t in tints]
    size = np.full(len(y), 2 * plan.radius)
    places = np.column_stack([np.full(len(y), plan.x(index)), y])
    axes.add_collection(
        EllipseCollection(
            size,
            size,
            np.zeros(len(y)),
            units="xy",
            offsets=places,
            offset_transform=axes.transData,
            facecolors=fills,
            edgecolors=INK,
            linewidths=0.9,
            zorder=3,
        )
    )
    if column.is_cut:
        middle = (y[_FIRST_UNITS - 1] + y[_FIRST_UNITS]) / 2
        axes.text(plan.x(index), middle, "⋮", fontsize=LARGE, color=INK, ha="center", va="center", zorder=3)
    for height, value in zip(y, () if bias is None else bias, strict=False):
        words = _short(value) if plan.spells else _sign(value / (largest or 1))
        axes.text(plan.x(index), height, words, fontsize=SMALL, color=INK, ha="center", va="center", zorder=4)


def _sign(share: float) -> str:
    """The sign of a bias whose fill can be seen, since it must not be told by a colour alone."""
    return "" if abs(share) < _FAINTEST else "+" if share > 0 else "−"


def _draw_box(axes: Axes, plan: _Plan, index: int) -> None:
    """An image as a pile of sheets; its sides follow rows and columns."""
    wide, high, sheets = plan.box(plan.columns[index])
    left, top, behind = plan.x(index) - wide / 2, plan.top + plan.tall / 2 - high / 2, _SHEET * (sheets - 1)
    pile = [Rectangle((left + _SHEET * k, top + _SHEET * k), wide - behind, high - behind) for k in range(sheets)]
    axes.add_collection(PatchCollection(pile, facecolors="#dcebf5", edgecolors=INK, linewidths=0.8, zorder=3))


def _name_units(axes: Axes, plan: _Plan, index: int, names: Sequence[str], *, side: int) -> None:
    """The names of the units of the first or the last column beside them."""
    column = plan.columns[index]
    if len(names) != column.units:
        return
    x, where = plan.x(index) + side * (plan.radius + 0.1), {-1: "right", 1: "left"}[side]
    for unit, height in zip(column.shown, plan.y(index), strict=True):
        shown = fitted(names[unit], _NAME_WIDTH - 0.1, SMALL)
        axes.text(x, height, shown, fontsize=SMALL, color=INK, ha=where, va="center", parse_math=False)


def _sentences(diagram: Diagram, columns: Sequence[_Column], *, trained: bool) -> list[str]:
    """What the network is, its loss, and what is drawn of it."""
    explained = {
        "Boxes are images of rows × columns × channels.": any(column.is_box for column in columns),
        "Each line is a weight.": not trained and any(column.units for column in columns[1:]),
        f"Of more than {MOST_UNITS} units the first {_FIRST_UNITS} and the last 4 are drawn.": any(
            column.is_cut for column in columns
        ),
    }
    sentences = [sentence for sentence, holds in explained.items() if holds]
    scalings = [node for node in diagram.nodes if node.kind == "scaling"]
    widest = 0.96 * _across(columns)
    cut = [
        f"{node.name}: {part}."
        for column in columns
        for node in column.nodes
        for part in (part for note in node.notes for part in _parts(note))
        if fitted(part, widest, SMALL) != part
    ]
    steps = [f"{node.name[0].upper()}{node.name[1:]}: {', '.join(node.lines)}." for node in scalings]
    loss = ", ".join(next(node for node in diagram.nodes if node.kind == "loss").lines)
    return [f"{diagram.about}; loss: {loss}.", *steps, *cut, *sentences]


def _explain(axes: Axes, plan: _Plan) -> None:
    """The sentences, and what lines and colours mean."""
    y = plan.bottom + 0.06 + 1.6 * _LINE
    for sentence in plan.sentences:
        shown = fitted(sentence, plan.width - 2 * _MARGIN, SMALL)
        axes.text(_MARGIN, y, shown, fontsize=SMALL, color=INK, va="top", parse_math=False)
        y += _LINE
    if plan.largest:
        _draw_scale(axes, plan, y + 0.6 * _LINE)


def _draw_scale(axes: Axes, plan: _Plan, y: float) -> None:
    """The legend: lines of the strongest weights and of half as strong ones."""
    x = _MARGIN
    axes.text(x, y, "lines: weights", fontsize=SMALL, color=INK, va="center")
    x += 1.15
    for share in (-1.0, -0.5, 0.5, 1.0):
        at = np.array([share])
        line = LineCollection([[(x, y), (x + 0.3, y)]], linewidths=plan.widths(at), **_dress(at))
        axes.add_collection(line)
        axes.text(x + 0.36, y, _short(share * plan.largest), fontsize=SMALL, color=INK, va="center")
        x += 0.92
    if plan.is_narrow:
        x, y = _MARGIN, y + _LINE
    axes.text(x, y, "fill of a circle: bias", fontsize=SMALL, color=INK, va="center")
