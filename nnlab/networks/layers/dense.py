"""What a layer is, and the dense one. Each kind is a description and, beside it, its bound form at work.

A description (`Dense`, `Dropout` …) is frozen and knows sizes only: which stretches of theta it needs, how many outputs
it gives, how its parameters start. `bind` ties it to views of one theta and gradient, and to buffers that are
allocated once and reused at every step; the bound form computes. Adding a kind of layer is adding such a pair in a file
beside this one.

Shapes: x (R or 1, m, inputs), everything else (R, m, units), with R replicas and m samples of a batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.initializers import Draws, Initializer
from nnlab.maths.parameters import Value
from nnlab.maths.randomness import Purpose, stream
from nnlab.networks.layers.forward_mode import ForwardMode, in_portions, of_sum, one_by_one
from nnlab.networks.layout import NO_PENALTIES, ParameterSpec, Penalties

Array = NDArray[Any]
Views = Mapping[str, Array]
Start = Callable[[tuple[int, int]], Draws]


class Bound(Protocol):
    """A layer tied to one theta, one gradient and one batch size."""

    def forward(self, x: Array) -> Array:
        """The layer's outputs for x, in a buffer of its own; x must stay as it is until `backward`."""

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Write the gradient of the layer's own parameters; return the loss's derivative by x if it is wanted."""

    def linear(self) -> ForwardMode:
        """The layer's derivative at the x that went forward last, of one replica, worked out apart from `backward`."""


class PassContext:
    """When a pass takes place, and for which seeds: all that noise may depend on.

    Without seeds the pass evaluates: there is no noise, and normalisation uses what it has learned. `learns` is False
    where running statistics must stay as they are, as in a gradient check.
    """

    def __init__(self, seeds: Sequence[int] | None = None, *, learns: bool = True) -> None:
        self.seeds, self.learns, self.step = seeds, learns, 0

    @property
    def trains(self) -> bool:
        """Whether this is a training pass."""
        return self.seeds is not None

    def stream(self, replica: int, layer: str) -> np.random.Generator:
        """The random numbers of a replica for a layer in this step."""
        assert self.seeds is not None
        return stream(self.seeds[replica], Purpose.NOISE, zlib.crc32(layer.encode()), self.step)

    def uniforms(self, layer: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Uniform numbers in [0, 1), (seeds, *shape): each replica's own."""
        assert self.seeds is not None
        drawn = [self.stream(replica, layer).random(shape, np.float64) for replica in range(len(self.seeds))]
        return np.stack(drawn).astype(dtype)

    def normals(self, layer: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Standard normal numbers, (seeds, *shape)."""
        assert self.seeds is not None
        drawn = [self.stream(replica, layer).standard_normal(shape) for replica in range(len(self.seeds))]
        return np.stack(drawn).astype(dtype)


@dataclass(frozen=True)
class Buffers:
    """What a layer is tied to: views of theta, of the gradient (None: no backward pass) and of the running statistics.

    Outputs go to `buffer`, (R, m, units).
    """

    views: Views
    gradients: Views | None
    running: Views
    buffer: Array
    context: PassContext


class Layer(Protocol):
    """A layer as described in an experiment: sizes and names, no numbers."""

    @property
    def name(self) -> str:
        """Unique in its network, such as `dense1`."""

    def units(self, inputs: int) -> int:
        """How many outputs the layer has."""

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """The parameters it needs in theta."""

    def start(self, inputs: int, draws: Start) -> dict[str, Array]:
        """Initial values of its stretches, in float64; `draws` gives standard random numbers of a shape."""

    def running(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """The running statistics it keeps beside theta; they start as their `fill` says."""

    def bind(self, buffers: Buffers) -> Bound:
        """The layer at work on one theta and one batch size."""


@dataclass(frozen=True)
class Dense:
    """y = x W + b with W (inputs, units) and b (units,)."""

    name: str
    width: int
    initializer: Initializer
    chosen: Mapping[str, Value]
    bias_initializer: Initializer
    bias_chosen: Mapping[str, Value]
    penalties: Penalties = NO_PENALTIES

    def units(self, _inputs: int) -> int:
        """Its width."""
        return self.width

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """Weights (inputs, units), which weight decay touches, and a bias (units,), which it does not."""
        return (
            ParameterSpec(f"{self.name}/weights", (inputs, self.width), self.penalties),
            ParameterSpec(f"{self.name}/bias", (self.width,)),
        )

    def start(self, inputs: int, draws: Start) -> dict[str, Array]:
        """Weights by the initialiser, then the bias by its own."""
        weights = self.initializer.weights(draws((inputs, self.width)), inputs, self.width, **self.chosen)
        (bias,) = self.bias_initializer.weights(draws((1, self.width)), 1, self.width, **self.bias_chosen)
        return {f"{self.name}/weights": weights, f"{self.name}/bias": bias}

    def running(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        weights, bias = f"{self.name}/weights", f"{self.name}/bias"
        gradient = None if buffers.gradients is None else (buffers.gradients[weights], buffers.gradients[bias])
        kind = BoundDense if len(buffers.buffer) > 1 or _needs_row_product(buffers.views[weights]) else BoundDenseAlone
        return kind(buffers.views[weights], buffers.views[bias], gradient, buffers.buffer)


class BoundDense:
    """A dense layer at work."""

    def __init__(self, W: Array, b: Array, gradient: tuple[Array, Array] | None, y: Array) -> None:
        self.W, self.b, self.y = W, b[:, None, :], y
        self.product = _row_product if _needs_row_product(W) else np.matmul
        if gradient is not None:
            self.dW, self.db = gradient[0], gradient[1][:, None, :]
            self.W_transposed = W.mT
            self.dx = np.empty((*y.shape[:2], W.shape[1]), y.dtype)
            self.ones = np.ones((1, y.shape[1]), y.dtype)

    def forward(self, x: Array) -> Array:
        """Y = x W + b."""
        self.x = x
        self.product(x, self.W, out=self.y)
        np.add(self.y, self.b, out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """With y_so = sum_i x_si W_io + b_o:  dL/dW = xᵀ dy,  dL/db = sum over samples of dy,  dL/dx = dy Wᵀ.

        The sum over samples is a product with ones: the order of its additions then does not depend on R.
        """
        np.matmul(self.x.mT, dy, out=self.dW)
        np.matmul(self.ones, dy, out=self.db)
        return np.matmul(dy, self.W_transposed, out=self.dx) if wants_dx else None

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        (x,), (W,) = self.x, self.W
        return DenseForwardMode(x, W)


class DenseForwardMode(ForwardMode):
    """dy = dx W; by W_io the output o has the derivative x_i, by b_o it has 1."""

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


class BoundDenseAlone(BoundDense):
    """A dense layer of a single replica. The same products over arrays of two axes: a fraction of the calls' overhead.

    `dot` of a replica has the bits of `matmul` over a stack of them. The arrays of two axes are views, made anew only
    where another array comes in: from layer to layer it is always the same buffer.
    """

    def __init__(self, W: Array, b: Array, gradient: tuple[Array, Array] | None, y: Array) -> None:
        super().__init__(W, b, gradient, y)
        (self.W_one,), (self.b_one,), (self.y_one,) = W, b, y
        # An addition to every row costs a small array three times one of equal shapes: the rows are written out first.
        self.b_rows = b.reshape(()) if W.shape[-1] == 1 else np.empty_like(self.y_one)
        self.x = self.dy = np.empty((1, 0, 0), y.dtype)
        if gradient is not None:
            ((self.dW_one,), (self.db_one,)), (self.dx_one,), (self.ones_one,) = gradient, self.dx, self.ones
            self.W_one_transposed = self.W_one.T

    def forward(self, x: Array) -> Array:
        """See `BoundDense`."""
        if x is not self.x:
            self.x, (self.x_one,) = x, x
            self.x_one_transposed = self.x_one.T
        y, b = self.y_one, self.b_rows
        self.x_one.dot(self.W_one, y)
        if b.ndim:
            b[...] = self.b_one
        np.add(y, b, y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """See `BoundDense`."""
        if dy is not self.dy:
            self.dy, (self.dy_one,) = dy, dy
        d = self.dy_one
        self.x_one_transposed.dot(d, self.dW_one)
        self.ones_one.dot(d, self.db_one)
        if not wants_dx:
            return None
        d.dot(self.W_one_transposed, self.dx_one)
        return self.dx


def _needs_row_product(W: Array) -> bool:
    return W.shape[-1] == 1 and W.dtype == np.float64


def _row_product(x: Array, W: Array, out: Array) -> Array:
    """X W for a single column W, each product rounded before it is added.

    BLAS kernels differ in where they fuse a multiplication with an addition. In float64, where figures are compared to
    the last digit, the output of a one-unit layer is kept the same on every processor.
    """
    return np.sum(x * W.mT, axis=-1, keepdims=True, out=out)
