"""The picture of a forward pass: each operation with its shapes, and beside it the derivatives that flow back."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from nnlab.networks.diagrams.diagram import Diagram, Edge, Node
from nnlab.pictures.style import BLUE, INK, NORMAL, SMALL, VERMILLION, in_inches, legible

MOST_LAYERS = 12

_LINE, _PAD, _GAP, _MARGIN = 0.19, 0.09, 0.42, 0.2  # inches
_WIDTHS = (6.2, 4.5)  # of the boxes forward and backward
_LETTERS = (81, 59)  # that fit into a line of these
_LETTERS_BELOW = 150
_BETWEEN = 0.5
_HEAD = 0.45
_MOST_LINES = 3  # of one formula


def operations(diagram: Diagram) -> Figure:
    """A box for each operation from top to bottom, and from bottom to top a box for what it hands back."""
    rows = [_Row(node) for node in diagram.nodes]
    tops, y = [], _HEAD
    for row in rows:
        tops.append(y)
        y += row.height + _GAP
    about = textwrap.wrap(diagram.about, _LETTERS_BELOW)
    width = 2 * _MARGIN + sum(_WIDTHS) + _BETWEEN
    figure, axes = in_inches(f"{diagram.names.title}, operations", width, y - _GAP + 0.25 + _LINE * len(about))
    for side, words in enumerate(("forward: what is computed", "backward: the derivatives that flow back")):
        axes.text(_x(side), 0.1, words, fontsize=NORMAL, color=(BLUE, VERMILLION)[side], va="top", fontweight="bold")
    for row, top in zip(rows, tops, strict=True):
        _draw_row(axes, row, top)
    _draw_arrows(axes, diagram, rows, tops)
    axes.text(_MARGIN, y - _GAP + 0.12, "\n".join(about), fontsize=SMALL, color=INK, va="top", linespacing=1.3)
    return figure


class _Row:
    """An operation with its lines, wrapped to the widths of the boxes."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.forward, self.backward = _wrapped(node.lines, _LETTERS[0]), _wrapped(node.back, _LETTERS[1])
        lines = 1 + max(len(self.forward), len(self.backward) - 1)
        self.height = lines * _LINE + 2 * _PAD


def _wrapped(lines: Sequence[str], letters: int) -> list[str]:
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            legible(line), letters, subsequent_indent="   ", max_lines=_MOST_LINES, placeholder=" …"
        )
    ]


def _x(side: int) -> float:
    """Where the boxes forward (0) or backward (1) begin."""
    return _MARGIN + side * (_WIDTHS[0] + _BETWEEN)


def _draw_row(axes: Axes, row: _Row, top: float) -> None:
    if row.node.kind == "left out":
        for side in (0, 1):
            _write(axes, side, top, [row.node.name])
        return
    _draw_box(axes, 0, top, row.height)
    _write(axes, 0, top, [row.node.name, *row.forward])
    if row.backward:
        _draw_box(axes, 1, top, row.height)
        _write(axes, 1, top, row.backward)


def _draw_box(axes: Axes, side: int, top: float, height: float) -> None:
    colours = {0: ("#eef5fa", BLUE), 1: ("#fdf1e9", VERMILLION)}[side]
    box = FancyBboxPatch((_x(side), top), _WIDTHS[side], height, boxstyle="round,pad=0,rounding_size=0.08",
                         facecolor=colours[0], edgecolor=colours[1], linewidth=1.0)  # fmt: skip
    axes.add_patch(box)


def _write(axes: Axes, side: int, top: float, lines: Sequence[str]) -> None:
    """The lines of a box; forward the first one is the name of the layer."""
    for number, line in enumerate(lines):
        weight = "bold" if side == 0 and number == 0 else "normal"
        axes.text(_x(side) + 0.12, top + _PAD + number * _LINE, line, fontsize=SMALL, fontweight=weight, color=INK,
                  va="top", parse_math=False)  # fmt: skip


def _draw_arrows(axes: Axes, diagram: Diagram, rows: Sequence[_Row], tops: Sequence[float]) -> None:
    """What flows from box to box: down on the left, up on the right; at the loss the way turns."""
    places = {row.node.key: (top, top + row.height) for row, top in zip(rows, tops, strict=True)}
    neighbours = {frozenset(pair) for pair in pairwise(places)}
    for edge in diagram.edges:
        if {edge.source, edge.target} in neighbours:  # the outputs' edge would cross the loss
            _draw_arrow(axes, edge, places)
    top, bottom = places["loss"]
    _arrow(axes, (_x(0) + _WIDTHS[0], (top + bottom) / 2), (_x(1), (top + bottom) / 2), INK)


def _draw_arrow(axes: Axes, edge: Edge, places: dict[str, tuple[float, float]]) -> None:
    x, colour = (_x(1) + 0.6, VERMILLION) if edge.is_back else (_x(0) + 0.6, BLUE)
    source, target = places[edge.source], places[edge.target]
    y = (source[0], target[1]) if edge.is_back else (source[1], target[0])
    _arrow(axes, (x, y[0]), (x, y[1]), colour)
    axes.text(x + 0.12, sum(y) / 2, edge.label, fontsize=SMALL, color=INK, va="center", parse_math=False)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "shrinkA": 1, "shrinkB": 1, "linewidth": 1.4}
    axes.annotate("", end, start, arrowprops=style)
