"""Outputs and losses of whole splits, a fixed number of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.network import Network, Pass, mean_over_samples

Array = NDArray[Any]

# Whole splits are evaluated this many rows at a time, whatever the number of replicas: the rounding of a matrix
# product may depend on its shape, and a replica's figures must not depend on how many others there are.
EVALUATION_ROWS = 1024


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
        at_once = self.network.rows_at_once(EVALUATION_ROWS, trains=False)
        for begin in range(0, rows, at_once):
            part = slice(begin, min(begin + at_once, rows))
            evaluation = self._pass(part.stop - part.start)
            outputs[:, part] = evaluation.forward(x[:, part])
            if y is not None:
                losses[:, part] = evaluation.head.losses(evaluation.z, y[:, part])
        return outputs, None if y is None else mean_over_samples(losses.astype(np.float64))

    def _pass(self, rows: int) -> Pass:
        if rows not in self._passes:
            self._passes[rows] = Pass(self.network, self.theta, None, rows, self.statistics)
        return self._passes[rows]
