"""Pictures of a network with two inputs: its decision regions, and its predictions beside the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nnlab.pictures.scales import drawable, sampled
from nnlab.pictures.style import (
    BLACK,
    FAINT,
    INK,
    NORMAL,
    SMALL,
    blank,
    count,
    dress,
    joined,
    legend,
    look,
    page_width,
    percent,
    say,
    shortened,
)

GRID_POINTS = 240  # points along each axis: two or three pixels each
LEAST_GRID_POINTS = 32
MOST_POINTS = 2000
MOST_CLASSES = 30  # of which colours and markers can be told apart in a legend
UNKNOWN = "#9e9e9e"
_USUAL_WIDTH, _WIDTH_OF_TWO = 7.0, 9.0  # inches of a picture with one plane, and with two beside each other
ALIKE = 3  # both inputs share one scale if their ranges differ by less than this factor

Extent = tuple[float, float, float, float]
Parts = Mapping[str, NDArray[np.bool_]]  # masks (N,) of the rows for training, validation and test, as far as there are


def boundary(
    predict: Callable[[NDArray[Any]], NDArray[Any]],
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    names: tuple[str, str],
    classes: Sequence[str],
    task: Literal["binary", "multiclass"],
    title: str,
    parts: Parts | None = None,
    along: int = GRID_POINTS,
) -> Figure:
    """The decision regions around the data, with the data on top.

    `x` (N, 2) in the inputs' own units. Binary: `y` (N, 1) holds 0 or 1 and `predict` gives the probability (G, 1)
    of class 1 for points (G, 2). Multiclass: `y` (N, K) is one-hot and the largest of the outputs (G, K) decides.
    The points of each of the `parts` have a mark of their own: filled, hollow, or with a dark rim. There are `along`
    points of the grid along each axis. For more than 30 classes the figure only says that there are too many.
    """
    if len(classes) > MOST_CLASSES:
        return too_many_classes(classes, title)
    extent = extent_of(x)
    figure = blank(title, width=_USUAL_WIDTH, height=_height(extent, 5.4, 5.0, of=_USUAL_WIDTH))
    axes = figure.subplots()
    outputs = predict(grid_points(extent, along)).reshape(along, along, -1)
    binary = task == "binary"
    truth = (y[:, -1] > 0.5).astype(np.intp) if binary else y.argmax(axis=1)
    described, marks = (_shade_probability if binary else _shade_winners)(figure, axes, outputs, extent, classes)
    handles, shown = scatter_classes(axes, x, truth, classes, parts, _narrowed(_USUAL_WIDTH))
    all_trained = "all were trained on" if parts and [*parts] == ["training"] else ""
    unknown = "" if drawable(outputs).all() else "grey: the output is not finite"
    coarse = f"of so deep a network only {along} × {along} points" if along < GRID_POINTS else ""
    sentence = joined([described, all_trained, unknown, _part(shown, len(x)), coarse])
    dress(axes, x=names[0], y=names[1], sentence=sentence, letters=78)
    axes.grid(visible=False)
    axes.set(xlim=extent[:2], ylim=extent[2:], facecolor=UNKNOWN, aspect="equal" if alike(extent) else "auto")
    extra = marks | _part_keys(parts or {})
    legend(figure, [*handles, *extra.values()], [*class_names(classes), *extra])
    return figure


def too_many_classes(classes: Sequence[str], title: str) -> Figure:
    """A figure that says why no regions or points of so many classes are drawn."""
    figure = blank(title, width=7.0, height=2.4)
    axes = figure.subplots()
    axes.axis("off")
    say(axes, f"{count(len(classes))} classes: too many to tell apart. Up to {MOST_CLASSES} are drawn.")
    return figure


def grid_along(layers: int) -> int:
    """How many points of a grid along each axis: 240, and down to 32 for networks of more than a thousand layers."""
    return int(np.clip(math.isqrt(2**26 // max(layers, 1)), LEAST_GRID_POINTS, GRID_POINTS))


def extent_of(x: NDArray[Any]) -> Extent:
    """The range of the finite points with a margin of 8 %: left, right, bottom, top."""
    points = x[drawable(x).all(axis=1)]
    if len(points) == 0:
        return -1.0, 1.0, -1.0, 1.0
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    margin = np.where(high > low, 0.08 * (high - low), np.maximum(0.5, 0.01 * np.abs(high)))
    (left, bottom), (right, top) = low - margin, high + margin
    return float(left), float(right), float(bottom), float(top)


def alike(extent: Extent) -> bool:
    """Whether the ranges of both inputs are similar enough to share one scale, which keeps shapes undistorted."""
    return 1 / ALIKE < (extent[3] - extent[2]) / (extent[1] - extent[0]) < ALIKE


def _height(extent: Extent, usual: float, across: float, *, of: float) -> float:
    """A figure's height in inches for axes to scale if both inputs share one scale, `across` inches wide.

    On a page narrower than the `of` inches of the figure the axes are narrower as well.
    """
    if not alike(extent):
        return usual
    across *= _narrowed(of)
    return min(1.3 + across * (extent[3] - extent[2]) / (extent[1] - extent[0]), 9.0)


def grid_points(extent: Extent, along: int) -> NDArray[np.float64]:
    """Points (along², 2) over the extent, row by row from the bottom."""
    across, up = np.meshgrid(np.linspace(extent[0], extent[1], along), np.linspace(extent[2], extent[3], along))
    return np.column_stack([across.ravel(), up.ravel()])


def _shade_probability(
    figure: Figure, axes: Axes, outputs: NDArray[Any], extent: Extent, classes: Sequence[str]
) -> tuple[str, dict[str, Artist]]:
    image, is_flat = shade_probability(axes, outputs, extent)
    bar = figure.colorbar(image, cax=axes.inset_axes((1.02, 0, 0.03, 1)))  # as tall as the plane, whatever its shape
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))
    bar.ax.tick_params(labelsize=SMALL, colors=INK)
    bar.set_label(f"probability of “{shortened(classes[1], 24)}”", fontsize=NORMAL, color=INK, parse_math=False)
    return "Shading: predicted probability; points: true classes", probability_keys(is_flat=is_flat)


def _shade_winners(
    _: Figure, axes: Axes, outputs: NDArray[Any], extent: Extent, classes: Sequence[str]
) -> tuple[str, dict[str, Artist]]:
    shade_classes(axes, outputs, extent, len(classes))
    return "Areas: predicted classes; points: true classes", {}


def probability_keys(*, is_flat: bool) -> dict[str, Artist]:
    """Legend handles for what `shade_probability` draws."""
    line = Line2D([], [], color=INK, linewidth=1.8, linestyle="--")
    area = Patch(facecolor="white", edgecolor=FAINT, hatch=_HATCH, linewidth=0)
    return {"probability 50 %": line} | ({"undecided: flat at 50 %": area} if is_flat else {})


_HATCH = "///"
_NEARLY_HALF, _FLAT = 0.01, 1e-5  # from a probability of 0.5, and from one point of the grid to the next
_LEAST_AREA = 0.005  # share of the grid


def shade_probability(axes: Axes, outputs: NDArray[Any], extent: Extent) -> tuple[AxesImage, bool]:
    """Shade by the probability of class 1 (G, G, 1), white at 0.5, with a line there; whether an area is flat at 0.5.

    Such an area, in which a dead unit leaves the network undecided, is hatched: any line through it would be noise.
    """
    probability = np.ma.masked_invalid(outputs[..., -1])
    shades = LinearSegmentedColormap.from_list(
        "probability", [(0.0, pale(0, 0.6)), (0.5, (1.0, 1.0, 1.0)), (1.0, pale(1, 0.6))]
    )
    image = axes.imshow(probability, extent=extent, origin="lower", aspect="auto", cmap=shades, vmin=0, vmax=1)
    flat = _flat_at_half(probability)
    if flat.any():
        area = axes.contourf(flat, levels=[0.5, 1.5], extent=extent, colors="none", hatches=[_HATCH])
        area.set(edgecolor=FAINT, linewidth=0)
    line = np.ma.masked_where(flat, probability)
    if line.count() and line.min() < 0.5 < line.max():
        axes.contour(line, levels=[0.5], extent=extent, colors=[INK], linewidths=1.8, linestyles="--")
    return image, bool(flat.any())


def _flat_at_half(probability: np.ma.MaskedArray[Any, Any]) -> NDArray[np.bool_]:
    """The points of the grid around which the probability is 0.5 and does not change, if they are more than a few."""
    values = probability.filled(np.nan)
    changes = np.maximum(_least_change(values), _least_change(values.T).T)
    flat: NDArray[np.bool_] = (np.abs(values - 0.5) < _NEARLY_HALF) & (changes < _FLAT)
    return flat if flat.mean() > _LEAST_AREA else np.zeros_like(flat)


def _least_change(values: NDArray[Any]) -> NDArray[Any]:
    """The smaller change from a point to its neighbours in the row above and below, 0 at an edge of an area."""
    change = np.pad(np.abs(np.diff(values, axis=0)), ((1, 1), (0, 0)), constant_values=np.inf)
    least: NDArray[Any] = np.minimum(change[:-1], change[1:])
    return least


def shade_classes(axes: Axes, outputs: NDArray[Any], extent: Extent, classes: int) -> None:
    """Colour each point by its class with the largest output (G, G, K), with lines between the classes."""
    known = drawable(outputs).all(axis=-1)
    winner = np.where(known, outputs.argmax(axis=-1), classes)
    colours = np.array([*(pale(k, 0.35) for k in range(classes)), to_rgb(UNKNOWN)])
    axes.imshow(colours[winner], extent=extent, origin="lower", aspect="auto", interpolation="nearest")
    for k in range(outputs.shape[-1]):
        lead = np.ma.masked_invalid(outputs[..., k] - np.delete(outputs, k, axis=-1).max(axis=-1))
        if lead.count() and lead.min() < 0 < lead.max():
            axes.contour(lead, levels=[0.0], extent=extent, colors=[INK], linewidths=0.8)


def pale(index: int, strength: float) -> tuple[float, float, float]:
    """Colour number `index`, mixed with white."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(look(index)[0]))
    return red, green, blue


def class_names(classes: Sequence[str]) -> list[str]:
    """The class names for a legend; a number is called a class, for it says nothing alone."""
    return [f"class {name}" if name.isdecimal() else shortened(name, 24) for name in classes]


def scatter_classes(
    axes: Axes,
    x: NDArray[Any],
    labels: NDArray[Any],
    classes: Sequence[str],
    parts: Parts | None = None,
    shrunk: float = 1.0,
) -> tuple[list[Line2D], int]:
    """Draw points in the colour and marker of their class; return legend handles and the number of drawn points.

    Those of validation and test have marks of their own and are drawn on top. `shrunk` scales all sizes.
    """
    rows = sampled(len(x), MOST_POINTS)
    rows = rows[drawable(x[rows]).all(axis=1)]
    size = shrunk * _size(len(rows))
    handles: list[Line2D] = []
    for part, mask in (parts or {"training": np.ones(len(x), bool)}).items():
        groups = [x[rows[(labels[rows] == k) & mask[rows]]] for k in range(len(classes))]
        drawn = [_points(axes, points, look(k), size, part) for k, points in enumerate(groups)]
        handles = handles or drawn
    return handles, len(rows)


def _size(points: int) -> float:
    """The size of points, smaller the more there are."""
    return 10.0 if points <= 40 else 6.5 if points <= 400 else 5.0


def _narrowed(inches: float) -> float:
    """The width of the page over the `inches` that a picture has on a screen, at most 1."""
    return min(1.0, page_width() / inches)


def _points(axes: Axes, points: NDArray[Any], style: tuple[str, str, str], size: float, part: str) -> Line2D:
    """Draw points (n, 2) of one class and one part."""
    colour, _, marker = style
    return axes.plot(*points.T, linestyle="", marker=marker, markersize=size, color=colour, **_mark(part, colour))[0]


_MARKS = {  # fill and rim of the points, empty for the colour of their class, and the width of the rim
    "training": ("", "white", 0.6),
    "validation": ("white", "", 1.1),
    "test": ("", BLACK, 0.9),
}


def _mark(part: str, colour: str) -> dict[str, Any]:
    fill, rim, width = _MARKS[part]
    return {"markerfacecolor": fill or colour, "markeredgecolor": rim or colour, "markeredgewidth": width}


def _part_keys(parts: Parts) -> dict[str, Artist]:
    """Legend handles that explain the marks of the parts and count their points, if there are several."""
    if len(parts) < 2:
        return {}
    look: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 6}
    return {
        f"{part} ({count(mask.sum())})": Line2D([], [], **look, **_mark(part, UNKNOWN)) for part, mask in parts.items()
    }


def _part(shown: int, total: int) -> str:
    return f"{count(shown)} of {count(total)} points drawn" if shown < total else ""


def truth_and_prediction(
    x: NDArray[Any],
    truth: NDArray[Any],
    predicted: NDArray[Any],
    *,
    names: tuple[str, str],
    classes: Sequence[str],
    title: str,
    weighted: bool = False,
) -> Figure:
    """True beside predicted classes, with a ring around each wrong prediction.

    `x` (N, 2) in the inputs' own units; `truth` and `predicted` (N,) are class indices. With `weighted` the rows have
    weights, and the sentence says that the wrong ones are counted without. For more than 30 classes the figure only
    says that there are too many.
    """
    if len(classes) > MOST_CLASSES:
        return too_many_classes(classes, title)
    extent = extent_of(x)
    figure = blank(title, width=_WIDTH_OF_TWO, height=_height(extent, 4.8, 3.9, of=_WIDTH_OF_TWO))
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    handles, shown = scatter_classes(left, x, truth, classes, shrunk=_narrowed(_WIDTH_OF_TWO))
    scatter_classes(right, x, predicted, classes, shrunk=_narrowed(_WIDTH_OF_TWO))
    rings = _ring(right, x, truth != predicted, extent)
    missed = int((truth != predicted).sum())
    share = (
        f" ({percent(missed / len(x))}{' of the rows, without their weights' if weighted else ''})" if len(x) else ""
    )
    dress(left, x=names[0], y=names[1], sentence=joined(["True classes", _part(shown, len(x))]), letters=46)
    sentence = f"Predicted classes: {count(missed)} of {count(len(x))} wrong{share}"
    dress(right, x=names[0], y=names[1], sentence=sentence, letters=46)
    for axes in (left, right):
        axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal" if alike(extent) else "auto")
        axes.locator_params(nbins=6)
    marked = {"predicted wrongly": rings} if missed else {}
    legend(figure, [*handles, *marked.values()], [*class_names(classes), *marked])
    return figure


def _ring(axes: Axes, x: NDArray[Any], wrong: NDArray[np.bool_], extent: Extent) -> Line2D:
    """Draw a ring around each wrong point, smaller and thinner where points are dense."""
    rows = sampled(len(x), MOST_POINTS)
    rows = rows[drawable(x[rows]).all(axis=1)]
    ringed = x[rows[wrong[rows]]]
    size = _narrowed(_WIDTH_OF_TWO) * float(np.clip(_spacing(ringed, extent), _size(len(rows)) + 2.0, 11.0))
    return axes.plot(ringed[:, 0], ringed[:, 1], linestyle="", marker="o", markersize=size, markerfacecolor="none",
                     markeredgecolor=BLACK, markeredgewidth=1.4 if size >= 11 else 0.9)[0]  # fmt: skip


def _spacing(points: NDArray[Any], extent: Extent) -> float:
    """Distance between neighbours in typographic points, on axes of about 3.9 inches; infinite for fewer than two."""
    if len(points) < 2:
        return np.inf
    from scipy.spatial import KDTree  # noqa: PLC0415 - loading it takes longer than drawing most pictures

    scaled = (points - [extent[0], extent[2]]) / [extent[1] - extent[0], extent[3] - extent[2]]
    distances = np.asarray(KDTree(scaled).query(scaled, k=2)[0])
    return float(np.median(distances[:, 1]) * 3.9 * 72)
