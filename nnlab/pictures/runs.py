"""The curves of several runs over each other, a panel for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.pictures.arms import Styles, arm_style
from nnlab.pictures.scales import drawable, metric_label, metric_value, scale_metric, scale_steps, thinned
from nnlab.pictures.style import LEGEND, blank, dress, joined, legend, plain_name, say, shortened

_Curves = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]


def run_curves(panels: Mapping[str, _Curves], *, title: str) -> Figure:
    """Each figure in a panel of its own: by run the values (t,) at steps (t,).

    A run looks the same in every panel; the panels share the axis of the steps.
    """
    figure = blank(title, height=1.2 + 3.2 * len(panels))
    styles = arm_style(dict.fromkeys(name for curves in panels.values() for name in curves))
    rows = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for index, (axes, (metric, curves)) in enumerate(zip(rows, panels.items(), strict=True)):
        _draw(axes, metric, curves, styles)
        is_last = index == len(rows) - 1
        dress(axes, x="step (updates)" if is_last else "", y=metric_label(metric), sentence=_sentence(metric, curves))
        scale_steps(axes)
    lines = {line.get_gid(): line for axes in rows for line in axes.get_lines()}
    legend(figure, [*lines.values()], [shortened(str(name), LEGEND) for name in lines])
    return figure


def _draw(axes: Axes, metric: str, curves: _Curves, styles: Styles) -> None:
    """Draw the curves of one figure; its axis holds all of their values."""
    for name, (steps, values) in curves.items():
        good = drawable(values)
        at, found = steps[good], values[good]
        kept, (colour, line, marker) = thinned(found), styles[name]
        axes.plot(
            at[kept],
            found[kept],
            color=colour,
            linestyle=line,
            linewidth=1.8,
            marker=marker if at.size <= 20 else "",
            markersize=5,
            gid=name,
        )
    every = np.concatenate([values[drawable(values)] for _, values in curves.values()])
    if every.size:
        scale_metric(axes, "y", every, metric)
    else:
        say(axes, "no finite value was recorded")


def _sentence(metric: str, curves: _Curves) -> str:
    """The last value of each run, of a few runs; of more, their range."""
    last = {name: values[drawable(values)][-1:] for name, (_, values) in curves.items()}
    found = {name: float(value[0]) for name, value in last.items() if value.size}
    if len(found) <= 3:
        words = joined(f"{shortened(name, 24)} {metric_value(value, metric)}" for name, value in found.items())
    else:
        words = " to ".join(metric_value(end(found.values()), metric) for end in (min, max))
    return f"{plain_name(metric)} at the end: {words}" if found else ""
