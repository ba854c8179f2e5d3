"""Batches of images go through a network in parts that stay in the cache: a replica at a time, a few samples at a time.

Replicas compute nothing together that they would not compute alone, so that no bit depends on these parts' order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import memory
from nnlab.networks.layers.base import PassContext, ReplicaContext
from nnlab.networks.network import Network, Pass, mean_over_samples, rows_of
from nnlab.networks.replicas_first import pass_of

Array = NDArray[Any]


class PassInPieces:
    """`Pass.differentiate` for a batch of which `rows` samples of one replica go forward and backward together.

    The loss is a mean over the batch, so that the gradients of the pieces are added. A last piece that is short is
    filled up with its last sample, whose copies have no share in the mean.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        gradient: Array,
        batch: int,
        rows: int,
        statistics: Array | None = None,
        context: PassContext | None = None,
    ) -> None:
        self.gradient, self.own = gradient, memory.zeros_like(gradient)
        self.context = PassContext() if context is None else context
        self.piece = Pass(network, theta, self.own, rows, statistics, self.context, batch)
        self.left = batch % rows  # samples of the short piece, if there is one
        self.full = [slice(begin, begin + rows) for begin in range(0, batch - self.left, rows)]
        self.share, self.short_share = self.piece.share, self.piece.share * (np.arange(rows) < self.left)[:, None]
        widths = network.inputs, network.outputs + network.head.weighs_rows
        self.filled_up = [memory.empty((1, rows, width), theta.dtype) for width in widths]
        self.x = self.y = np.empty(0)  # the arrays that came last: none yet
        self.parts: list[tuple[Array, Array]] = []

    def differentiate(self, x: Array, y: Array, *, measured: bool = False) -> Array | None:
        """Write the gradient of the objective for a batch; its mean loss (R,) where that is `measured`."""
        if x is not self.x or y is not self.y:
            self.x, self.y = x, y
            self.parts = [(x[:, piece], y[:, piece]) for piece in self.full]
        self.gradient[...] = 0
        losses = [self._add(number, *part, measured=measured) for number, part in enumerate(self.parts)]
        if self.left:
            self.piece.share = self.short_share
            losses.append(self._add(len(self.parts), *self._short(x, y), measured=measured)[:, : self.left])
            self.piece.share = self.share
        self.context.piece = 0  # a batch of another size may be a single piece
        self.piece.add_penalties(self.gradient)
        return mean_over_samples(np.concatenate(losses, axis=1)) if measured else None

    def _add(self, number: int, x: Array, y: Array, *, measured: bool) -> Array:
        """Add the gradient of a piece; its losses (R, m), or none."""
        self.context.piece = number
        self.piece.forward(x)
        losses = self.piece.losses(y) if measured else np.empty((1, 0))
        self.piece.backward_loss(y)
        np.add(self.gradient, self.own, self.gradient)
        return losses

    def _short(self, x: Array, y: Array) -> list[Array]:
        """The short piece, filled up."""
        for filled, values in zip(self.filled_up, (x, y), strict=True):
            filled[:, : self.left] = values[:, -self.left :]
            filled[:, self.left :] = values[:, -1:]
        return self.filled_up

    def penalty(self) -> Array:
        """As `Pass.penalty`."""
        return self.piece.penalty()


class PassByReplica:
    """`Pass.differentiate` for several replicas one after the other, in the buffers of one: they stay in the cache.

    Each replica's theta and statistics are copied to where the one pass is bound, its gradient and statistics back.
    """

    def __init__(
        self,
        network: Network,
        theta: Array,
        gradient: Array,
        batch: int,
        statistics: Array | None = None,
        context: PassContext | None = None,
    ) -> None:
        self.theta, self.gradient = theta, gradient
        fresh = network.statistics.fills(len(theta), theta.dtype)
        self.statistics = fresh if statistics is None else statistics
        self.context = ReplicaContext(PassContext() if context is None else context)
        self.own = tuple(memory.empty_like(values[:1]) for values in (theta, gradient, self.statistics))
        # Where replicas weigh their classes differently, each has a head of its own.
        heads = 1 if network.head.weights is None else len(network.head.weights)
        own_theta, own_gradient, own_statistics = self.own
        self.passes = [
            training_pass(network.of_replica(r), own_theta, own_gradient, batch, own_statistics, self.context)
            for r in range(heads)
        ]
        self.x = self.y = np.empty(0)  # the arrays that came last: none yet
        self.parts: list[tuple[Array, Array]] = []

    def differentiate(self, x: Array, y: Array, *, measured: bool = False) -> Array | None:
        """Write the gradient of the objective for a batch; its mean loss (R,) where that is `measured`."""
        if x is not self.x or y is not self.y:
            self.x, self.y = x, y
            replicas = (slice(replica, replica + 1) for replica in range(len(self.theta)))
            self.parts = [(rows_of(x, replica), rows_of(y, replica)) for replica in replicas]
        losses = [self._differentiate(r, *part, measured=measured) for r, part in enumerate(self.parts)]
        return np.concatenate([loss for loss in losses if loss is not None]) if measured else None

    def _differentiate(self, replica: int, x: Array, y: Array, *, measured: bool) -> Array | None:
        theta, gradient, statistics = self.own
        self.context.replica = replica
        theta[0], statistics[0] = self.theta[replica], self.statistics[replica]
        loss = self.passes[replica % len(self.passes)].differentiate(x, y, measured=measured)
        self.gradient[replica], self.statistics[replica] = gradient[0], statistics[0]
        return loss

    def penalty(self) -> Array:
        """As `Pass.penalty`."""
        theta, penalties = self.own[0], []
        for replica in self.theta:
            theta[0] = replica
            penalties.append(self.passes[0].penalty())
        return np.concatenate(penalties)


def training_pass(
    network: Network,
    theta: Array,
    gradient: Array,
    batch: int,
    statistics: Array | None = None,
    context: PassContext | None = None,
) -> Pass | PassInPieces | PassByReplica:
    """What trains a network on batches of one size, at once or in parts; which, follows from shapes and size alone."""
    if network.has_images and len(theta) > 1:
        return PassByReplica(network, theta, gradient, batch, statistics, context)
    rows = network.rows_at_once(batch, trains=True)
    if rows == batch:
        return pass_of(network, theta, gradient, batch, statistics, context)
    return PassInPieces(network, theta, gradient, batch, rows, statistics, context)
