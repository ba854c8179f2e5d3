"""What layers with weights and a bias share: how both start, what holds them back, what is measured of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nnlab.maths.initializers import Initializer
from nnlab.maths.parameters import Value
from nnlab.networks.layers.base import DrawsFor, Layer, Shape
from nnlab.networks.layout import NO_PENALTIES, ParameterSpec, Penalties

Array = NDArray[Any]


@dataclass(frozen=True)
class Weighted(Layer):
    """A layer of `width` units or filters, each a weighted sum of its inputs and a bias."""

    width: int
    initializer: Initializer
    chosen: Mapping[str, Value]
    bias_initializer: Initializer
    bias_chosen: Mapping[str, Value]
    penalties: Penalties = NO_PENALTIES

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

    def start(self, shape: Shape, draws: DrawsFor) -> dict[str, Array]:
        """Weights by the initialiser, then the bias by its own, which sees one input or the fans of the layer."""
        wanted, fans = self.weights_shape(shape), self.fans(shape)
        matrix, row = (math.prod(wanted[:-1]), self.width), (1, self.width)
        weights = self.initializer.weights(draws(matrix), matrix, fans, **self.chosen)
        bias_fans = fans if self.bias_initializer.by_layer else row
        (bias,) = self.bias_initializer.weights(draws(row), row, bias_fans, **self.bias_chosen)
        return {f"{self.name}/weights": weights.reshape(wanted), f"{self.name}/bias": bias}
