"""Drawing many small pictures at once: signed distances to figures, and a canvas that fills them with soft edges.

A signed distance is negative within a figure, positive outside, and 0 on its edge. The functions take the coordinates
of all pixels, (N, size, size), x to the right and y down; other lengths are numbers or arrays (N, 1, 1).

All is computed in float32 with +, -, *, /, square roots and comparisons, each of which IEEE 754 rounds in one way only,
and no sums over pixels: the same numbers give the same picture on every machine.

Source of the distances: Quilez, "2D distance functions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Length = float | Float
"""One for all pictures, or one for each, (N, 1, 1)."""

_TINY = 1e-6


class Canvas:
    """Pictures in colour, (N, 3, size, size) from 0 to 1, and where their pixels are in the figures' coordinates.

    Without shift, scale and slope a picture spans [-1, 1] in x and y. `slope` is the tangent of half the angle by which
    the figure is turned clockwise: the sine and cosine are fractions of it.
    """

    def __init__(self, size: int, shift: tuple[Float, Float], scale: Float, slope: Float) -> None:
        centres = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
        right, down = centres - shift[0], centres[:, np.newaxis] - shift[1]
        divisor = (1 + slope * slope) * scale
        cosine, sine = (1 - slope * slope) / divisor, 2 * slope / divisor
        self.x = cosine * right + sine * down
        self.y = cosine * down - sine * right
        self._per_pixel = scale * (size / 2)
        self.picture = np.zeros((len(scale), 3, size, size), np.float32)

    def fill(self, distance: Float, colour: Float, opacity: Length = 1.0) -> None:
        """Paint a figure, given by its signed distances, in a colour (N or 1, 3); edges are one pixel wide."""
        covered = np.clip(0.5 - distance * self._per_pixel, 0, 1) * opacity
        self.picture += covered[:, np.newaxis] * (colour[:, :, np.newaxis, np.newaxis] - self.picture)


def length(x: Float, y: Float) -> Float:
    """The length of the vector (x, y)."""
    root: Float = np.sqrt(x * x + y * y)
    return root


def circle(x: Float, y: Float, radius: Length) -> Float:
    """A disc around the origin."""
    return length(x, y) - radius


def ring(x: Float, y: Float, radius: Length, thickness: Length) -> Float:
    """A circular line, half as thick on either side as `thickness`."""
    distance: Float = np.abs(length(x, y) - radius) - thickness / 2
    return distance


def ellipse(x: Float, y: Float, width: Length, height: Length) -> Float:
    """An ellipse with half axes `width` and `height`; a first-order distance, right near the edge."""
    across, along = x / width, y / height
    away = length(across, along)
    return away * (away - 1) / np.maximum(length(across / width, along / height), _TINY)


def box(x: Float, y: Float, width: Length, height: Length, rounding: Length = 0.0) -> Float:
    """A rectangle of half sides `width` and `height`, its corners rounded with a radius."""
    across, along = np.abs(x) - width + rounding, np.abs(y) - height + rounding
    outside = length(np.maximum(across, 0), np.maximum(along, 0))
    return outside + np.minimum(np.maximum(across, along), 0) - rounding


def bow(x: Float, y: Float, bend: Length, width: Length, thickness: Length) -> Float:
    """A line along y = -bend · x² for |x| <= width: the ends are up for a positive bend. First-order distance."""
    slope = 2 * bend * x
    off = np.abs(y + bend * x * x) / np.sqrt(1 + slope * slope)
    return np.maximum(off - thickness / 2, np.abs(x) - width)


def polygon(x: Float, y: Float, corners: Sequence[tuple[float, float]]) -> Float:
    """A polygon: the distance to the nearest side, negative where a ray crosses an odd number of sides."""
    nearest = np.full_like(x, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        dx, dy = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = np.clip((px * dx + py * dy) / (dx * dx + dy * dy), 0, 1)
        nearest = np.minimum(nearest, length(px - along * dx, py - along * dy))
        left_of_line = (px * dy < py * dx) == (dy > 0)
        inside ^= ((py < 0) != (y - by < 0)) & left_of_line
    return np.where(inside, -nearest, nearest)
