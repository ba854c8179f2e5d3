"""The objective on all training rows as a function of one replica's theta, for optimizers that search along a line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import PassContext
from nnlab.networks.network import Network, rows_of
from nnlab.networks.pieces import training_pass

Array = NDArray[Any]


class Objective:
    """Loss plus penalties on all rows, and their gradient, in float64 whatever the precision of the data.

    x (R or 1, N, inputs) and y (R or 1, N, outputs), as the head takes it. A replica's values do not depend on how many
    there are: each is computed by itself. Running statistics stay as they are; normalisation is over all rows.
    """

    def __init__(self, network: Network, x: Array, y: Array) -> None:
        self.x, self.y = x, np.asarray(y)
        # Where replicas weigh their classes differently, the head is made for all of them, and one of them is read.
        weights = network.head.weights
        self.copies = 1 if weights is None else len(weights)
        self.theta = np.empty((self.copies, network.layout.size))
        self.gradient = np.zeros_like(self.theta)
        context = PassContext((0,) * self.copies, learns=False)
        self.whole = training_pass(network, self.theta, self.gradient, x.shape[1], context=context)

    def __call__(self, theta: Array, replica: int) -> tuple[float, Array]:
        """Value and gradient (P,) at theta (P,), for the rows of a replica."""
        own, row = slice(replica, replica + 1), replica if self.copies > 1 else 0
        x, y = rows_of(self.x, own), rows_of(self.y, own)
        self.theta[...] = theta
        loss = self.whole.differentiate(x, y, measured=True)
        assert loss is not None
        return float((loss + self.whole.penalty())[row]), self.gradient[row].copy()
