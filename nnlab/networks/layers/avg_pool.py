"""Average pooling: the mean of each window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, Shape, image_view
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode, of_sum, widened
from nnlab.networks.layers.pooling import BoundPooling, Pooling
from nnlab.networks.layers.windows import times

Array = NDArray[Any]


@dataclass(frozen=True)
class AveragePooling(Pooling):
    """y = mean over a window."""

    def equations(self, shape: Shape) -> Equations:
        """A mean, of which each entry of a window is a part."""
        back = f"{{dy}} / {math.prod(self.windows.kernel)} at each entry of a window"
        return Equations(
            f"mean of each {times(self.windows.kernel)} window of {{x}}", back, where=self.windows.over(shape)
        )

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
        return AveragePoolingForwardMode(self)


class AveragePoolingForwardMode(ForwardMode):
    """dy = mean of dx over a window; `seen` are the pixels of a plane in each window, (windows, places)."""

    def __init__(self, bound: BoundAveragePooling) -> None:
        self.seen, self.pixels = bound.units_seen(channels=1), bound.shape[0] * bound.shape[1]

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Plane by plane."""
        wide, at = widened(dx, at, self.pixels)
        planes = wide.reshape(*wide.shape[:-1], -1, self.pixels)
        dy, windows = planes[..., self.seen].mean(axis=-1), len(self.seen)
        given = slice(at.start // self.pixels * windows, at.stop // self.pixels * windows)
        return dy.reshape(*dx.shape[:-1], -1), given

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """A sum of as many terms as a window has places, or as there are windows over a pixel; and a product."""
        windows, places = self.seen.shape
        each = (error + of_sum(places) * np.abs(dy)).reshape(len(dy), -1, windows, 1) / places
        planes = np.zeros((*each.shape[:2], self.pixels))
        at_pixels: Any = (..., self.seen)
        np.add.at(planes, at_pixels, each)
        return {}, planes.reshape(len(dy), -1)
