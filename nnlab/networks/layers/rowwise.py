"""Layers that apply an activation to a whole row of units: softmax and its relations, maxout, glu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.activations import RowActivation
from nnlab.maths.dual import DualArray, along
from nnlab.maths.parameters import Value, changed, in_words
from nnlab.maths.signal.normal import NOT_KNOWN, STANDARD, Moments
from nnlab.networks.layers.base import BoundLayer, Buffers, Layer, Shape
from nnlab.networks.layers.equations import Equations, indexed
from nnlab.networks.layers.forward_mode import UNKNOWN, ForwardMode, Sides, known, of_sum

Array = NDArray[Any]


@dataclass(frozen=True)
class Rowwise(Layer):
    """y = f(z) with f an activation of all units together, or of all channels of a pixel; it has nothing to learn."""

    over_channels = True
    activation: RowActivation
    chosen: Mapping[str, Value]

    @property
    def health(self) -> tuple[str, ...]:
        """How the activations spread. Instead of a slope it has a matrix of them, so that no unit is called dead."""
        return "mean", "deviation"

    @property
    def output_name(self) -> str:
        """What comes of a pre-activation."""
        return "activation"

    def output_shape(self, shape: Shape) -> Shape:
        """As many units as the activation makes of those of the last axis; ValueError if it cannot."""
        return (*shape[:-1], self.activation.units(shape[-1], **self.chosen))

    def signal(self, incoming: Moments) -> Moments:
        """Those of the activation for normal pre-activations, where they do not depend on its width."""
        found = self.activation.moments if incoming == STANDARD else None
        return NOT_KNOWN if found is None else found(**self.chosen)

    @property
    def details(self) -> str:
        """The parameters that are not at their defaults."""
        return in_words(changed(self.activation.parameters, self.chosen))

    def equations(self, _shape: Shape) -> Equations:
        """The activation f by its name, and J, the matrix of its derivatives, for each row."""
        f, formula = self.activation.name, self.activation.formula
        unit = "ₖ" if "_k" in formula else ""
        where = f"{f}(x){unit} = {indexed(formula, {})}; J = ∂{{y}}/∂{{x}} of a row: "
        return Equations(f"{f}({{x}})", "{dy} J", where=f"{where}{indexed(self.activation.slope_formula, {})}")

    def bind(self, buffers: Buffers) -> BoundLayer:
        """At work on the rows of a batch."""
        return BoundRowwise(self, buffers.outputs)


class BoundRowwise(BoundLayer):
    """A row activation at work."""

    def __init__(self, layer: Rowwise, y: Array) -> None:
        self.activation, self.chosen, self.y = layer.activation.forms(y.dtype), layer.chosen, y

    def forward(self, x: Array) -> Array:
        """Y = f(x)."""
        self.z = x
        self.activation.value(x, self.y, **self.chosen)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dz = dL/dy times the matrix of derivatives, row by row."""
        if not wants_dx:
            return None
        dz = np.empty((*dy.shape[:-1], self.z.shape[-1]), dy.dtype)
        self.activation.backward(self.z, self.y, dy, dz, **self.chosen)
        return dz

    def sides(self, _kinks: Array) -> list[Array]:
        """Which piece of the function each unit is on, where it has pieces."""
        piece = self.activation.piece
        return [] if piece is None else [piece(self.z, self.y, **self.chosen)]

    def forward_mode(self) -> ForwardMode:
        """The matrix of derivatives, row by row."""
        return RowwiseForwardMode(self)


class RowwiseForwardMode(ForwardMode):
    """dy = dz J with J (inputs, m, units), row i from the value followed in the direction of input i.

    Where the order of equal inputs decides, as in a maxout, J may be anything between its two sides: the analytic one.
    """

    def __init__(self, bound: BoundRowwise) -> None:
        self.bound, inputs = bound, bound.z.shape[-1]
        shape = (inputs, *bound.y.shape)
        z, each = np.repeat(bound.z[None], inputs, axis=0), np.eye(inputs)[:, None, :]
        right = along(bound.activation.value, z, shape, each, **bound.chosen)
        left = along(bound.activation.value, z, shape, -each, **bound.chosen)
        found = Sides.of(right, left)
        self.a = right[0]
        self.matrix, self.doubt = found.right, known(found.error, found.right)
        self.noise = known(self.a.error, self.a.value)
        if found.differ.any():
            self.matrix = found.settled(self._analytic(), None)[0]
            self.on_kink = np.any(found.differ, axis=-1).T

    def _analytic(self) -> Array:
        """J as `backward` has it."""
        bound, units = self.bound, self.bound.y.shape[-1]
        one = np.repeat(np.eye(units)[:, None, :], len(bound.y), axis=1)  # (units, m, units)
        z, a = (np.repeat(values[None], units, axis=0) for values in (bound.z, bound.y))
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
                self.bound.activation.backward(DualArray(self.bound.z), a, DualArray(dy), followed, **self.bound.chosen)
        except (TypeError, ValueError, AttributeError):  # a user's code may do what cannot be followed
            followed.error[...] = UNKNOWN * np.abs(dy).sum(axis=1)[:, None] * size.max(initial=1.0)
        return {}, by_forward + known(followed.error, dy.sum(axis=1, keepdims=True))
