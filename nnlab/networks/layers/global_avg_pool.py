"""Global average pooling: the mean of each channel over all its pixels (Lin, Chen, Yan 2014, ICLR)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Layer, Shape, features_of, flat_view, units_of
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode, of_sum, widened

Array = NDArray[Any]


@dataclass(frozen=True)
class GlobalAveragePooling(Layer):
    """y = mean over rows and columns, a number for each channel."""

    needs_image = True

    def output_shape(self, shape: Shape) -> Shape:
        """One unit a channel."""
        return (features_of(shape),)

    def signal(self, incoming: Moments) -> Moments:
        """Those of its outputs depend on how alike neighbours are; the slope is that of what it gets."""
        return Moments(math.nan, math.nan, incoming.slope)

    def workspace(self, shape: Shape, batch: int, itemsize: int, *, wants_dx: bool) -> int:
        """The outputs and dL/dx."""
        return batch * (features_of(shape) + wants_dx * units_of(shape)) * itemsize

    def equations(self, shape: Shape) -> Equations:
        """A mean, of which each pixel is a part."""
        pixels = units_of(shape) // features_of(shape)
        return Equations("mean of each channel of {x}", f"{{dy}} / {pixels} at each pixel")

    def bind(self, buffers: Buffers) -> BoundLayer:
        """At work on the images of a batch."""
        return BoundGlobalAveragePooling(buffers)


class BoundGlobalAveragePooling(BoundLayer):
    """Global average pooling at work."""

    def __init__(self, buffers: Buffers) -> None:
        self.y, self.channels = buffers.outputs, features_of(buffers.shape)
        pixels = units_of(buffers.shape) // self.channels
        self.ones, self.share = np.ones((1, pixels), self.y.dtype), self.y.dtype.type(1 / pixels)
        if buffers.gradients is not None and buffers.wants_dx:
            rows, columns, _ = buffers.shape
            images = np.empty((*self.y.shape[:-2], self.channels, rows, columns, self.y.shape[-2]), self.y.dtype)
            self.dx, self.dx_planes = flat_view(images), images.reshape(*images.shape[:-3], pixels, -1)

    def forward(self, x: Array) -> Array:
        """Y = sum over pixels, times 1 / pixels; the sum is a product with ones."""
        planes = x.mT.reshape(*x.shape[:-2], self.channels, -1, x.shape[-2])  # (…, channels, pixels, m)
        np.multiply(np.matmul(self.ones, planes)[..., 0, :].mT, self.share, self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Each pixel gets dL/dy / pixels."""
        if not wants_dx:
            return None
        np.copyto(self.dx_planes, (dy * self.share).mT[..., None, :])
        return self.dx

    def forward_mode(self) -> ForwardMode:
        """The mean of the tangents."""
        return GlobalAveragePoolingForwardMode(self.ones.shape[-1])


class GlobalAveragePoolingForwardMode(ForwardMode):
    """dy = mean of dx over the pixels of a plane."""

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Plane by plane."""
        wide, at = widened(dx, at, self.pixels)
        planes = wide.reshape(*wide.shape[:-1], -1, self.pixels)
        return planes.mean(axis=-1), slice(at.start // self.pixels, at.stop // self.pixels)

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """A sum of so many terms, and a product."""
        return {}, np.repeat(error + of_sum(self.pixels) * np.abs(dy), self.pixels, axis=-1) / self.pixels
