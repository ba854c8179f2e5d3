"""What the activations of each arm learn of their own parameters, over the updates."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nnlab.pictures.arm_health import Measured, draw_arms
from nnlab.pictures.arms import Styles, style_of
from nnlab.pictures.scales import drawable, scale_steps
from nnlab.pictures.style import LEGEND, blank, dress, ends_of, joined, legend, number, panels_across, shortened

_ACROSS = 3
_OVER_UNITS = "/mean"


def arm_parameters(arms: Mapping[str, Measured], *, title: str, styles: Styles) -> Figure | None:
    """A panel for each learned parameter, a line for each arm that has it; None where nothing is learned.

    Lines are medians of the seeds; one arm alone has a band of their 10th to 90th percentiles. Curves are
    named `parameters/swish1.beta`; of a parameter of each unit the mean, `parameters/prelu1.alpha/mean`, is drawn.
    Of more than twelve parameters the first and the last six are drawn.
    """
    learned = {
        label: (steps, {name: runs for name, runs in curves.items() if _is_drawn(name) and drawable(runs).any()})
        for label, (steps, curves) in arms.items()
    }
    learned = {label: (steps, curves) for label, (steps, curves) in learned.items() if curves}
    names = list(dict.fromkeys(name for _, curves in learned.values() for name in curves))
    if not names:
        return None
    shown, left_out = ends_of(names)
    across = panels_across(len(shown), 2.5, most=_ACROSS)
    rows = -(-len(shown) // across)
    spread = " and 10th to 90th percentile" if len(learned) == 1 else ""
    heading = joined([f"{title}, median{spread} of the seeds", left_out and f"{left_out} parameters"])
    figure = blank(heading, width=max(7.0, 4.0 * across), height=0.9 + 2.7 * rows)
    grid = figure.subplots(rows, across, squeeze=False).ravel()
    for axes, name in zip(grid, shown, strict=False):
        draw_arms(axes, learned, name, styles)
        over = ", mean over the units" if name.endswith(_OVER_UNITS) else ""
        sentence = f"{shortened(name.split('/')[1], 24)}{over}"
        dress(axes, x="step (updates)", y="value", sentence=sentence, letters=46)
        scale_steps(axes)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(round(value, 10))))
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    legend(figure, [style_of(*styles[label]) for label in learned], [shortened(label, LEGEND) for label in learned])
    return figure


def _is_drawn(name: str) -> bool:
    return name.startswith("parameters/") and (name.count("/") == 1 or name.endswith(_OVER_UNITS))
