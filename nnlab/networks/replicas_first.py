"""Small networks of many replicas: one call computes for all of them, since replicas lie next to each other in memory.

A product of tiny matrices takes less time than the call of BLAS that does it, and a thousand replicas need a thousand
calls. Here the axis of replicas, the first of (R, m, units) and of theta's (R, P), has the smallest stride. A product
is then one `einsum`, whose innermost loop runs along the replicas, and every other operation is the same NumPy call on
one contiguous array. Whole networks compute so, forward and backward, where every product is small (`is_small`): that
follows from the network and the batch alone, never from R.

A replica's bits do not depend on how many others there are: with replicas innermost, a sum over inputs, samples or
classes adds rounded terms one after the other, in their order. A lone replica has no such innermost axis, and NumPy
would add in another order; it therefore computes beside a twin, a copy of itself.

    room    (units + 1, m, R)   what a layer gives, and behind it a plane of ones
    theta   (R, P)              of a dense layer inputs · units weights and then units biases: (inputs + 1, units)

With x₊ the inputs and the ones, and W₊ the weights and the bias below them, a dense layer is the one product x₊ W₊, and
its gradient x₊ᵀ dy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.networks.layers.base import BoundLayer, Buffers, Layer, PassContext, Shape, is_image, units_of
from nnlab.networks.layers.dense import Dense
from nnlab.networks.layers.elementwise import BoundElementwise, Elementwise
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network, Pass, mean_over_samples

Array = NDArray[Any]

try:  # what np.einsum calls: its way there through Python takes as long as a tiny product
    from numpy._core.multiarray import c_einsum as einsum
except ImportError:
    einsum = np.einsum

# Multiplications in a product, of one replica, up to which calls cost more than arithmetic.
LARGEST = 256


def is_small(network: Network, batch: int) -> bool:
    """Whether a network computes batches of this many samples with replicas first."""
    pairs = list(zip(network.layers, network.shapes[:-1], strict=True))
    fits = all(isinstance(layer, Dense | Elementwise) and not is_image(shape) for layer, shape in pairs)
    products = [batch * units_of(shape) * layer.width for layer, shape in pairs if isinstance(layer, Dense)]
    return fits and not network.head.is_textbook and max(products, default=LARGEST + 1) <= LARGEST


def laid_out(theta: Array, network: Network, batch: int) -> Array:
    """Theta (R, P) as it must lie in memory so that training on such batches needs no copies of it."""
    turned = memory.empty(theta.shape[::-1], theta.dtype).T if is_small(network, batch) else memory.empty_like(theta)
    turned[...] = theta
    return turned


def pass_of(
    network: Network,
    theta: Array,
    gradient: Array | None,
    batch: int,
    statistics: Array | None = None,
    context: PassContext | None = None,
) -> Pass:
    """The pass for batches of one size that go through together, in the form that suits them."""
    kind = ReplicasFirstPass if is_small(network, batch) else Pass
    return kind(network, theta, gradient, batch, statistics, context)


def room(replicas: int, batch: int, units: int, dtype: Any) -> Array:
    """Room for values (R, m, units), behind which there are ones: see `with_ones`.

    Values that all replicas share lie units last, so that a product adds up a sample's outputs while they are near.
    """
    axes = (replicas, batch, units + 1)
    values = memory.empty(axes[::-1], dtype).T if replicas > 1 else memory.empty(axes, dtype)
    values[..., -1] = 1
    return values[..., :-1]


def with_ones(values: Array) -> Array:
    """The values of a `room` with a last unit that is always 1, (R, m, units + 1)."""
    replicas, m, units = values.shape
    return np.lib.stride_tricks.as_strided(values, (replicas, m, units + 1), values.strides)


class ReplicasFirstPass(Pass):
    """A pass whose arrays have replicas first in memory, and at least two of them.

    Theta, its gradient, x and y may lie as they like: what does not lie so already is copied at every step. What comes
    out has the replicas of the theta that was given.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.enter_x, self.enter_y = _Entrance(), _Entrance()
        super().__init__(*arguments, **more)
        self.enter_x.least = 2 if len(self.given) == 1 else 1
        self.enter_y.least = len(self.theta)
        self.own = slice(len(self.given))
        if self.head.weights is not None and self.head.reweighted is not None:  # they must not decide about an order
            self.head = self.head.reweighted(np.asfortranarray(self.head.weights)).forms(self.theta.dtype)
        # Weights are read in place; what else is read of theta needs real twins.
        learns = any(isinstance(bound, BoundElementwise) and bound.layer.learned for bound in self.layers)
        self.copies_theta = self.copies_theta and (len(self.given) > 1 or learns or self.has_penalties)
        self.gives = None if self.gradient is self.given_gradient else self.gradient[self.own]  # type: ignore[index]

    def _own(self, values: Array) -> Array:
        if len(values) > 1 and values.flags.f_contiguous:
            return values
        return memory.empty((values.shape[1], max(len(values), 2)), values.dtype).T

    def _room(self, batch: int, shape: Shape) -> Array:
        return room(len(self.theta), batch, units_of(shape), self.theta.dtype)

    def _views(self, layout: Layout, values: Array) -> dict[str, Array]:
        """Each tensor by its name, and all that belongs to a layer by the layer's.

        The twins of a lone replica read the same weights: a view of theta without a step from one to the other. Since
        their inputs are copies, einsum still goes along them.
        """
        layers = {name.partition("/")[0] for name in layout.places}
        twins = values is self.theta and len(self.given) == 1
        all_of_it = np.broadcast_to(self.given, values.shape) if twins else values
        return super()._views(layout, values) | {name: all_of_it[:, layout.place_of(name)] for name in layers}

    def _bind(self, layer: Layer, buffers: Buffers) -> BoundLayer:
        return DenseReplicasFirst(layer, buffers) if isinstance(layer, Dense) else super()._bind(layer, buffers)

    def _enter(self, x: Array) -> Array:
        self.inner_x = self.enter_x(x)
        self.x = self.enter_x.constant
        return self.inner_x

    def outer(self, values: Array) -> Array:
        """The replicas that were asked for."""
        return values[self.own]

    def forward(self, x: Array) -> Array:
        """As `Pass.forward`."""
        return super().forward(x)[self.own]

    @property
    def scores(self) -> Array:
        """As `Pass.scores`."""
        return super().scores[self.own]

    def differentiate(self, x: Array, y: Array, *, measured: bool = False) -> Array | None:
        """As `Pass.differentiate`."""
        super().forward(x)
        y = self.enter_y(y)
        loss = mean_over_samples(super().losses(y))[self.own] if measured else None
        self._backward(y)
        return loss

    def loss(self, y: Array) -> Array:
        """As `Pass.loss`; the mean is of all replicas, since NumPy adds the losses of a lone one in another order."""
        mean = mean_over_samples(super().losses(self.enter_y(y)))
        return mean[self.own]

    def losses(self, y: Array) -> Array:
        """As `Pass.losses`."""
        return super().losses(self.enter_y(y))[self.own]

    def penalty(self) -> Array:
        """As `Pass.penalty`."""
        return super().penalty()[self.own]

    def backward(self, y: Array) -> None:
        """As `Pass.backward`."""
        self._backward(self.enter_y(y))

    def _backward(self, y: Array) -> None:
        self.backward_loss(y)
        if self.has_penalties:
            self.add_penalties(self.gradient)
        self._give()

    def _give(self) -> None:
        """Write the gradient to where the caller wants it."""
        if self.gives is not None:
            self.given_gradient[...] = self.gives  # type: ignore[index]

    def backward_by_layer(self, y: Array) -> Iterator[Array | None]:
        """As `Pass.backward_by_layer`."""
        for dy in super().backward_by_layer(self.enter_y(y)):
            yield None if dy is None else dy[self.own]
        self._give()

    def intermediates(self) -> list[dict[str, Array]]:
        """As `Pass.intermediates`."""
        return [{name: values[0] for name, values in found.items()} for found in super().intermediates()]


class _Entrance:
    """Copies arrays (R or 1, m, units) into a room; one that cannot be written to, and so cannot change, only once.

    The copy has `least` replicas or more. Targets are given to every replica: what is computed of them then goes along
    all at once, and in one order whether or not replicas share them.
    """

    def __init__(self) -> None:
        self.constant, self.copy = np.empty(0), np.empty((0, 0, 0))
        self.least = 1

    def __call__(self, values: Array) -> Array:
        if values is self.constant:
            return self.copy
        replicas, m, units = max(len(values), self.least), *values.shape[1:]
        if self.copy.shape != (replicas, m, units) or values.dtype != self.copy.dtype:
            self.copy = room(replicas, m, units, values.dtype)
        self.copy[...] = values
        self.constant = np.empty(0) if values.flags.writeable else values
        return self.copy


class DenseReplicasFirst(BoundLayer):
    """y = x₊ W₊ and its gradient, for inputs that come in a `room`."""

    def __init__(self, layer: Dense, buffers: Buffers) -> None:
        self.y = buffers.outputs
        replicas, m, units = self.y.shape
        inputs = units_of(buffers.shape)
        self.W = buffers.parameters[layer.name].reshape(replicas, inputs + 1, units)
        self.x = self.x_and_ones = np.empty(0)  # none yet
        if buffers.gradients is not None:
            self.dW = buffers.gradients[layer.name].reshape(self.W.shape)
            self.dx = memory.empty((inputs, m, replicas), self.y.dtype).T
            self.weights = self.W[:, :-1]
            self.row = self.weights.mT if units == 1 else None

    def forward(self, x: Array) -> Array:
        """y_so = sum_i x_si W_io + 1 · b_o."""
        if x is not self.x:  # from layer to layer it is always the same room, and to make a view takes its time
            self.x, self.x_and_ones = x, with_ones(x)
        einsum("rmi,riu->rmu", self.x_and_ones, self.W, out=self.y)
        return self.y

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """As `BoundDense.backward`; the last row of x₊ᵀ dy is the sum over samples of dy."""
        einsum("rmi,rmu->riu", self.x_and_ones, dy, out=self.dW)
        if not wants_dx:
            return None
        if self.row is not None:  # one unit: there is nothing to add
            return np.multiply(dy, self.row, self.dx)
        einsum("rmu,riu->rmi", dy, self.weights, out=self.dx)
        return self.dx
