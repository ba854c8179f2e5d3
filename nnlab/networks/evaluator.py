"""Outputs and losses of whole splits, a fixed number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import one_hot
from nnlab.maths.decisions import Decisions, keeps_decisions
from nnlab.maths.metrics import Scored
from nnlab.networks.network import Network, Pass, mean_over_samples, rows_of
from nnlab.networks.replicas_first import pass_of

Array = NDArray[Any]

# Whole splits are evaluated this many rows at a time, whatever the number of replicas: the rounding of a matrix
# product may depend on its shape, and a replica's figures must not depend on how many others there are.
EVALUATION_ROWS = 1024
_OUTPUTS_AT_ONCE = 2**18  # of very many outputs: with fewer rows, all arrays of a block stay in the cache


def rows_evaluated_at_once(network: Network) -> int:
    """How many rows of a split are evaluated together; of images, fewer."""
    rows = EVALUATION_ROWS
    if network.outputs > one_hot.MOST_DENSE:
        rows = min(rows, max(1, _OUTPUTS_AT_ONCE // network.outputs))
    return network.rows_at_once(rows, trains=False)


class Evaluator:
    """Outputs and losses of whole splits for one theta, a fixed number of rows at a time; of images, fewer.

    Replicas go through together, or one after the other where there are layers of images.
    """

    def __init__(self, network: Network, theta: Array, statistics: Array | None = None) -> None:
        self.network, self.theta, self.statistics = network, theta, statistics
        self.at_once = rows_evaluated_at_once(network)
        self.groups = [slice(r, r + 1) for r in range(len(theta))] if network.has_images else [slice(None)]
        self._passes: dict[int, list[Pass]] = {}

    def room_for_outputs(self, x: Array) -> Array:
        """A new array for the outputs or the scores of all rows of x, (R, N, K)."""
        return np.empty((len(self.theta), x.shape[1], self.network.outputs), self.theta.dtype)

    def scored_and_loss(
        self, task: str, x: Array, y: Array | None, *, ranked: bool = True
    ) -> tuple[Scored, Array | None]:
        """Outputs and, where they are `ranked`, their scores for all rows of x, as a task keeps them; and the loss.

        Arguments and loss are those of `outputs_and_loss`. Of very many classes there are `Decisions` alone.
        """
        if keeps_decisions(task, self.network.outputs):
            decided, loss = self._decisions_and_loss(x, y, ranked=ranked)
            return Scored(decided, decided), loss
        scores = self.room_for_outputs(x) if ranked else None
        outputs, loss = self.outputs_and_loss(x, y, scores)
        return Scored(outputs, outputs if scores is None else scores), loss

    def outputs_and_loss(self, x: Array, y: Array | None, scores: Array | None = None) -> tuple[Array, Array | None]:
        """Outputs (R, N, K) and, given y, the mean loss (R,), of all N rows of x (R or 1, N, inputs).

        y is as the head takes it: with the weights of the rows as a last column where the head weighs rows. What ranks
        the outputs, `Pass.scores`, is written to `scores`, (R, N, K), if that is given.
        """
        outputs, losses = self.room_for_outputs(x), self._room_for_losses(x)
        for part in self._blocks(x):
            own_y, own_scores = (None if every is None else every[:, part] for every in (y, scores))
            self._evaluate(x[:, part], own_y, outputs[:, part], losses[:, part], own_scores)
        return outputs, None if y is None else _mean(losses)

    def _decisions_and_loss(self, x: Array, y: Any, *, ranked: bool) -> tuple[Decisions, Array | None]:
        """What all rows decide, with ranks if they are `ranked`, and the mean loss (R,) given one-hot y."""
        losses, found = self._room_for_losses(x), []
        for part in self._blocks(x):
            rows, own_y = x[:, part], None if y is None else y[:, part]
            outputs, scores = self.room_for_outputs(rows), self.room_for_outputs(rows) if ranked else None
            self._evaluate(rows, own_y, outputs, losses[:, part], scores)
            found.append(Decisions.of(outputs, scores, None if own_y is None else own_y.argmax(axis=-1)))
        return Decisions.joined(found), None if y is None else _mean(losses)

    def _room_for_losses(self, x: Array) -> Array:
        return np.empty((len(self.theta), x.shape[1]), self.theta.dtype)

    def _blocks(self, x: Array) -> Iterator[slice]:
        """The rows of x, some at a time."""
        rows = x.shape[1]
        return (slice(begin, min(begin + self.at_once, rows)) for begin in range(0, rows, self.at_once))

    def _evaluate(self, x: Array, y: Array | None, outputs: Array, losses: Array, scores: Array | None) -> None:
        """Write the outputs of some rows, their losses given y, and their scores if these are wanted."""
        y = None if y is None else np.asarray(y)
        for group, evaluation in zip(self.groups, self._passes_for(x.shape[1]), strict=True):
            outputs[group] = evaluation.forward(rows_of(x, group))
            if y is not None:
                losses[group] = evaluation.losses(rows_of(y, group))
            if scores is not None:
                scores[group] = evaluation.scores

    def _passes_for(self, rows: int) -> list[Pass]:
        if rows not in self._passes:
            statistics = self.statistics
            self._passes[rows] = [
                pass_of(
                    self.network.of_replica(group.start) if group.start is not None else self.network,
                    self.theta[group],
                    None,
                    rows,
                    None if statistics is None else statistics[group],
                )
                for group in self.groups
            ]
        return self._passes[rows]


def _mean(losses: Array) -> Array:
    """The mean of losses (R, N) of rows, in float64."""
    return mean_over_samples(losses.astype(np.float64))
