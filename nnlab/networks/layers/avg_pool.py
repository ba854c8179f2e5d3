"""Average pooling: the mean of each window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, image_view
from nnlab.networks.layers.forward_mode import ForwardMode
from nnlab.networks.layers.pooling import BoundPooling, Pooling

Array = NDArray[Any]


@dataclass(frozen=True)
class AveragePooling(Pooling):
    """y = mean over a window."""

    def bind(self, buffers: Buffers) -> BoundLayer:
        """At work on the images of a batch."""
        return BoundAveragePooling(self, buffers)


class BoundAveragePooling(BoundPooling):
    """Average pooling at work."""

    def __init__(self, layer: AveragePooling, buffers: Buffers) -> None:
        super().__init__(layer, buffers)
        self.share = self.y.dtype.type(1 / math.prod(self.windows.kernel))

    def forward(self, x: Array) -> Array:
        """Y = sum over the window's places, times 1 / places."""
        first, *others = self.enter(x)
        np.copyto(self.pooled, first)
        for place in others:
            np.add(self.pooled, place, self.pooled)
        np.multiply(self.pooled, self.share, self.pooled)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Each entry of a window gets dL/dy / places; one in several windows the sum."""
        if not wants_dx:
            return None
        each = image_view(dy, self.given) * self.share
        if self.overlaps:
            self.dx[...] = 0
        for dx in self.dx_places:
            if self.overlaps:
                np.add(dx, each, dx)
            else:
                np.copyto(dx, each)
        return self.dx

    def forward_mode(self) -> ForwardMode:
        """The mean of the tangents."""
        raise NotImplementedError
