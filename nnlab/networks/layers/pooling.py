"""What max and average pooling share: windows over each channel by itself, seen as strided views of the image.

The entry at place (i, j) of every window at once is the view x[:, i::stride, j::stride]: pooling goes over these few
views, and each operation is on whole arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Layer, Shape, flat_view, image_view, units_of
from nnlab.networks.layers.windows import Windows

Array = NDArray[Any]


@dataclass(frozen=True)
class Pooling(Layer):
    """One number for each window and channel; rows and columns that no whole window reaches are left out."""

    needs_image = True
    windows: Windows

    def output_shape(self, shape: Shape) -> Shape:
        """A pixel for each window; ValueError where none fits."""
        return (*self.windows.counts(shape), shape[-1])

    def signal(self, incoming: Moments) -> Moments:
        """Those of its outputs depend on how alike neighbours are; the slope is that of what it gets."""
        return Moments(math.nan, math.nan, incoming.slope)

    @property
    def details(self) -> str:
        """Its windows."""
        return self.windows.details

    def workspace(self, shape: Shape, batch: int, itemsize: int, *, wants_dx: bool) -> int:
        """The outputs, as much again on the way back, and dL/dx."""
        return batch * (2 * units_of(self.output_shape(shape)) + wants_dx * units_of(shape)) * itemsize


class BoundPooling(BoundLayer):
    """Pooling at work: views of the image and of dL/dx, one for each place in a window."""

    def __init__(self, layer: Pooling, buffers: Buffers) -> None:
        self.windows, self.shape, self.y = layer.windows, buffers.shape, buffers.outputs
        self.given = layer.output_shape(self.shape)
        self.pooled = image_view(self.y, self.given)
        self.x = np.empty((0, 0), self.y.dtype)
        if buffers.gradients is not None and buffers.wants_dx:
            rows, columns, channels = self.shape
            # Zeros stay where no window reaches.
            images = memory.zeros((*self.pooled.shape[:-4], channels, rows, columns, self.y.shape[-2]), self.y.dtype)
            self.dx, self.dx_places = flat_view(images), [*self._places(images)]

    @property
    def overlaps(self) -> bool:
        """Whether an entry may be in several windows."""
        return any(kernel > step for kernel, step in zip(self.windows.kernel, self.windows.stride, strict=True))

    def enter(self, x: Array) -> list[Array]:
        """The views of the images x, which are kept while x is the same array."""
        if x is not self.x:
            self.x, self.places = x, [*self._places(image_view(x, self.shape))]
        return self.places

    def units_seen(self, channels: int) -> Array:
        """The input units in each window, (outputs, places of a window): what pooling is, for its forward mode."""
        rows, columns, _ = self.shape
        units = np.arange(channels * rows * columns).reshape(channels, rows, columns)
        seen = sliding_window_view(units, self.windows.kernel, axis=(1, 2))
        step, stride = self.windows.stride
        return seen[:, ::step, ::stride].reshape(-1, units_of(self.windows.kernel))

    def _places(self, images: Array) -> Iterator[Array]:
        """The entries at each place of every window, (…, channels, rows, columns, m), row by row."""
        (high, wide), (step, stride), (rows, columns, _) = self.windows.kernel, self.windows.stride, self.given
        for i in range(high):
            for j in range(wide):
                yield images[..., i : i + (rows - 1) * step + 1 : step, j : j + (columns - 1) * stride + 1 : stride, :]
