"""Max pooling: the largest entry of each window, which alone gets the derivative; of equal ones it is the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, Shape, flat_view, image_view
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import (
    NO_KINKS,
    UNIT_ROUNDOFF,
    UNKNOWN,
    CopyForwardMode,
    ForwardMode,
    Kinks,
    widened,
)
from nnlab.networks.layers.pooling import BoundPooling, Pooling
from nnlab.networks.layers.windows import times

Array = NDArray[Any]

# Entries of a window that differ by less than so much of the largest are one to differences; see `sides`.
_ROUNDING = 32 * UNIT_ROUNDOFF


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """y = max over a window. Two entries that are both the largest are a kink: there the first in row order counts."""

    def equations(self, shape: Shape) -> Equations:
        """The largest entry of a window, which gets all that flows back."""
        back = "{dy} at the largest entry of a window, else 0"
        return Equations(
            f"max of each {times(self.windows.kernel)} window of {{x}}", back, where=self.windows.over(shape)
        )

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
        return MaxPoolingForwardMode(self)

    def sides(self, _kinks: Array) -> list[Array]:
        """Which place of its window each output is from.

        Places that are equal but for rounding count as one: where windows see the same background, their entries are
        equal, and stay so, whatever the weights are.
        """
        least = self.pooled - _ROUNDING * np.abs(self.pooled)
        winners = np.zeros(self.pooled.shape, np.int16)
        for number, place in reversed(list(enumerate(self.places))):
            np.copyto(winners, number, where=place >= least, casting="unsafe")
        return [flat_view(winners)]


class MaxPoolingForwardMode(CopyForwardMode):
    """dy is the dx of the largest entry of a window, of equal ones of the first.

    Equal entries are a kink only where their tangents differ. Most do not: they are of pixels that see the same
    background, or they are zeros of units that are off. So it is seen as tangents are pushed which are kinks. In the
    direction of the first entry the slope is then 0 on the left, where another one stays the largest, and 1 on the
    right; and 1 is taken.
    """

    def __init__(self, bound: BoundMaxPooling) -> None:
        (rows, columns, channels), (high, wide, _) = bound.shape, bound.given
        self.bound, units = bound, bound.units_seen(channels)
        values = bound.x[:, units]  # (m, outputs, places)
        first = units[np.arange(len(units)), values.argmax(axis=-1)]
        super().__init__(first, bound.x.shape[-1], (rows * columns, high * wide))
        equal = values == values.max(axis=-1, keepdims=True)
        self.samples, self.outputs = np.nonzero(equal.sum(axis=-1) > 1)
        self.first, equal = first[self.samples, self.outputs], equal[self.samples, self.outputs]
        self.rivals = np.where(equal, units[self.outputs], self.first[:, None])  # (ties, places): the equal inputs
        self.differ = np.zeros(len(self.samples), bool)

    def meets_kink(self, dx: Array, at: slice) -> Array | None:
        """Where the tangents of equal entries differ by more than rounding."""
        if not len(self.samples):
            return None
        dx, at = widened(dx, at, self.pixels[0])
        (ties,) = np.nonzero((self.first >= at.start) & (self.first < at.stop))
        moved = dx[:, self.samples[ties, None], self.rivals[ties] - at.start]  # (C, ties, places)
        apart = np.ptp(moved, axis=-1) > UNKNOWN * np.abs(moved).max(axis=-1)
        self.differ[ties] |= apart.any(axis=0)
        result: Array = apart.any(axis=1)
        return result

    @property
    def kinks(self) -> Kinks:  # type: ignore[override]
        """The windows whose largest entries are equal and have been seen to move apart: the first is to get it all."""
        if not self.differ.any():
            return NO_KINKS
        samples, first, rivals = (values[self.differ] for values in (self.samples, self.first, self.rivals))
        once = np.ones_like(self.bound.y)
        found, expected = self.bound.backward(once, wants_dx=True), self.summed(once)
        assert found is not None
        surplus = found - expected  # an entry may be in several windows
        agrees = ~surplus[samples[:, None], rivals].any(axis=-1)
        where = np.stack([samples, self.outputs[self.differ]], axis=-1)
        left, taken = np.zeros(len(where)), 1 + surplus[samples, first]
        return Kinks(where, left, left + 1, taken, agrees)
