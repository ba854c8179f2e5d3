"""What layers with weights and a bias share: how both start, what holds them back, what is measured of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.initializers import INITIALIZERS, Draws, Fans, Initializer, Variances
from nnlab.maths.parameters import Value
from nnlab.maths.signal.normal import STANDARD, Moments
from nnlab.networks.layers.base import STANDARD_INPUTS, DrawsFor, InputSignal, Layer, Shape
from nnlab.networks.layout import NO_PENALTIES, ParameterSpec, Penalties

Array = NDArray[Any]


@dataclass(frozen=True)
class Weighted(Layer):
    """A layer of `width` units or filters, each a weighted sum of its inputs and a bias.

    Initial weights are those of the initialiser times `gain`; so are the biases that belong to them, where no
    initialiser of their own is named.
    """

    width: int
    initializer: Initializer
    chosen: Mapping[str, Value]
    bias_initializer: Initializer | None
    bias_chosen: Mapping[str, Value]
    penalties: Penalties = NO_PENALTIES
    gain: float = 1.0

    @property
    def health(self) -> tuple[str, ...]:
        """How large its gradient is, and how far an update moves its weights."""
        return "gradient_norm", "update_ratio"

    @property
    def output_name(self) -> str:
        """What it computes is the input of an activation."""
        return "pre-activation"

    def weights_shape(self, shape: Shape) -> Shape:
        """The shape of the weights for samples of this shape; the last axis counts units or filters."""
        raise NotImplementedError

    def fans(self, shape: Shape) -> tuple[int, int]:
        """How many inputs go into a unit, and how many units an input goes into."""
        raise NotImplementedError

    def parameter_specs(self, shape: Shape) -> tuple[ParameterSpec, ...]:
        """Weights, which weight decay touches, and a bias (width,), which it does not."""
        return (
            ParameterSpec(f"{self.name}/weights", self.weights_shape(shape), self.penalties),
            ParameterSpec(f"{self.name}/bias", (self.width,)),
        )

    def signal(self, _incoming: Moments) -> Moments:
        """A sum of many terms, close to normal; its variance is 1 under a fair start."""
        return STANDARD

    @property
    def looks_at_signal(self) -> bool:
        """Whether its start depends on the moments of what it gets."""
        return self.initializer.fault is not None or getattr(self.bias_initializer, "fault", None) is not None

    def start_fault(self, shape: Shape, incoming: InputSignal) -> str | None:
        """Why its initialisers cannot start from these inputs, or None."""
        fans = self._fans(shape, incoming)
        pairs = [(self.initializer, self.chosen), (self.bias_initializer, self.bias_chosen)]
        faults = (one.fault(fans, **chosen) for one, chosen in pairs if one is not None and one.fault is not None)
        return next(filter(None, faults), None)

    def variances(self, shape: Shape, incoming: InputSignal) -> Variances | None:
        """Those of its initial weights, times the fan-in, and biases, where the initialiser tells them."""
        has_own_bias = self.bias_initializer is not None and self.bias_initializer is not INITIALIZERS["zeros"]
        if self.initializer.variances is None or has_own_bias:
            return None
        found = self.initializer.variances(self._fans(shape, incoming), **self.chosen)
        bias = found.bias if self.bias_initializer is None else 0.0
        return Variances(self.gain**2 * found.weights, self.gain**2 * bias, found.centred)

    def _fans(self, shape: Shape, incoming: InputSignal) -> Fans:
        return Fans(*self.fans(shape), *incoming)

    def start(self, shape: Shape, draws: DrawsFor, incoming: InputSignal = STANDARD_INPUTS) -> dict[str, Array]:
        """Weights by the initialiser, then the bias."""
        wanted, fans = self.weights_shape(shape), self._fans(shape, incoming)
        matrix = (math.prod(wanted[:-1]), self.width)
        weights = self.initializer.weights(draws(matrix), matrix, fans, **self.chosen)
        bias = self._bias(draws((1, self.width)), fans)[..., 0, :]
        weights = self.gain * weights.reshape(*weights.shape[:-2], *wanted)
        return {f"{self.name}/weights": weights, f"{self.name}/bias": bias}

    def _bias(self, draws: Draws, fans: Fans) -> Array:
        """The bias that belongs to the weights, or by an initialiser of its own, which sees one input or the fans."""
        row = (1, self.width)
        if self.bias_initializer is None:
            own = self.initializer.bias
            return np.zeros(row) if own is None else self.gain * own(draws, row, fans, **self.chosen)
        seen = fans if self.bias_initializer.by_layer else Fans(*row)
        return self.bias_initializer.weights(draws, row, seen, **self.bias_chosen)
