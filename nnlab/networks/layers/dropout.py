"""Dropout: a training pass leaves out units at random; an evaluation lets all through.

The random numbers depend on the seed, the layer's name and the step alone, so that a run can stop and go on anywhere,
and a replica has the same mask alone and among others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Identity, Layer, Shape
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import UNIT_ROUNDOFF, ForwardMode

Array = NDArray[Any]


@dataclass(frozen=True)
class Dropout(Layer):
    """y = x with a share `rate` of the units set to 0 and the others divided by 1 - rate (Srivastava et al. 2014)."""

    rate: float

    @property
    def details(self) -> str:
        """The share that is left out."""
        return f"rate {self.rate:g}"

    def equations(self, _shape: Shape) -> Equations:
        """A product with the mask of the step."""
        where = f"mask: 0 for a share of {self.rate:g} of the units, drawn at each step, else 1 / {1 - self.rate:g}"
        return Equations("{x} · mask", "{dy} · mask", where=f"{where}; in an evaluation it lets all through")

    def signal(self, incoming: Moments) -> Moments:
        """A share 1 - rate of the units is divided by 1 - rate: the mean stays, squares are divided by 1 - rate."""
        kept = 1 - self.rate
        return Moments(incoming.mean, incoming.second / kept, incoming.slope / kept)

    def bind(self, buffers: Buffers) -> BoundLayer:
        """The identity in an evaluation."""
        return BoundDropout(self, buffers) if buffers.context.trains and self.rate else Identity()


class BoundDropout(BoundLayer):
    """Dropout in a training pass."""

    def __init__(self, layer: Dropout, buffers: Buffers) -> None:
        self.layer, self.y, self.context = layer, buffers.outputs, buffers.context

    def forward(self, x: Array) -> Array:
        """Draw the mask of this step and apply it."""
        draws = self.context.uniforms(self.layer.name, self.y)
        self.mask = (draws >= self.layer.rate) * self.y.dtype.type(1 / (1 - self.layer.rate))
        np.multiply(x, self.mask, out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy · mask."""
        return dy * self.mask if wants_dx else None

    def intermediates(self) -> dict[str, Array]:
        """The mask of this step."""
        return {"mask": self.mask}

    def forward_mode(self) -> ForwardMode:
        """The product with the mask."""
        return DropoutForwardMode(self.mask)


class DropoutForwardMode(ForwardMode):
    """dy = dx · mask, with the mask of the pass, (m, units)."""

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Unit by unit."""
        return dx * self.mask[:, at], at

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """One product."""
        return {}, self.mask * (error + 2 * UNIT_ROUNDOFF * np.abs(dy))
