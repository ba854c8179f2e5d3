"""Layers for units, at work on images: each channel is a unit, and each pixel of each sample a row.

So batch normalisation has one mean for each channel, a learned parameter of an activation is a channel's own with
`per_unit`, softmax and maxout are over the channels of a pixel, and a channel counts as dead that is so at every pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, Layer, Shape, channel_rows, features_of, is_image
from nnlab.networks.layers.forward_mode import ForwardMode, widened

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

    def intermediates(self) -> dict[str, Array]:
        """The layer's own as images; of a mean over pixels a number for each channel."""
        m, found = self.outputs.shape[-2], self.inner.intermediates()
        return {name: values if values.shape[-2] == 1 else images_of(values, m) for name, values in found.items()}

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
        return OverChannelsForwardMode(self.inner.forward_mode(), self.shape, self.outputs.shape[-2])


class OverChannelsForwardMode(ForwardMode):
    """A forward mode for rows of channels, between tangents of images, plane by plane: (C, m, units)."""

    def __init__(self, inner: ForwardMode, shape: Shape, m: int) -> None:
        self.inner, self.m, self.pixels = inner, m, shape[0] * shape[1]
        self.on_kink = None if inner.on_kink is None else images_of(inner.on_kink, m)
        self.noise = None if inner.noise is None else images_of(inner.noise, m)
        rows, channels = inner.kinks.where.T
        self.kinks = replace(inner.kinks, where=np.stack([rows % m, channels * self.pixels + rows // m], axis=-1))

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """The layer's own, of the channels whose pixels move."""
        wide, at = widened(dx, at, self.pixels)
        channels = slice(at.start // self.pixels, at.stop // self.pixels)
        return self._as_images(*self.inner.push(self._rows(wide), channels))

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """The layer's own."""
        for places, dy, at in self.inner.tangents(parameter, columns, most):
            yield places, *self._as_images(dy, at)

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """The layer's own: pixels are samples."""
        own, inputs = self.inner.errors(self._rows(dy), self._rows(np.broadcast_to(error, dy.shape)))
        return own, images_of(inputs, self.m)

    def _rows(self, values: Array) -> Array:
        """(…, m, units) as (…, pixels · m, channels)."""
        return channel_rows(values, (self.pixels, 1, values.shape[-1] // self.pixels))

    def _as_images(self, rows: Array, at: slice) -> tuple[Array, slice]:
        """(…, pixels · m, channels) as (…, m, units), and the units of these channels."""
        return images_of(rows, self.m), slice(at.start * self.pixels, at.stop * self.pixels)


def images_of(rows: Array, m: int) -> Array:
    """The inverse of `channel_rows`: (…, pixels · m, channels) as images (…, m, units)."""
    return rows.mT.reshape(*rows.shape[:-2], -1, m).mT
