"""Layers. Each kind is a description and, beside it, its bound form: the same layer tied to one theta and batch size.

A description (`Dense`, `Elementwise`) is frozen and knows sizes only: which stretches of theta it needs, how many
outputs it gives, how its parameters start. `bind` gives it the views of one theta and gradient, and buffers that are
allocated once and reused at every step; the bound form computes. Adding a kind of layer is adding such a pair here.

Shapes: x (R or 1, m, inputs), everything else (R, m, units), with R replicas and m samples of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.activations import Activation
from nnlab.maths.initializers import Draws, Initializer
from nnlab.maths.parameters import Value
from nnlab.networks.layout import Stretch

Array = NDArray[Any]
Views = Mapping[str, Array]
Start = Callable[[tuple[int, int]], Draws]


class Bound(Protocol):
    """A layer tied to one theta, one gradient and one batch size."""

    def forward(self, x: Array) -> Array:
        """The layer's outputs for x, in a buffer of its own; x must stay as it is until `backward`."""

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """Write the gradient of the layer's own parameters; return the loss's derivative by x if it is wanted."""


class Layer(Protocol):
    """A layer as described in an experiment: sizes and names, no numbers."""

    @property
    def name(self) -> str:
        """Unique in its network, such as `dense1`."""

    def units(self, inputs: int) -> int:
        """How many outputs the layer has."""

    def stretches(self, inputs: int) -> tuple[Stretch, ...]:
        """The parameters it needs in theta."""

    def start(self, inputs: int, draws: Start) -> dict[str, Array]:
        """Initial values of its stretches, in float64; `draws` gives standard random numbers of a shape."""

    def bind(self, views: Views, gradients: Views | None, buffer: Array) -> Bound:
        """The layer tied to views of theta and of the gradient (None: no backward pass); outputs go to `buffer`."""


@dataclass(frozen=True)
class Dense:
    """y = x W + b with W (inputs, units) and b (units,)."""

    name: str
    width: int
    initializer: Initializer
    chosen: Mapping[str, Value]
    bias_initializer: Initializer
    bias_chosen: Mapping[str, Value]
    l2: float = 0.0

    def units(self, _inputs: int) -> int:
        """Its width."""
        return self.width

    def stretches(self, inputs: int) -> tuple[Stretch, ...]:
        """Weights (inputs, units), which weight decay touches, and a bias (units,), which it does not."""
        return (
            Stretch(f"{self.name}/weights", (inputs, self.width), self.l2),
            Stretch(f"{self.name}/bias", (self.width,)),
        )

    def start(self, inputs: int, draws: Start) -> dict[str, Array]:
        """Weights by the initialiser, then the bias by its own."""
        weights = self.initializer.weights(draws((inputs, self.width)), inputs, self.width, **self.chosen)
        bias = self.bias_initializer.weights(draws((1, self.width)), 1, self.width, **self.bias_chosen)
        return {f"{self.name}/weights": weights, f"{self.name}/bias": bias[0]}

    def bind(self, views: Views, gradients: Views | None, buffer: Array) -> Bound:
        """See `Layer`."""
        weights, bias = f"{self.name}/weights", f"{self.name}/bias"
        gradient = None if gradients is None else (gradients[weights], gradients[bias])
        return BoundDense(views[weights], views[bias], gradient, buffer)


class BoundDense:
    """A dense layer at work."""

    def __init__(self, W: Array, b: Array, gradient: tuple[Array, Array] | None, y: Array) -> None:
        self.W, self.b, self.y = W, b[:, None, :], y
        self.product = _row_product if W.shape[-1] == 1 and W.dtype == np.float64 else np.matmul
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


def _row_product(x: Array, W: Array, out: Array) -> Array:
    """X W for a single column W, each product rounded before it is added.

    BLAS kernels differ in where they fuse a multiplication with an addition. In float64, where figures are compared to
    the last digit, the output of a one-unit layer is kept the same on every processor.
    """
    return np.sum(x * W.mT, axis=-1, keepdims=True, out=out)


@dataclass(frozen=True)
class Elementwise:
    """y = f(z), an activation standing on its own; its learnable parameters are stretches of theta."""

    name: str
    activation: Activation
    chosen: Mapping[str, Value]
    learned: tuple[str, ...] = ()
    per_unit: bool = False

    def units(self, inputs: int) -> int:
        """As many as it has inputs."""
        return inputs

    def stretches(self, inputs: int) -> tuple[Stretch, ...]:
        """One stretch for each learned parameter: one number for the layer, or one for each unit; never decayed."""
        return tuple(Stretch(f"{self.name}/{p}", (inputs if self.per_unit else 1,)) for p in self.learned)

    def start(self, inputs: int, _draws: Start) -> dict[str, Array]:
        """The values the experiment gives."""
        return {s.name: np.full(s.shape, self.chosen[s.name.split("/")[-1]]) for s in self.stretches(inputs)}

    def bind(self, views: Views, gradients: Views | None, buffer: Array) -> Bound:
        """See `Layer`."""
        return BoundElementwise(self, views, gradients, buffer)


class BoundElementwise:
    """An activation at work."""

    def __init__(self, layer: Elementwise, views: Views, gradients: Views | None, y: Array) -> None:
        self.layer, self.y = layer, y
        self.value, self.slope = layer.activation.value, layer.activation.slope
        learned = {p: views[f"{layer.name}/{p}"][:, None, :] for p in layer.learned}
        self.parameters: dict[str, Any] = {**layer.chosen, **learned}
        if gradients is not None:
            self.gradients = {p: gradients[f"{layer.name}/{p}"][:, None, :] for p in layer.learned}
            self.dz = np.empty_like(y)
            self.ones = np.ones((1, y.shape[1]), y.dtype)

    def forward(self, x: Array) -> Array:
        """Y = f(x)."""
        self.z = x
        self.value(x, self.y, **self.parameters)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """dL/dz = dL/dy · f'(z); for a learned parameter p, dL/dp = sum over samples of dL/dy · df/dp."""
        for parameter, gradient in self.gradients.items():
            self.layer.activation.parameter_slopes[parameter](self.z, self.y, self.dz, **self.parameters)
            np.multiply(self.dz, dy, out=self.dz)
            by_unit = np.matmul(self.ones, self.dz)  # (R, 1, units)
            gradient[...] = by_unit if self.layer.per_unit else by_unit.sum(axis=-1, keepdims=True)
        if not wants_dx:
            return None
        self.slope(self.z, self.y, self.dz, **self.parameters)
        return np.multiply(self.dz, dy, out=self.dz)
