"""A network at its start on the first batch: signals and gradients of each layer, beside those that theory expects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import PassContext
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.network import Pass
from nnlab.networks.propagation import expected, gradient_ratios
from nnlab.report.page import HtmlTable, rounded
from nnlab.setup.setup import Setup
from nnlab.setup.start_warnings import depth_sentence, width_sentence
from nnlab.storage.metrics import finite
from nnlab.storage.summary import StartLayer, StartSummary
from nnlab.training.state import State

NO_START = StartSummary(layers=(), sentence="")

_MOST_ROWS = 256


def first_batch(setup: Setup, start: State | None = None) -> StartSummary:
    """What is measured of each layer with weights, for the first seed, and what theory expects of a fair start.

    `start` is the state before the first step, for whoever has it already.

    Gradients are those by pre-activations, not by weights: of a sum of squares over rows theory knows the mean, while
    in the gradient by a weight rows add up or cancel. At most 256 rows of the batch are looked at, or as many as go
    through a network of images at once.
    """
    network = setup.network
    places = [place for place, layer in enumerate(network.layers) if isinstance(layer, Weighted)]
    if not places:
        return NO_START
    theory = expected(network)
    signals, gradients = _norms(setup, setup.start() if start is None else start, places)
    last = gradients[-1]
    lines = zip(theory, signals, gradients, gradient_ratios(theory), strict=True)
    found = tuple(
        StartLayer(
            layer=one.layer.name,
            signal=finite(signal),
            signal_expected=finite(math.sqrt(one.variance)),
            gradient=finite(gradient / last) if last else None,
            gradient_expected=finite(ratio),
        )
        for one, signal, gradient, ratio in lines
    )
    sentences = filter(None, (width_sentence(theory), depth_sentence(theory)))
    return StartSummary(layers=found, sentence=" ".join(sentences))


def _norms(setup: Setup, state: State, places: Sequence[int]) -> tuple[list[float], list[float]]:
    """Of the layers at these places, the root mean squares of outputs, and the norms of the gradients by them."""
    network = setup.network
    rows = min(network.rows_at_once(setup.plan.epoch.rows_of(0), trains=True), _MOST_ROWS)
    x, y = (np.asarray(part[:, :rows])[:1] for part in setup.batches().at(0))
    theta, statistics = state.theta[:1], state.statistics[:1].copy()
    context = PassContext(setup.rows.seeds[:1], learns=False)
    examined = Pass(network, theta, np.zeros_like(theta), rows, statistics, context)
    with np.errstate(all="ignore"):
        outputs = [*_squares(examined.forward_by_layer(x))]
        examined.forward(x)
        gradients = [*_squares(dy for dy in examined.backward_by_layer(y) if dy is not None)][::-1]
    units = [rows * width for width in network.widths[1:]]
    found = [math.sqrt(outputs[place] / units[place]) for place in places]
    return found, [math.sqrt(gradients[place]) for place in places]


def _squares(arrays: Iterator[NDArray[np.floating]]) -> Iterator[float]:
    for values in arrays:
        yield float(np.square(values, dtype=np.float64).sum())


def start_table(start: StartSummary) -> HtmlTable:
    """The layers with weights on the first batch, before training; what theory expects where it knows that."""
    is_foreseen = any(layer.signal_expected is not None for layer in start.layers)
    heads = ["layer", "root mean square", "expected", "gradient", "expected"]
    rows = [
        [
            one.layer,
            rounded(one.signal, 3),
            rounded(one.signal_expected, 3),
            rounded(one.gradient, 3),
            rounded(one.gradient_expected, 3),
        ]
        for one in start.layers
    ]
    caption = (
        "Before training, on the first batch: pre-activations, and the gradient by them relative to the last layer's"
    )
    kept = [0, 1, 2, 3, 4] if is_foreseen else [0, 1, 3]
    return HtmlTable(caption, [heads[i] for i in kept], [[row[i] for i in kept] for row in rows])
