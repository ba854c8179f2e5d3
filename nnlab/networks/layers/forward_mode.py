"""A layer's derivative in forward mode, apart from its backward pass: what a gradient check holds that one against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.dual import DualArray

Array = NDArray[Any]

UNIT_ROUNDOFF = 2.0**-53
# What a slope that cannot be followed may be off by, relative to itself.
UNKNOWN = 256 * UNIT_ROUNDOFF


@dataclass(frozen=True)
class Kinks:
    """Units that stand exactly on a kink: which (samples and units), both slopes there, and the one that is taken.

    `agrees` says of each whether the slope taken lies between the two and is the one that the activation announces.
    """

    where: Array
    left: Array
    right: Array
    taken: Array
    agrees: Array


NO_KINKS = Kinks(np.empty((0, 2), int), *(np.empty(0),) * 3, np.empty(0, bool))


@dataclass(frozen=True)
class Sides:
    """Left and right slope and the rounding error of both, of one shape."""

    left: Array
    right: Array
    error: Array

    @classmethod
    def of(cls, right: DualArray, left: DualArray) -> Sides:
        """From a function followed in some direction and in the opposite one."""
        return cls(-left.tangent, right.tangent, right.tangent_error + left.tangent_error)

    @property
    def differ(self) -> Array:
        """Where there is a kink."""
        result: Array = np.asarray(np.abs(self.right - self.left) > 4 * self.error)
        return result

    def settled(self, analytic: Array, announced: str | None) -> tuple[Array, Kinks]:
        """The slope to take everywhere, and the kinks.

        `announced` is the side that the activation takes, `left`, `right` or `zero`. Without it any slope between the
        two is as good as another, and the analytic one is taken if it is.
        """
        if not self.differ.any():
            return self.right, NO_KINKS
        low, high = np.minimum(self.left, self.right), np.maximum(self.left, self.right)
        choices = {"left": self.left, "right": self.right, "zero": np.zeros_like(self.right)}
        inside = (analytic >= low - 4 * self.error) & (analytic <= high + 4 * self.error)
        taken = choices[announced] if announced else np.where(inside, analytic, self.right)
        right_one = np.abs(analytic - taken) <= 4 * self.error + UNKNOWN * np.abs(taken)
        agrees = right_one & (inside | (announced == "zero"))
        where, at = np.argwhere(self.differ), self.differ
        kinks = Kinks(where, self.left[at] + 0.0, self.right[at] + 0.0, analytic[at] + 0.0, agrees[at])  # no -0
        return np.where(at, taken, self.right), kinks


class ForwardMode:
    """A layer's derivative in forward mode, for one replica: what a gradient check holds `backward` against.

    Tangents are derivatives of the layer's outputs by C parameters at once, (C, m, w), for the units `at`, a slice of
    width w; for all other units they are 0. This one is the identity.
    """

    kinks = NO_KINKS  # complete when all tangents have been pushed
    on_kink: Array | None = None  # inputs that stand on a kink, (m, inputs), where there are any
    noise: Array | None = None  # rounding errors of the outputs, (m, units), beyond a few units in the last place

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """The tangents of the outputs from those of the inputs."""
        return dx, at

    def meets_kink(self, dx: Array, at: slice) -> Array | None:
        """Which tangents, (C,), move an input that stands on a kink; None if no input stands on one."""
        if self.on_kink is None:
            return None
        result: Array = np.any((dx != 0) & self.on_kink[:, at], axis=(1, 2))
        return result

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """The tangents by entries of a parameter such as `weights`, at most `most` at a time.

        `columns` index the flattened parameter. Each portion is (indices into `columns`, tangents, units `at`).
        """
        raise KeyError(f"{parameter}: {len(columns)} entries, {most} at a time")

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """Bounds of the rounding errors of each parameter's gradient and of dL/dx, given dL/dy and its error.

        All are (m, units). The bounds cover both ways to the derivative, and run from the loss to the inputs. Over the
        units of a layer errors are added as independent ones, root of the sum of squares (Higham, Mary 2019, SIAM J.
        Sci. Comput. 41(5)); over samples, where a value may be there many times, one by one.
        """
        return {}, np.broadcast_to(error, dy.shape)


class CopyForwardMode(ForwardMode):
    """Each output of an image's plane is a copy of an input of this plane, whose unit is `source`, (m, outputs).

    `pixels` are those of a plane before and after. Of an input that is copied to several outputs a derivative is a sum.
    """

    def __init__(self, source: Array, inputs: int, pixels: tuple[int, int]) -> None:
        self.source, self.inputs, self.pixels = source, inputs, pixels

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """The same copies."""
        before, after = self.pixels
        wide, at = widened(dx, at, before)
        given = slice(at.start // before * after, at.stop // before * after)
        return np.take_along_axis(wide, self.source[None, :, given] - at.start, axis=-1), given

    def summed(self, values: Array) -> Array:
        """For each input, (m, inputs), the sum of `values`, (m, outputs), over its copies."""
        total = np.zeros((len(self.source), self.inputs))
        np.add.at(total, (np.arange(len(total))[:, None], self.source), values)
        return total

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """Copies are exact: only a sum rounds."""
        copies = self.summed(np.ones_like(dy))
        rounding = np.where(copies > 1, (4 + np.sqrt(copies)) * UNIT_ROUNDOFF, 0.0)
        return {}, self.summed(np.broadcast_to(error, dy.shape)) + rounding * self.summed(np.abs(dy))


def widened(dx: Array, at: slice, units: int) -> tuple[Array, slice]:
    """Tangents in all of the blocks of so many units that `at` touches, those outside `at` being 0."""
    begin, end = at.start // units * units, -(-at.stop // units) * units
    if (begin, end) == (at.start, at.stop):
        return dx, at
    wide = np.zeros((*dx.shape[:-1], end - begin))
    wide[..., at.start - begin : at.stop - begin] = dx
    return wide, slice(begin, end)


def known(error: Array, values: Array) -> Array:
    """`error`, or many roundings of the values where it has overflowed on the way."""
    result: Array = np.where(np.isfinite(error), error, UNKNOWN * np.abs(values))
    return result


def of_sum(terms: int) -> float:
    """The relative error of a sum of so many products: √n u, and a few u (Higham, Mary 2019)."""
    return float((4 + np.sqrt(terms)) * UNIT_ROUNDOFF)


def in_portions(columns: Array, most: int) -> Iterator[Array]:
    """Indices into `columns`, at most `most` at a time."""
    for begin in range(0, len(columns), most):
        yield np.arange(begin, min(begin + most, len(columns)))


def one_by_one(by_unit: Array, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
    """The tangents by a parameter with one entry for each unit, whose derivatives are `by_unit`, (m, units)."""
    units = by_unit.shape[1]
    for places in in_portions(columns, most):
        dy = np.zeros((len(places), *by_unit.shape))
        dy[np.arange(len(places)), :, columns[places]] = by_unit.T[columns[places]]
        yield places, dy, slice(0, units)
