"""Flatten: from here on the pixels of an image are units like any others, plane by plane."""

from __future__ import annotations

from dataclasses import dataclass

from nnlab.maths.signal.normal import Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Identity, Layer, Shape, units_of
from nnlab.networks.layers.equations import Equations


@dataclass(frozen=True)
class Flatten(Layer):
    """y = x with another shape: nothing is computed, since buffers are flat."""

    def output_shape(self, shape: Shape) -> Shape:
        """All units in one axis."""
        return (units_of(shape),)

    def signal(self, incoming: Moments) -> Moments:
        """Those of what it gets."""
        return incoming

    def equations(self, _shape: Shape) -> Equations:
        """The same numbers in another shape."""
        return Equations("{x} as one row", "{dy} as an image")

    def workspace(self, _shape: Shape, _batch: int, _itemsize: int, *, wants_dx: bool) -> int:  # noqa: ARG002 - the interface's name
        """Nothing."""
        return 0

    def bind(self, _buffers: Buffers) -> BoundLayer:
        """The identity."""
        return Identity()
