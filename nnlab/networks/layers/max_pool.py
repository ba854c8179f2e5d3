"""Max pooling: the largest entry of each window, which alone gets the derivative; of equal ones it is the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, image_view
from nnlab.networks.layers.forward_mode import ForwardMode
from nnlab.networks.layers.pooling import BoundPooling, Pooling

Array = NDArray[Any]


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """y = max over a window. Two entries that are both the largest are a kink: there the first in row order counts."""

    def bind(self, buffers: Buffers) -> BoundLayer:
        """At work on the images of a batch."""
        return BoundMaxPooling(self, buffers)


class BoundMaxPooling(BoundPooling):
    """Max pooling at work."""

    def forward(self, x: Array) -> Array:
        """Y = the larger of each place's entry and the largest so far."""
        first, *others = self.enter(x)
        np.copyto(self.pooled, first)
        for place in others:
            np.maximum(self.pooled, place, out=self.pooled)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx = dL/dy where an entry is the first that equals its window's largest, else 0.

        `left` is the part of dL/dy whose entry has not been found yet; what is left for the last place must be its own.
        """
        if not wants_dx:
            return None
        left = np.array(image_view(dy, self.given))
        if self.overlaps:
            self.dx[...] = 0
        for place, dx in zip(self.places[:-1], self.dx_places[:-1], strict=True):
            found = np.equal(place, self.pooled)
            own = np.multiply(left, found)
            np.subtract(left, own, left)
            self._hand_down(own, dx)
        self._hand_down(left, self.dx_places[-1])
        return self.dx

    def _hand_down(self, own: Array, dx: Array) -> None:
        if self.overlaps:
            np.add(dx, own, dx)
        else:
            np.copyto(dx, own)

    def forward_mode(self) -> ForwardMode:
        """The derivative of the entry that is the largest."""
        raise NotImplementedError
