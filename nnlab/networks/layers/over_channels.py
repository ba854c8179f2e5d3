"""Layers for units, at work on images: each channel is a unit, and each pixel of each sample a row.

So batch normalisation has one mean for each channel, a learned parameter of an activation is a channel's own with
`per_unit`, softmax and maxout are over the channels of a pixel, and a channel counts as dead that is so at every pixel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, Layer, channel_rows, features_of, is_image
from nnlab.networks.layers.forward_mode import ForwardMode

Array = NDArray[Any]


def bound_to(layer: Layer, buffers: Buffers) -> BoundLayer:
    """The layer at work; over channels where it is of such a kind and is given images."""
    if layer.over_channels and is_image(buffers.shape):
        return OverChannels(layer, buffers)
    return layer.bind(buffers)


class OverChannels(BoundLayer):
    """A layer for rows of units, (pixels · m, channels), between layers of images, (m, units)."""

    def __init__(self, layer: Layer, buffers: Buffers) -> None:
        self.shape, self.given = buffers.shape, layer.output_shape(buffers.shape)
        self.outputs = buffers.outputs
        rows = channel_rows(buffers.outputs, self.given)
        self.inner = layer.bind(replace(buffers, outputs=rows, shape=(features_of(self.shape),)))

    def forward(self, x: Array) -> Array:
        """The outputs as images."""
        self.inner.forward(channel_rows(x, self.shape))
        return self.outputs

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dx as images."""
        dx = self.inner.backward(channel_rows(dy, self.given), wants_dx=wants_dx)
        return None if dx is None else images_of(dx, dy.shape[-2])

    @property
    def y(self) -> Array:  # type: ignore[override]
        """The outputs, (…, pixels · m, channels)."""
        return self.inner.y

    @property
    def z(self) -> Array:  # type: ignore[override]
        """The inputs of an activation, (…, pixels · m, channels)."""
        return self.inner.z

    def curve_at(self, z: Array) -> tuple[Array, Array]:
        """As the layer's own: units are channels."""
        return self.inner.curve_at(z)

    def kinks(self) -> Array:
        """(kinks, channels or 1)."""
        return self.inner.kinks()

    def typical_kinks(self) -> list[float]:
        """As the layer's own."""
        return self.inner.typical_kinks()

    def sides(self, kinks: Array) -> list[Array]:
        """As the layer's own."""
        return self.inner.sides(kinks)

    def forward_mode(self) -> ForwardMode:
        """The layer's own, on the same rows."""
        raise NotImplementedError


def images_of(rows: Array, m: int) -> Array:
    """The inverse of `channel_rows`: (…, pixels · m, channels) as images (…, m, units)."""
    return rows.mT.reshape(*rows.shape[:-2], -1, m).mT
