"""Dense layers: every output is a weighted sum of all inputs, and a bias."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.networks.layers.base import BoundLayer, Buffers, Shape, units_of
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode, in_portions, of_sum, one_by_one
from nnlab.networks.layers.weighted import Weighted

Array = NDArray[Any]


@dataclass(frozen=True)
class Dense(Weighted):
    """y = x W + b with W (inputs, units) and b (units,); a sample of any shape is taken as one row of numbers."""

    def output_shape(self, _shape: Shape) -> Shape:
        """One number a unit."""
        return (self.width,)

    def weights_shape(self, shape: Shape) -> Shape:
        """(inputs, units)."""
        return units_of(shape), self.width

    def fans(self, shape: Shape) -> tuple[int, int]:
        """Inputs and units."""
        return units_of(shape), self.width

    def equations(self, _shape: Shape) -> Equations:
        """As `BoundDense.forward` and `backward` compute them."""
        own = {"weights": "{x}ᵀ {dy}", "bias": "Σ {dy}"}
        return Equations("{x} {weights} + {bias}", "{dy} {weights}ᵀ", own)

    def operations(self, shape: Shape, batch: int, *, wants_dx: bool) -> int:
        """X W, dW and dx each take 2 · batch · inputs · units."""
        return 2 * batch * units_of(shape) * self.width * (2 + wants_dx)

    def workspace(self, shape: Shape, batch: int, itemsize: int, *, wants_dx: bool) -> int:
        """The outputs, the bias written out for each row, and dL/dx."""
        return batch * (2 * self.width + wants_dx * units_of(shape)) * itemsize

    def bind(self, buffers: Buffers) -> BoundLayer:
        """W and b are views of theta, dW and db of its gradient: an update in place is seen at once."""
        return BoundDense(self.name, buffers)


class BoundDense(BoundLayer):
    """A dense layer at work, for R replicas: W (R, inputs, units), or (inputs, units) where there is one.

    Penalties are not its business: `Pass.backward` adds their gradient for all layers at once.
    """

    def __init__(self, name: str, buffers: Buffers) -> None:
        W, b = buffers.parameters[f"{name}/weights"], buffers.parameters[f"{name}/bias"]
        self.W, self.b, self.y = W, b[..., None, :], buffers.outputs
        has_one_replica = self.y.ndim == 2
        # On two-axis arrays `dot` takes half the time of `matmul`, and gives the same bits.
        self.product: Any = np.ndarray.dot if has_one_replica else np.matmul
        self.weighted_sum = _row_product if W.shape[-1] == 1 and W.dtype == np.float64 else self.product
        # y = x W + b is all that this computes. The bias has several shapes for speed alone: to add one row to all rows
        # takes three times as long as to add a number (one unit) or an array of y's shape (`bias_rows`, a copy of the
        # row for each sample). For several replicas it is broadcast.
        if has_one_replica and W.shape[-1] == 1:
            self.b = b.reshape(())
        self.bias_rows = memory.empty_like(self.y) if has_one_replica and W.shape[-1] > 1 else self.b
        self.x = self.x_transposed = np.empty((0, 0), self.y.dtype)
        if buffers.gradients is not None:
            self.dW, self.db = buffers.gradients[f"{name}/weights"], buffers.gradients[f"{name}/bias"][..., None, :]
            self.W_transposed, self.ones = W.mT, np.ones((1, self.y.shape[-2]), self.y.dtype)
            self.dx = memory.empty((*self.y.shape[:-1], W.shape[-2]), self.y.dtype) if buffers.wants_dx else None

    def forward(self, x: Array) -> Array:
        """Y = x W + b."""
        if x is not self.x:  # from layer to layer it is always the same buffer, and to make a view takes its time
            self.x, self.x_transposed = x, x.mT
        self.weighted_sum(x, self.W, self.y)
        if self.bias_rows is not self.b:
            self.bias_rows[...] = self.b
        return np.add(self.y, self.bias_rows, self.y)

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """With y_so = sum_i x_si W_io + b_o:  dL/dW = xᵀ dy,  dL/db = sum over samples of dy,  dL/dx = dy Wᵀ.

        The sum over samples is a product with ones: the order of its additions then does not depend on R.
        """
        self.product(self.x_transposed, dy, self.dW)
        self.product(self.ones, dy, self.db)
        return self.product(dy, self.W_transposed, self.dx) if wants_dx else None

    def forward_mode(self) -> ForwardMode:
        """The product with the weights."""
        return DenseForwardMode(self.x, self.W)


def _row_product(x: Array, W: Array, out: Array) -> Array:
    """X W for a single column W, each product rounded before it is added.

    BLAS kernels differ in where they fuse a multiplication with an addition. In float64, where figures are compared to
    the last digit, the output of a one-unit layer is kept the same on every processor.
    """
    return np.sum(x * W.mT, axis=-1, keepdims=True, out=out)


class DenseForwardMode(ForwardMode):
    """dy = dx W; by W_io the output o has the derivative x_i, by b_o it has 1. x is (m, inputs), W (inputs, units)."""

    def __init__(self, x: Array, W: Array) -> None:
        self.x, self.W, self.squares = x, W, W * W

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """Only the rows of W count whose inputs move."""
        W = self.W[at]
        return (dx * W if len(W) == 1 else dx @ W), slice(0, W.shape[1])

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """Weights unit by unit: those into one unit move it alone."""
        m, units = len(self.x), self.W.shape[1]
        if parameter == "bias":
            yield from one_by_one(np.ones((m, units)), columns, most)
            return
        for unit in range(units):
            (ours,) = np.nonzero(columns % units == unit)
            for places in in_portions(ours, most):
                rows = columns[ours[places]] // units
                yield ours[places], self.x.T[rows][:, :, None], slice(unit, unit + 1)

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """dL/dW = xᵀ dy and dL/db sum over samples, dL/dx = dy Wᵀ over units."""
        by_samples = error + of_sum(len(dy)) * np.abs(dy)
        by_units = error + of_sum(dy.shape[1]) * np.abs(dy)
        own = {"weights": np.abs(self.x).T @ by_samples, "bias": by_samples.sum(axis=0)}
        largest = by_units.max(initial=0.0) or 1.0  # its square could overflow
        return own, largest * np.sqrt(np.square(by_units / largest) @ self.squares.T)
