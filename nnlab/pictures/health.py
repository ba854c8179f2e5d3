"""Pictures of a network's health: units, gradients and updates over the steps, and the gradient over depth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from nnlab.pictures.scales import drawable, mark_logarithm, sampled, scale_metric, scale_steps, thinned
from nnlab.pictures.style import (
    BLACK,
    BLUE,
    COLOURS,
    INK,
    NORMAL,
    SKY,
    VERMILLION,
    blank,
    count,
    dress,
    joined,
    legend,
    look,
    number,
    panels_across,
    say,
    shortened,
)

QUANTITIES = {
    "dead": ("dead {units} (%)", "{Units} without a slope on any row"),
    "saturated": ("saturated (%)", "Slopes at most 5 % of the steepest"),
    "mean": ("mean", "Mean of the activations"),
    "deviation": ("standard deviation", "Spread of the activations"),
    "gradient_norm": ("norm of the gradient", "Gradient by a layer's weights and bias"),
    "update_ratio": ("update / weights", "Norm of an update over that of the weights"),
}
SHARES = ("dead", "saturated")
LEAST_SHARE = 0.1  # the axis of a share reaches up to here at least, so that 0 does not look like noise
MOST_NAMED = 12
MOST_DRAWN = 120  # layers; the lines of more would lie on each other


def health(
    steps: NDArray[Any],
    curves: Mapping[str, NDArray[Any]],
    depths: Mapping[str, int],
    *,
    title: str,
    channels: Collection[str] = (),
) -> Figure | None:
    """Each quantity over the steps, a line per layer, or for 120 of more layers; None if nothing was measured.

    `steps` (T,); `curves` (T,), nan where not measured, are named `health/<layer>/<quantity>`. `depths` gives each
    layer the number of its layer with weights, from 1; an activation layer has that of the one before it. `channels`
    are the activation layers whose units are channels of images.
    """
    found = {name: values for name, values in curves.items() if name.startswith("health/") and drawable(values).any()}
    shown = [quantity for quantity in QUANTITIES if any(_quantity(name) == quantity for name in found)]
    if not shown:
        return None
    across = panels_across(len(shown), 3.4, most=2)
    rows = -(-len(shown) // across)
    most = max(sum(_quantity(name) == quantity for name in found) for quantity in shown)
    some = f"{count(MOST_DRAWN)} of {count(most)} layers" if most > MOST_DRAWN else ""
    figure = blank(joined([title, some]), width=10.0, height=0.7 + 2.75 * rows)
    grid = figure.subplots(rows, across, squeeze=False, sharex=True).ravel()
    for axes, quantity in zip(grid, shown, strict=False):
        by_layer = _some({_layer(name): values for name, values in found.items() if _quantity(name) == quantity})
        _draw(axes, steps, by_layer, depths, quantity, words_of(by_layer, channels))
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(shown) - across) : len(shown)]:
        axes.set_xlabel("step (updates)", fontsize=NORMAL, color=INK)
        axes.tick_params(labelbottom=True)
    _explain(figure, depths)
    return figure


def _some(by_layer: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The curves of at most 120 layers, evenly spread over the depth."""
    layers = list(by_layer)
    return {layers[index]: by_layer[layers[index]] for index in sampled(len(layers), MOST_DRAWN)}


def words_of(layers: Collection[str], channels: Collection[str]) -> str:
    """What the units of these layers are called, where those of `channels` are channels of images."""
    of_images = sum(layer in channels for layer in layers)
    return "units" if not of_images else "channels" if of_images == len(layers) else "channels or units"


def _quantity(name: str) -> str:
    return name.rpartition("/")[2]


def _layer(name: str) -> str:
    return name.split("/")[1]


def _draw(
    axes: Axes,
    steps: NDArray[Any],
    curves: Mapping[str, NDArray[Any]],
    depths: Mapping[str, int],
    quantity: str,
    units: str,
) -> None:
    """Draw one quantity of every layer that has it."""
    for layer, values in curves.items():
        colour, line = _look(depths[layer], max(depths.values()))
        good = drawable(values)
        at, kept = steps[good], thinned(values[good])
        marker = "o" if at.size <= 12 else ""
        axes.plot(
            at[kept], values[good][kept], color=colour, linestyle=line, marker=marker, markersize=4, linewidth=1.8
        )
    label, sentence = (text.format(units=units, Units=units.capitalize()) for text in QUANTITIES[quantity])
    dress(axes, x="", y=label, sentence=sentence, letters=60)
    together = np.concatenate(list(curves.values()))
    if quantity in SHARES:
        scale_metric(axes, "y", np.append(together[drawable(together)], [0, LEAST_SHARE]), quantity)
        axes.set_ylim(bottom=-0.015)
    else:
        scale_metric(axes, "y", together, quantity)
    mark_logarithm(axes)
    scale_steps(axes, ticks=5)


def _look(depth: int, deepest: int) -> tuple[str, str]:
    """Colour and line style of a depth: those of all pictures, or of more depths than colours a scale between three.

    The scale goes from dark to light, which works for every colour vision and in grey print. Line styles alternate, so
    that neighbours differ in these too.
    """
    colour, line, _ = look(depth - 1)
    if deepest <= len(COLOURS):
        return colour, line
    return to_hex(_BY_DEPTH((depth - 1) / (deepest - 1))), line


_BY_DEPTH = LinearSegmentedColormap.from_list("depth", [BLACK, BLUE, SKY])


def _explain(figure: Figure, depths: Mapping[str, int]) -> None:
    """Add a legend with an entry for each depth, or for some of many depths."""
    deepest = max(depths.values())
    named = [int(index) + 1 for index in sampled(deepest, MOST_NAMED)]
    handles: list[Line2D] = []
    for depth in named:
        colour, line = _look(depth, deepest)
        handles.append(*figure.axes[0].plot([], [], color=colour, linestyle=line, linewidth=2.2))
    names = [", ".join(shortened(layer, 24) for layer, at in depths.items() if at == depth) for depth in named]
    legend(figure, handles, names)


# --- over depth -------------------------------------------------------------------------------------------------------


def gradients(
    layers: Sequence[str],
    profiles: Mapping[int, NDArray[Any]],
    *,
    title: str,
) -> Figure:
    """The norm of the gradient of each layer with weights, from the inputs to the outputs, at each given step.

    Each profile is (layers,), keyed by its step.
    """
    figure = blank(title, width=max(8.0, min(12.0, 2.0 + 0.5 * len(layers))))
    axes = figure.subplots()
    places = np.arange(1, len(layers) + 1)
    looks = ((BLUE, "--", "o"), (VERMILLION, "-", "s"))
    for (step, profile), (colour, line, marker) in zip(profiles.items(), looks, strict=False):
        good = drawable(profile)
        words = "at the start" if step == 0 else f"after step {count(step)}"
        axes.plot(places[good], profile[good], color=colour, linestyle=line, marker=marker, linewidth=2.2, label=words)
    everything = np.concatenate(list(profiles.values()))
    dress(
        axes,
        x="layer with weights, from the inputs to the outputs",
        y="norm of the gradient",
        sentence=_sentence(profiles),
    )
    scale_metric(axes, "y", everything, "gradient_norm")
    if not drawable(everything).any():
        say(axes, "no finite value was recorded")
    _name_places(axes, layers)
    legend(figure, axes.get_lines(), [str(line.get_label()) for line in axes.get_lines()])
    return figure


def _sentence(profiles: Mapping[int, NDArray[Any]]) -> str:
    """The ratio of the first layer's gradient to that of the last layer, in words."""
    parts = []
    for step, profile in profiles.items():
        first, last = float(profile[0]), float(profile[-1])
        if len(profile) > 1 and drawable(profile[[0, -1]]).all() and last > 0:
            parts.append(f"{number(float(f'{first / last:.3g}'))} {'at the start' if step == 0 else 'at the end'}")
    ratios = f"; that of the first layer over that of the last: {', '.join(parts)}" if parts else ""
    return f"The gradient over depth{ratios}"


def _name_places(axes: Axes, layers: Sequence[str]) -> None:
    """Label the axis with the layers' names, as many as fit."""
    shown = sampled(len(layers), 2 * MOST_NAMED) + 1
    axes.xaxis.set_major_locator(FixedLocator(shown.tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: shortened(layers[round(place) - 1], 20)))
    axes.set_xlim(0.5, len(layers) + 0.5)
    if len(shown) > 8:
        axes.tick_params(axis="x", labelrotation=60)
