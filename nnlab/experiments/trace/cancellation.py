"""Numbers that are nothing but rounding: of sums whose terms cancel, which are 0 when worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.experiments.trace.quantities import TracedQuantity, TraceSection
from nnlab.experiments.trace.step import TracedStep
from nnlab.networks.layers.base import image_view, is_image
from nnlab.networks.layers.dense import Dense
from nnlab.networks.network import Network

Array = NDArray[Any]

_ULPS = 4  # units in the last place of the sum of the terms' sizes, up to which a sum is 0


def with_cancellations(
    sections: Sequence[TraceSection], network: Network, step: TracedStep, number: int
) -> Iterator[TraceSection]:
    """The sections, whose quantities know which of their numbers are rounding alone; `number` is that of the step."""
    limits = {name: _ULPS * np.finfo(step.gradient.dtype).eps * size for name, size in _sizes(network, step)}
    known = {one.name: one for section in sections for one in section.quantities}
    for section in sections:
        quantities = (_marked(one, limits, known, number * max(1.0, step.learning_rate)) for one in section.quantities)
        yield replace(section, quantities=(*quantities,))


def _marked(
    one: TracedQuantity, limits: Mapping[str, Array], known: Mapping[str, TracedQuantity], growth: float
) -> TracedQuantity:
    """The quantity with its cancelled numbers. What is made of a gradient that cancels is rounding as well if small."""
    gradient = f"{one.name.rpartition('.')[0]}.gradient"
    size = np.abs(one.values)
    if one.name in limits:
        limit = limits[one.name][list(one.rows)] if one.rows else limits[one.name]
        cancelled = size <= limit
    elif gradient in limits:
        cancelled = (np.abs(known[gradient].values) <= limits[gradient]) & (size <= growth * limits[gradient])
    else:
        return one
    return replace(one, cancelled=cancelled & (size > 0))


def _sizes(network: Network, step: TracedStep) -> Iterator[tuple[str, Array]]:
    """For quantities that are sums the sums of their terms' sizes: of dense layers, and of biases of all layers."""
    old = {name: np.abs(values[0].astype(float)) for name, values in network.layout.views(step.old[None]).items()}
    for index, layer in enumerate(network.layers):
        shape, given = network.shapes[index], network.shapes[index + 1]
        x, delta = (
            np.abs(v.astype(float)) for v in ([step.forward.x, *step.forward.outputs][index], step.deltas[index])
        )
        for spec in layer.parameter_specs(shape):
            if spec.name.endswith(("/bias", "/beta")) and spec.shape == given[-1:]:
                rows = image_view(delta, given).transpose(3, 1, 2, 0) if is_image(given) else delta
                yield f"{spec.name}.gradient", rows.reshape(-1, given[-1]).sum(axis=0)
        if isinstance(layer, Dense):
            W, b = old[f"{layer.name}/weights"], old[f"{layer.name}/bias"]
            yield f"{layer.name}.z", x @ W + b
            yield f"{layer.name}/weights.gradient", x.T @ delta
            if index and not is_image(shape):
                yield f"{network.layers[index - 1].name}.delta", delta @ W.T
