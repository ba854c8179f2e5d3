"""Layers that disturb a training pass and let an evaluation through: dropout and Gaussian noise.

Their random numbers depend on the seed, the layer's name and the step alone, so that a run can stop and go on anywhere,
and a replica sees the same noise alone and in company.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.dense import Bound, Buffers, Start
from nnlab.networks.layers.forward_mode import UNIT_ROUNDOFF, ForwardMode
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]


class _Disturbing:
    """What both kinds share: as many outputs as inputs, and nothing to learn or to keep."""

    def units(self, inputs: int) -> int:
        """As many as it has inputs."""
        return inputs

    def parameter_specs(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def start(self, _inputs: int, _draws: Start) -> dict[str, Array]:
        """Nothing to start."""
        return {}

    def running(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class Dropout(_Disturbing):
    """y = x with a share `rate` of the units set to 0 and the others divided by 1 - rate (Srivastava et al. 2014)."""

    name: str
    rate: float

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        return BoundDropout(self, buffers) if buffers.context.trains and self.rate else Identity()


class BoundDropout:
    """Dropout in a training pass."""

    def __init__(self, layer: Dropout, buffers: Buffers) -> None:
        self.layer, self.y, self.context = layer, buffers.buffer, buffers.context

    def forward(self, x: Array) -> Array:
        """Draw the mask of this step and apply it."""
        draws = self.context.uniforms(self.layer.name, self.y.shape[1:], self.y.dtype)
        self.mask = (draws >= self.layer.rate) * self.y.dtype.type(1 / (1 - self.layer.rate))
        np.multiply(x, self.mask, out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy · mask."""
        return dy * self.mask if wants_dx else None

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        (mask,) = self.mask
        return DropoutForwardMode(mask)


class DropoutForwardMode(ForwardMode):
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

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        return BoundNoise(self, buffers) if buffers.context.trains and self.std else Identity()


class BoundNoise:
    """Gaussian noise in a training pass."""

    def __init__(self, layer: Noise, buffers: Buffers) -> None:
        self.layer, self.y, self.context = layer, buffers.buffer, buffers.context

    def forward(self, x: Array) -> Array:
        """Draw the noise of this step and add it."""
        drawn = self.context.normals(self.layer.name, self.y.shape[1:], self.y.dtype)
        np.add(x, drawn * self.y.dtype.type(self.layer.std), out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy."""
        return dy if wants_dx else None

    def linear(self) -> ForwardMode:
        """See `Bound`: what is added does not move."""
        return ForwardMode()


class Identity:
    """A layer that does nothing, as noise does in an evaluation."""

    def forward(self, x: Array) -> Array:
        """Return x itself."""
        return x

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Return dy itself."""
        return dy if wants_dx else None

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        return ForwardMode()
