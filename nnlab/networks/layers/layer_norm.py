"""Layer normalisation: each sample over the units of a layer; see `normalization` for the formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers
from nnlab.networks.layers.forward_mode import ForwardMode
from nnlab.networks.layers.normalization import BoundNormalization, Normalization, NormalizationForwardMode

Array = NDArray[Any]


@dataclass(frozen=True)
class LayerNormalization(Normalization):
    """Normalise each sample over the units of the layer; training and evaluation are the same."""

    def bind(self, buffers: Buffers) -> BoundLayer:
        """The same in every pass."""
        return BoundLayerNormalization(self, buffers)


class BoundLayerNormalization(BoundNormalization):
    """Layer normalisation at work."""

    def forward(self, x: Array) -> Array:
        """Normalise each row of x."""
        self.mean = x.mean(axis=-1, keepdims=True)
        centred = x - self.mean
        self.variance = variance = (centred * centred).mean(axis=-1, keepdims=True)
        self.scale_down = 1 / np.sqrt(variance + self.layer.epsilon)
        return self.scale(centred * self.scale_down)

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """See `normalization`; n is the number of units."""
        d = self.learn(dy)
        if not wants_dx:
            return None
        by_mean = d.mean(axis=-1, keepdims=True)
        by_size = (d * self.normalized).mean(axis=-1, keepdims=True)
        dx: Array = (d - by_mean - self.normalized * by_size) * self.scale_down
        return dx

    def forward_mode(self) -> ForwardMode:
        """The mean is over units."""
        return NormalizationForwardMode(self.normalized, self.scale_down, self.gamma, axis=-1)
