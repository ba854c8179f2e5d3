"""Passes through a network: forward, loss and gradient of a batch; outputs and losses of whole splits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, PassContext
from nnlab.networks.layout import Layout
from nnlab.networks.network import Network

Array = NDArray[Any]

# Whole splits are evaluated this many rows at a time, whatever the number of replicas: the rounding of a matrix
# product may depend on its shape, and a replica's figures must not depend on how many others there are.
EVALUATION_ROWS = 1024


class Pass:
    """A network bound to one theta and one batch size: forward, loss and gradient, in buffers that are reused.

    x (R or 1, m, inputs) and y (R or 1, m, outputs); theta and gradient (R, P); running statistics (R, Q), fresh ones
    if there are none. Without a gradient the pass only evaluates. Theta may change in place between calls, but must
    stay the same array. `context` says whether the pass trains, and in which step.

    Where there is one replica, layers work on arrays without the axis of replicas (see `layers.base`); what goes in and
    what comes out always has it.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        gradient: Array | None,
        batch: int,
        statistics: Array | None = None,
        context: PassContext | None = None,
    ) -> None:
        self.head, self.theta, self.gradient = network.head.forms(theta.dtype), theta, gradient
        self.has_one, self.context = len(theta) == 1, PassContext() if context is None else context
        fills = network.statistics.fills(len(theta), theta.dtype) if statistics is None else statistics
        self.layers = self._bound(network, batch, fills)
        self.from_last = self.layers[:0:-1]  # all but the first, from the last on
        self.a = np.empty((len(theta), batch, network.outputs), theta.dtype)
        self.dz = np.empty((len(theta), batch, network.widths[-1]), theta.dtype)
        self.inner_dz = self._inner(self.dz)
        self.x = self.inner_x = self.inner_z = np.empty(0)
        self.l1 = network.layout.coefficients("l1", theta.dtype)
        self.l2 = network.layout.coefficients("l2", theta.dtype)
        self.share = np.asarray(1 / batch, theta.dtype)

    def _bound(self, network: Network, batch: int, statistics: Array) -> list[BoundLayer]:
        """The layers, each bound to its parameters and to buffers of its own."""
        parameters = self._views(network.layout, self.theta)
        gradients = None if self.gradient is None else self._views(network.layout, self.gradient)
        kept = self._views(network.statistics, statistics)
        bound = []
        for depth, (layer, width) in enumerate(zip(network.layers, network.widths[1:], strict=True)):
            outputs = self._inner(np.empty((len(self.theta), batch, width), self.theta.dtype))
            buffers = Buffers(parameters, gradients, kept, outputs, self.context, needs_dx=depth > 0)
            bound.append(layer.bind(buffers))
        return bound

    def _views(self, layout: Layout, values: Array) -> dict[str, Array]:
        return {name: self._inner(view) for name, view in layout.views(values).items()}

    def _inner(self, values: Array) -> Array:
        """An array as layers see it: without the axis of replicas where there is one of them."""
        return values[0] if self.has_one else values

    def outer(self, values: Array) -> Array:
        """An array of the layers with its axis of replicas: (R, m, units)."""
        return values[None] if self.has_one else values

    def _enter(self, x: Array) -> Array:
        """The inputs as the first layer wants them, kept while the same array comes in: a view takes time to make."""
        self.x, self.inner_x = x, self._inner(x)
        return self.inner_x

    def forward(self, x: Array) -> Array:
        """The outputs (R, m, K) for x; logits stay in `self.z`."""
        values = self.inner_x if x is self.x else self._enter(x)
        for layer in self.layers:
            values = layer.forward(values)
        if values is not self.inner_z:
            self.inner_z, self.z = values, self.outer(values)
        if self.head.outputs is None:
            self.a = self.z
        else:
            self.head.outputs(self.z, self.a)
        return self.a

    def forward_by_layer(self, x: Array) -> Iterator[Array]:
        """The outputs of each layer in turn, (R, m, units); `forward` must come after it before anything else."""
        values = self._enter(x)
        for layer in self.layers:
            values = layer.forward(values)
            yield self.outer(values)

    def loss(self, y: Array) -> Array:
        """The mean loss of the batch that went forward last, (R,), without penalties."""
        return _mean(self.head.losses(self.z, y))

    def penalty(self) -> Array:
        """The penalties' part of the objective, sum of l1 |w| + l2/2 w² over weights, (R,)."""
        total: Array = np.zeros(len(self.theta), self.theta.dtype)
        for terms in self.penalties(self.theta):
            total += terms.sum(axis=-1)
        return total

    def penalties(self, theta: Any) -> Iterator[Any]:
        """What each parameter adds to the objective by L1 and by L2, (R, P) each."""
        if self.l1 is not None:
            yield self.l1 * np.abs(theta)
        if self.l2 is not None:
            yield self.l2 * theta * theta / 2

    def backward(self, y: Array) -> None:
        """Write the gradient of the objective, loss plus penalties, for the batch that went forward last.

        The head gives each sample's dL/dz; the mean over the m samples of a batch divides it by m.
        """
        self.head.gradient(self.z, self.a, y, self.dz)
        np.multiply(self.dz, self.share, self.dz)
        dy = self.inner_dz
        for layer in self.from_last:
            dy = layer.backward(dy, wants_dx=True)  # type: ignore[assignment]
        self.layers[0].backward(dy, wants_dx=False)
        self.add_penalties()

    def add_penalties(self) -> None:
        """Add the gradient of the penalties to that of the loss."""
        if self.l1 is not None:
            self.gradient += self.l1 * np.sign(self.theta)
        if self.l2 is not None:
            self.gradient += self.l2 * self.theta

    def backward_by_layer(self, y: Array, *, to_inputs: bool = False) -> Iterator[Array | None]:
        """dL/dz, (R, m, units), then from the last layer on dL/dx of each, whose own gradient is then written.

        Of the first layer it is None, unless the derivative is wanted `to_inputs`. Penalties are not added.
        """
        self.head.gradient(self.z, self.a, y, self.dz)
        np.multiply(self.dz, self.share, self.dz)
        dy: Array | None = self.inner_dz
        yield self.dz
        for depth in reversed(range(len(self.layers))):
            dy = self.layers[depth].backward(dy, wants_dx=to_inputs or depth > 0)  # type: ignore[arg-type]
            yield None if dy is None else self.outer(dy)

    def adjoints(self, y: Array) -> list[Array]:
        """dL/dx of each layer's inputs, from the first on, and dL/dz, (R, m, units) each."""
        found = [dy.copy() for dy in self.backward_by_layer(y, to_inputs=True) if dy is not None]
        return found[::-1]


def _mean(losses: Array) -> Array:
    """Over the samples, (R, m) -> (R,); `mean` has the same bits, and takes twice as long for a small batch."""
    mean: Array = losses.sum(axis=-1) / losses.dtype.type(losses.shape[-1])
    return mean


class Evaluator:
    """Outputs and losses of whole splits for one theta, a fixed number of rows at a time."""

    def __init__(self, network: Network, theta: Array, statistics: Array | None = None) -> None:
        self.network, self.theta, self.statistics = network, theta, statistics
        self._passes: dict[int, Pass] = {}

    def outputs_and_loss(self, x: Array, y: Array | None) -> tuple[Array, Array | None]:
        """Outputs (R, N, K) and, given y, the mean loss (R,), of all N rows of x (R or 1, N, inputs)."""
        rows = x.shape[1]
        outputs = np.empty((len(self.theta), rows, self.network.outputs), self.theta.dtype)
        losses = np.empty((len(self.theta), rows), self.theta.dtype)
        for begin in range(0, rows, EVALUATION_ROWS):
            part = slice(begin, min(begin + EVALUATION_ROWS, rows))
            evaluation = self._pass(part.stop - part.start)
            outputs[:, part] = evaluation.forward(x[:, part])
            if y is not None:
                losses[:, part] = evaluation.head.losses(evaluation.z, y[:, part])
        return outputs, None if y is None else _mean(losses.astype(np.float64))

    def _pass(self, rows: int) -> Pass:
        if rows not in self._passes:
            self._passes[rows] = Pass(self.network, self.theta, None, rows, self.statistics)
        return self._passes[rows]
