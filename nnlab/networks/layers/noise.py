"""Gaussian noise: a training pass disturbs each unit; an evaluation lets all through. Random as dropout is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Identity, Layer, Shape
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode

Array = NDArray[Any]


@dataclass(frozen=True)
class Noise(Layer):
    """y = x + std · n with n standard normal (Bishop 1995, Neural Computation 7)."""

    std: float

    @property
    def details(self) -> str:
        """How strong it is."""
        return f"std {self.std:g}"

    def equations(self, _shape: Shape) -> Equations:
        """A sum, whose derivative by x is 1."""
        where = "n: standard normal numbers, drawn at each step; in an evaluation there is none"
        return Equations(f"{{x}} + {self.std:g} n", "{dy}", where=where)

    def signal(self, incoming: Moments) -> Moments:
        """Its variance is added."""
        return Moments(incoming.mean, incoming.second + self.std**2, incoming.slope)

    def bind(self, buffers: Buffers) -> BoundLayer:
        """The identity in an evaluation."""
        return BoundNoise(self, buffers) if buffers.context.trains and self.std else Identity()


class BoundNoise(BoundLayer):
    """Gaussian noise in a training pass."""

    def __init__(self, layer: Noise, buffers: Buffers) -> None:
        self.layer, self.y, self.context = layer, buffers.outputs, buffers.context

    def forward(self, x: Array) -> Array:
        """Draw the noise of this step and add it."""
        self.noise = self.context.normals(self.layer.name, self.y)
        np.add(x, self.noise * self.y.dtype.type(self.layer.std), out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy."""
        return dy if wants_dx else None

    def intermediates(self) -> dict[str, Array]:
        """The standard normal numbers of this step."""
        return {"noise": self.noise}

    def forward_mode(self) -> ForwardMode:
        """The identity: what is added does not move."""
        return ForwardMode()
