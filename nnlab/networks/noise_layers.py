"""Layers that disturb a training pass and let an evaluation through: dropout and Gaussian noise.

Their random numbers depend on the seed, the layer's name and the step alone, so that a run can stop and go on anywhere,
and a replica sees the same noise alone and in company.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers import Bound, Start, Tie
from nnlab.networks.layout import Stretch
from nnlab.networks.linear import UNIT_ROUNDOFF, Linear

Array = NDArray[Any]


class _Disturbing:
    """What both kinds share: as many outputs as inputs, and nothing to learn or to keep."""

    def units(self, inputs: int) -> int:
        """As many as it has inputs."""
        return inputs

    def stretches(self, _inputs: int) -> tuple[Stretch, ...]:
        """None."""
        return ()

    def start(self, _inputs: int, _draws: Start) -> dict[str, Array]:
        """Nothing to start."""
        return {}

    def running(self, _inputs: int) -> tuple[Stretch, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class Dropout(_Disturbing):
    """y = x with a share `rate` of the units set to 0 and the others divided by 1 - rate (Srivastava et al. 2014)."""

    name: str
    rate: float

    def bind(self, tie: Tie) -> Bound:
        """See `Layer`."""
        return BoundDropout(self, tie) if tie.moment.trains and self.rate else Through()


class BoundDropout:
    """Dropout in a training pass."""

    def __init__(self, layer: Dropout, tie: Tie) -> None:
        self.layer, self.y, self.moment = layer, tie.buffer, tie.moment

    def forward(self, x: Array) -> Array:
        """Draw the mask of this step and apply it."""
        draws = self.moment.uniforms(self.layer.name, self.y.shape[1:], self.y.dtype)
        self.mask = (draws >= self.layer.rate) * self.y.dtype.type(1 / (1 - self.layer.rate))
        np.multiply(x, self.mask, out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy · mask."""
        return dy * self.mask if wants_dx else None

    def linear(self) -> Linear:
        """See `Bound`."""
        (mask,) = self.mask
        return LinearDropout(mask)


class LinearDropout(Linear):
    """dy = dx · mask, with the mask of the pass."""

    def __init__(self, mask: Array) -> None:
        self.mask = mask

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Unit by unit."""
        return dx * self.mask[:, at], at

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """One product."""
        return {}, self.mask * (error + 2 * UNIT_ROUNDOFF * np.abs(dy))


@dataclass(frozen=True)
class Noise(_Disturbing):
    """y = x + std · n with n standard normal (Bishop 1995, Neural Computation 7)."""

    name: str
    std: float

    def bind(self, tie: Tie) -> Bound:
        """See `Layer`."""
        return BoundNoise(self, tie) if tie.moment.trains and self.std else Through()


class BoundNoise:
    """Gaussian noise in a training pass."""

    def __init__(self, layer: Noise, tie: Tie) -> None:
        self.layer, self.y, self.moment = layer, tie.buffer, tie.moment

    def forward(self, x: Array) -> Array:
        """Draw the noise of this step and add it."""
        drawn = self.moment.normals(self.layer.name, self.y.shape[1:], self.y.dtype)
        np.add(x, drawn * self.y.dtype.type(self.layer.std), out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy."""
        return dy if wants_dx else None

    def linear(self) -> Linear:
        """See `Bound`: what is added does not move."""
        return Linear()


class Through:
    """A layer that does nothing, as noise does in an evaluation."""

    def forward(self, x: Array) -> Array:
        """Return x itself."""
        return x

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Return dy itself."""
        return dy if wants_dx else None

    def linear(self) -> Linear:
        """See `Bound`."""
        return Linear()
