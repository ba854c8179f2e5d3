"""Augmentation: a training pass mirrors and shifts images at random; an evaluation lets them through as they are.

Random as dropout is: by seed, layer, step and replica alone. What comes in from outside repeats the pixels at the edge,
so that it does not matter how pixels are scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Identity, Layer, Shape, flat_view, image_view, units_of
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import CopyForwardMode, ForwardMode

Array = NDArray[Any]
Flip = Literal["none", "horizontal", "vertical", "both"]


@dataclass(frozen=True)
class Augment(Layer):
    """Each image is mirrored with probability 1/2 in each direction of `flip`, and shifted by up to `shift` pixels.

    Shifts in rows and in columns are whole numbers, each of -shift … shift as likely as any other.
    """

    needs_image = True
    flip: Flip = "none"
    shift: int = 0

    def output_shape(self, shape: Shape) -> Shape:
        """The same; ValueError where a shift may leave nothing of the image."""
        if self.shift >= min(shape[:2]):
            raise ValueError(f"a shift of {self.shift} pixels may leave nothing of them")
        return shape

    @property
    def details(self) -> str:
        """How far an image may be moved, and how it may be mirrored."""
        flip = "" if self.flip == "none" else f"flip {self.flip}"
        return ", ".join(filter(None, [flip, f"shift {self.shift}" if self.shift else ""]))

    def signal(self, incoming: Moments) -> Moments:
        """Those of what it gets."""
        return incoming

    def equations(self, _shape: Shape) -> Equations:
        """Each pixel is a copy of one."""
        counted = f"{self.shift} pixel{'s' * (self.shift != 1)}"
        where = f"flip {self.flip}, shift up to {counted}, drawn for each image at each step"
        return Equations("copy of {x}, moved", "Σ {dy} of the copies of each pixel", where=where)

    def bind(self, buffers: Buffers) -> BoundLayer:
        """The identity in an evaluation."""
        return BoundAugment(self, buffers) if buffers.context.trains else Identity()


class BoundAugment(BoundLayer):
    """Augmentation in a training pass."""

    def __init__(self, layer: Augment, buffers: Buffers) -> None:
        self.layer, self.shape, self.y, self.context = layer, buffers.shape, buffers.outputs, buffers.context
        self.images = image_view(self.y, self.shape)

    def forward(self, x: Array) -> Array:
        """Draw for each image where each of its rows and columns comes from, and copy."""
        drawn = self.context.uniforms(self.layer.name, np.empty((*self.y.shape[:-1], 4), np.float64))
        draws = np.broadcast_to(drawn, (*self.y.shape[:-1], 4))  # replicas may share one seed
        self.sources = sources(draws, self.layer, self.shape)
        given = np.broadcast_to(image_view(x, self.shape), self.images.shape)
        for at in np.ndindex(draws.shape[:-1]):
            rows, columns = (taken[at] for taken in self.sources)
            *replica, sample = at
            place = (*replica, ..., sample)
            self.images[place] = given[place][:, rows[:, None], columns]
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """The derivative of a pixel is the sum over all places that it was copied to."""
        if not wants_dx:
            return None
        dx, handed = np.zeros_like(self.images), image_view(dy, self.shape)
        for at in np.ndindex(dy.shape[:-1]):
            rows, columns = (taken[at] for taken in self.sources)
            *replica, sample = at
            place = (*replica, ..., sample)
            at_sources: Any = (slice(None), rows[:, None], columns)
            np.add.at(dx[place], at_sources, handed[place])
        return flat_view(dx)

    def forward_mode(self) -> ForwardMode:
        """The same copies of the tangents."""
        rows, columns = self.sources
        height, width, channels = self.shape
        pixels = (rows[:, :, None] * width + columns[:, None, :]).reshape(len(rows), 1, -1)
        source = np.arange(channels)[:, None] * height * width + pixels  # (m, channels, pixels)
        return CopyForwardMode(source.reshape(len(rows), -1), units_of(self.shape), (height * width, height * width))


def sources(draws: Array, layer: Augment, shape: Shape) -> tuple[Array, Array]:
    """The row that each row comes from, (…, m, rows), and the column of each column; `draws` (…, m, 4) are uniform."""
    both = layer.flip == "both"
    rows = _source(draws[..., 0:2], shape[0], layer.shift, mirrors=both or layer.flip == "vertical")
    columns = _source(draws[..., 2:4], shape[1], layer.shift, mirrors=both or layer.flip == "horizontal")
    return rows, columns


def _source(draws: Array, size: int, most: int, *, mirrors: bool) -> Array:
    shift = np.floor(draws[..., :1] * (2 * most + 1)).astype(np.intp) - most
    places = np.arange(size) - shift
    turned = np.where(mirrors & (draws[..., 1:] < 0.5), size - 1 - places, places)
    source: Array = np.clip(turned, 0, size - 1)
    return source
