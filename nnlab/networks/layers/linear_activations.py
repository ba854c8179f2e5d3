"""The derivatives of activation layers in forward mode: from the values alone, followed with dual arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.dual import DualArray, NotAnalyticError, along
from nnlab.networks.layers.activation_layers import BoundElementwise, BoundRowwise
from nnlab.networks.layers.forward_mode import UNIT_ROUNDOFF, UNKNOWN, ForwardMode, Sides, known, of_sum, one_by_one

Array = NDArray[Any]


class ElementwiseForwardMode(ForwardMode):
    """dy = f'(z) dz, with f' from the value alone, followed with dual arrays: the slope is not asked.

    On a kink the slope taken is the one that the activation announces, or else the analytic one.
    """

    def __init__(self, bound: BoundElementwise) -> None:
        self.bound, self.entry, shape = bound, bound.layer.activation, bound.y.shape
        right, left = (along(bound.value, bound.z, shape, side, **bound.parameters) for side in (1.0, -1.0))
        analytic, doubt = self._analytic(bound.slope, right)
        (right,), (left,), (y,) = right, left, bound.y  # of the only replica
        found = Sides.of(right, left)
        if np.any(np.isfinite(y) & np.isnan(found.right)):
            raise NotAnalyticError(f"{self.entry.name} has no derivative at a point where it has a value")
        self.slope, self.kinks = found.settled(analytic, self.entry.announced)
        self.on_kink = found.differ if len(self.kinks.where) else None
        self.doubt = doubt + known(found.error, self.slope)
        self.noise = known(right.error, right.value)

    def _analytic(self, slope: Any, a: DualArray) -> tuple[Array, Array]:
        """A hand-derived slope at z, (m, units), and what rounding may have done to it."""
        z, out = self.bound.z, np.empty_like(self.bound.y)
        slope(z, self.bound.y, out, **self.bound.parameters)
        followed = DualArray(np.empty_like(out))
        try:
            with np.errstate(all="ignore"):
                slope(DualArray(z), DualArray(a.value, 0.0, a.error), followed, **self.bound.parameters)
        except (TypeError, ValueError, AttributeError):  # a user's code may do what cannot be followed
            followed.error[...] = UNKNOWN * np.abs(out)
        (analytic,), (error,) = out, followed.error
        return analytic, known(error, analytic) + UNIT_ROUNDOFF * np.abs(analytic)

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Unit by unit."""
        return dx * self.slope[:, at], at

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """By a learned parameter: of one unit, or of all of them at once."""
        by_unit = self._by(parameter)[0]
        if self.bound.layer.per_unit:
            yield from one_by_one(by_unit, columns, most)
        else:
            yield np.arange(1), by_unit[None], slice(0, by_unit.shape[1])

    def _by(self, parameter: str) -> tuple[Array, Array]:
        """The derivative by a learned parameter, (m, units), and its error."""
        bound = self.bound

        def value(p: Any, out: Any) -> None:
            bound.value(bound.z, out, **{**bound.parameters, parameter: p})

        right, left = (along(value, bound.parameters[parameter], bound.y.shape, side) for side in (1.0, -1.0))
        analytic, doubt = self._analytic(self.entry.parameter_slopes[parameter], right)
        (right,), (left,), (y,) = right, left, bound.y
        found = Sides.of(right, left)
        if np.any(np.isfinite(y) & np.isnan(found.right)):
            raise NotAnalyticError(f"{self.entry.name} has no derivative by {parameter} where it has a value")
        return found.settled(analytic, None)[0], known(found.error, analytic) + doubt

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """A product for each unit; by a learned parameter a sum over samples, and over units where they share it."""
        own = {}
        for parameter in self.bound.layer.learned:
            try:
                by_unit, doubt = self._by(parameter)
            except NotAnalyticError:  # `tangents` says so
                own[parameter] = np.full(self.bound.parameters[parameter].size, np.nan)
                continue
            each = np.abs(by_unit) * (error + of_sum(by_unit.size) * np.abs(dy)) + doubt * np.abs(dy)
            own[parameter] = each.sum(axis=0) if self.bound.layer.per_unit else each.sum().reshape(1)
        slope = np.abs(self.slope)
        return own, slope * error + (self.doubt + 2 * UNIT_ROUNDOFF * slope) * np.abs(dy)


class RowwiseForwardMode(ForwardMode):
    """dy = dz J with J (inputs, m, units), row i from the value followed in the direction of input i.

    Where the order of equal inputs decides, as in a maxout, J may be anything between its two sides: the analytic one.
    """

    def __init__(self, bound: BoundRowwise) -> None:
        self.bound, inputs = bound, bound.z.shape[-1]
        shape = (inputs, *bound.y.shape[1:])
        z, each = np.repeat(bound.z, inputs, axis=0), np.eye(inputs)[:, None, :]
        right = along(bound.activation.value, z, shape, each, **bound.chosen)
        left = along(bound.activation.value, z, shape, -each, **bound.chosen)
        found = Sides.of(right, left)
        self.a = right[:1]
        self.matrix, self.doubt = found.right, known(found.error, found.right)
        (self.noise,) = known(self.a.error, self.a.value)
        if found.differ.any():
            self.matrix = found.settled(self._analytic(), None)[0]
            self.on_kink = np.any(found.differ, axis=-1).T

    def _analytic(self) -> Array:
        """J as `backward` has it."""
        bound, units = self.bound, self.bound.y.shape[-1]
        one = np.repeat(np.eye(units)[:, None, :], bound.y.shape[1], axis=1)  # (units, m, units)
        z, a = np.repeat(bound.z, units, axis=0), np.repeat(bound.y, units, axis=0)
        rows = np.empty_like(z)
        bound.activation.backward(z, a, one, rows, **bound.chosen)
        return rows.transpose(2, 1, 0)

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """A product for each sample."""
        matrix = self.matrix[at].swapaxes(0, 1)  # (m, w, units)
        return np.matmul(dx.swapaxes(0, 1), matrix).swapaxes(0, 1), slice(0, matrix.shape[-1])

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """As `backward` computes it, and of the product with J."""
        size = np.abs(self.matrix)
        by_forward = np.einsum("imu,mu->mi", size, error) + np.einsum(
            "imu,mu->mi", self.doubt + of_sum(dy.shape[1]) * size, np.abs(dy)
        )
        followed = DualArray(np.empty_like(self.bound.z))
        a = DualArray(self.a.value, 0.0, self.a.error)
        try:
            with np.errstate(all="ignore"):
                self.bound.activation.backward(
                    DualArray(self.bound.z), a, DualArray(dy[None]), followed, **self.bound.chosen
                )
        except (TypeError, ValueError, AttributeError):  # a user's code may do what cannot be followed
            followed.error[...] = UNKNOWN * np.abs(dy).sum(axis=1)[None, :, None] * size.max(initial=1.0)
        (by_backward,) = followed.error
        return {}, by_forward + known(by_backward, dy.sum(axis=1, keepdims=True))
