"""A network: layers under a head, the layout of its theta, and the passes through it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.initializers import draws_from, legacy_draws
from nnlab.maths.losses import Head
from nnlab.maths.randomness import Purpose, stream
from nnlab.networks.layers.dense import Bound, Buffers, Layer, PassContext, Start
from nnlab.networks.layout import Layout, ParameterSpec

Array = NDArray[Any]

# Whole splits are evaluated this many rows at a time, whatever the number of replicas: the rounding of a matrix
# product may depend on its shape, and a replica's figures must not depend on its company.
EVALUATION_ROWS = 1024


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron as described: it holds no numbers, theta does."""

    inputs: int
    layers: tuple[Layer, ...]
    head: Head

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The width of the input and of each layer's output."""
        sizes = [self.inputs]
        for layer in self.layers:
            sizes.append(layer.units(sizes[-1]))
        return tuple(sizes)

    @property
    def outputs(self) -> int:
        """The number of outputs, of which each may need several logits."""
        return self.sizes[-1] // self.head.per_output

    @cached_property
    def layout(self) -> Layout:
        """Where each parameter lies in theta."""
        pairs = zip(self.layers, self.sizes, strict=False)
        return Layout([spec for layer, inputs in pairs for spec in layer.parameter_specs(inputs)])

    @cached_property
    def statistics(self) -> Layout:
        """Where each running statistic lies in the array beside theta."""
        pairs = zip(self.layers, self.sizes, strict=False)
        return Layout([spec for layer, inputs in pairs for spec in layer.running(inputs)])

    @cached_property
    def bounded(self) -> tuple[ParameterSpec, ...]:
        """The weights whose units have a largest norm."""
        return tuple(s for s in self.layout.specs if s.penalties and np.isfinite(s.penalties.max_norm))

    def start(self, seeds: Sequence[int], dtype: Any, generator: str = "pcg64") -> Array:
        """The initial theta, (R, P), one replica per seed."""
        theta = np.empty((len(seeds), self.layout.size), dtype)
        views = self.layout.views(theta)
        for replica, seed in enumerate(seeds):
            self._start_replica(replica, seed, generator, views)
        return theta

    def _start_replica(self, replica: int, seed: int, generator: str, views: dict[str, Array]) -> None:
        legacy = np.random.RandomState(seed) if generator == "legacy" else None
        for layer, inputs in zip(self.layers, self.sizes, strict=False):
            draws = _legacy(legacy) if legacy else _streamed(seed, layer.name)
            for name, values in layer.start(inputs, draws).items():
                views[name][replica] = values

    def flops(self, batch: int) -> int:
        """Multiplications and additions in the matrix products of one training step on a batch.

        Forward, dW and dx each cost 2 · batch · inputs · units; the first layer needs no dx.
        """
        dense = [spec.size for spec in self.layout.specs if len(spec.shape) == 2]
        return 2 * batch * (3 * sum(dense) - sum(dense[:1]))


def _legacy(state: np.random.RandomState) -> Start:
    return lambda shape: legacy_draws(state, shape)


def _streamed(seed: int, layer: str) -> Start:
    # By name: `dense2` starts from the same draws whatever activation stands before it.
    generator = stream(seed, Purpose.WEIGHTS, zlib.crc32(layer.encode()))
    return lambda shape: draws_from(generator, shape)


class Pass:
    """A network tied to one theta and one batch size: forward, loss and gradient, in buffers that are reused.

    x (R or 1, m, inputs) and y (R or 1, m, outputs); theta and gradient (R, P); running statistics (R, Q),
    fresh ones if there are none. Without a gradient the pass only evaluates. Theta may change in place between calls,
    but must stay the same array. `context` says whether the pass trains, and in which step. `factor`, a number or
    (R, 1), multiplies the gradient of the loss, though not that of penalties.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        gradient: Array | None,
        batch: int,
        running: Array | None = None,
        context: PassContext | None = None,
        factor: Any = 1,
    ) -> None:
        self.head, self.theta, self.gradient = network.head.forms(theta.dtype), theta, gradient
        self.context = PassContext() if context is None else context
        running = network.statistics.fills(len(theta), theta.dtype) if running is None else running
        views, kept = network.layout.views(theta), network.statistics.views(running)
        gradients = None if gradient is None else network.layout.views(gradient)
        self.layers: list[Bound] = []
        for layer, units in zip(network.layers, network.sizes[1:], strict=True):
            buffer = np.empty((len(theta), batch, units), theta.dtype)
            self.layers.append(layer.bind(Buffers(views, gradients, kept, buffer, self.context)))
        self.above = self.layers[:0:-1]  # all but the first, from the last on
        self.a = np.empty((len(theta), batch, network.outputs), theta.dtype)
        self.dz = np.empty((len(theta), batch, network.sizes[-1]), theta.dtype)
        self.l1 = network.layout.coefficients("l1", theta.dtype)
        self.l2 = network.layout.coefficients("l2", theta.dtype)
        self.share = np.asarray(factor / batch, theta.dtype)
        if self.share.ndim:
            self.share = self.share[:, None]

    def forward(self, x: Array) -> Array:
        """The outputs (R, m, K) for x; logits stay in `self.z`."""
        for layer in self.layers:
            x = layer.forward(x)
        self.z = x
        if self.head.outputs is None:
            self.a = x
        else:
            self.head.outputs(x, self.a)
        return self.a

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
        """Write the gradient of the objective, loss plus penalties, for the batch that went forward last."""
        self.head.gradient(self.z, self.a, y, self.dz)
        dy: Array = np.multiply(self.dz, self.share, self.dz)
        for layer in self.above:
            dy = layer.backward(dy, wants_dx=True)  # type: ignore[assignment]
        self.layers[0].backward(dy, wants_dx=False)
        self.shrink()

    def shrink(self) -> None:
        """Add the gradient of the penalties to that of the loss."""
        if self.l1 is not None:
            self.gradient += self.l1 * np.sign(self.theta)
        if self.l2 is not None:
            self.gradient += self.l2 * self.theta

    def adjoints(self, y: Array) -> list[Array]:
        """What `backward` hands from layer to layer: dL/dy of each layer's outputs, and of the inputs of the first."""
        self.head.gradient(self.z, self.a, y, self.dz)
        found = [self.dz * self.share]
        for layer in reversed(self.layers):
            dx = layer.backward(found[-1], wants_dx=True)
            assert dx is not None
            found.append(dx.copy())
        return found[::-1]


def _mean(losses: Array) -> Array:
    """Over the samples, (R, m) -> (R,); `mean` has the same bits, and takes twice as long for a small batch."""
    mean: Array = losses.sum(axis=-1) / losses.dtype.type(losses.shape[-1])
    return mean


class Evaluator:
    """Outputs and losses of whole splits for one theta, a fixed number of rows at a time."""

    def __init__(self, network: Network, theta: Array, running: Array | None = None) -> None:
        self.network, self.theta, self.running = network, theta, running
        self._passes: dict[int, Pass] = {}

    def outputs_and_loss(self, x: Array, y: Array | None) -> tuple[Array, Array | None]:
        """Outputs (R, N, K) and, given y, the mean loss (R,), of all N rows of x (R or 1, N, inputs)."""
        rows = x.shape[1]
        outputs = np.empty((len(self.theta), rows, self.network.outputs), self.theta.dtype)
        losses = np.empty((len(self.theta), rows), self.theta.dtype)
        for begin in range(0, rows, EVALUATION_ROWS):
            part = slice(begin, min(begin + EVALUATION_ROWS, rows))
            tied = self._tied(part.stop - part.start)
            outputs[:, part] = tied.forward(x[:, part])
            if y is not None:
                losses[:, part] = self.network.head.losses(tied.z, y[:, part])
        return outputs, None if y is None else _mean(losses.astype(np.float64))

    def _tied(self, rows: int) -> Pass:
        if rows not in self._passes:
            self._passes[rows] = Pass(self.network, self.theta, None, rows, self.running)
        return self._passes[rows]
