"""Outputs and losses of whole splits, a fixed number of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.network import Network, Pass, mean_over_samples, rows_of

Array = NDArray[Any]

# Whole splits are evaluated this many rows at a time, whatever the number of replicas: the rounding of a matrix
# product may depend on its shape, and a replica's figures must not depend on how many others there are.
EVALUATION_ROWS = 1024


class Evaluator:
    """Outputs and losses of whole splits for one theta, a fixed number of rows at a time; of images, fewer.

    Replicas go through together, or one after the other where there are layers of images.
    """

    def __init__(self, network: Network, theta: Array, statistics: Array | None = None) -> None:
        self.network, self.theta, self.statistics = network, theta, statistics
        self.at_once = network.rows_at_once(EVALUATION_ROWS, trains=False)
        self.groups = [slice(r, r + 1) for r in range(len(theta))] if network.has_images else [slice(None)]
        self._passes: dict[int, list[Pass]] = {}

    def room_for_outputs(self, x: Array) -> Array:
        """A new array for the outputs or the scores of all rows of x, (R, N, K)."""
        return np.empty((len(self.theta), x.shape[1], self.network.outputs), self.theta.dtype)

    def outputs_and_loss(self, x: Array, y: Array | None, scores: Array | None = None) -> tuple[Array, Array | None]:
        """Outputs (R, N, K) and, given y, the mean loss (R,), of all N rows of x (R or 1, N, inputs).

        y is as the head takes it: with the weights of the rows as a last column where the head weighs rows. What ranks
        the outputs, `Pass.scores`, is written to `scores`, (R, N, K), if that is given.
        """
        rows, outputs = x.shape[1], self.room_for_outputs(x)
        losses = np.empty((len(self.theta), rows), self.theta.dtype)
        for begin in range(0, rows, self.at_once):
            part = slice(begin, min(begin + self.at_once, rows))
            own_y, own_scores = (None if every is None else every[:, part] for every in (y, scores))
            self._evaluate(x[:, part], own_y, outputs[:, part], losses[:, part], own_scores)
        return outputs, None if y is None else mean_over_samples(losses.astype(np.float64))

    def _evaluate(self, x: Array, y: Array | None, outputs: Array, losses: Array, scores: Array | None) -> None:
        """Write the outputs of some rows, their losses given y, and their scores if these are wanted."""
        for group, evaluation in zip(self.groups, self._passes_for(x.shape[1]), strict=True):
            outputs[group] = evaluation.forward(rows_of(x, group))
            if y is not None:
                losses[group] = evaluation.head.losses(evaluation.z, rows_of(y, group))
            if scores is not None:
                scores[group] = evaluation.scores

    def _passes_for(self, rows: int) -> list[Pass]:
        if rows not in self._passes:
            statistics = self.statistics
            self._passes[rows] = [
                Pass(
                    self.network.of_replica(group.start) if group.start is not None else self.network,
                    self.theta[group],
                    None,
                    rows,
                    None if statistics is None else statistics[group],
                )
                for group in self.groups
            ]
        return self._passes[rows]
