"""The physical limit: the matrix products that no training step can do without, and nothing else.

Forward x W for each layer, backward dW = xᵀ dz for each and dx = dz Wᵀ for all but the first; float32, with
`np.matmul(out=)` into buffers that are there already.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workloads import Array, Order, Weights, Workload, rows, start

PACKAGES = ("numpy",)


class Products:
    """The products of a step. Activations are constants here: what they hold does not matter, only shapes do."""

    def __init__(self, workload: Workload) -> None:
        self.x = rows(workload.source)[0][: workload.batch]
        self.order = Order(workload)
        lead = (workload.seeds,) if workload.seeds > 1 else ()
        self.W = [W for W, _ in start(workload)]
        shapes = [(*lead, workload.batch, units) for units in workload.sizes[1:]]
        self.z = [np.empty(shape, np.float32) for shape in shapes]
        self.a = [np.full(shape, 0.1, np.float32) for shape in shapes]
        self.dz = [np.full(shape, 1e-3, np.float32) for shape in shapes]
        self.dx = [np.empty(shape, np.float32) for shape in shapes]
        self.dW = [np.empty_like(W) for W in self.W]

    def run(self, steps: int) -> None:
        """The same batch again and again: it stays in the caches."""
        for _ in range(steps):
            self._step(self.x)

    def _step(self, x: Array) -> None:
        inputs = [x, *self.a[:-1]]
        m = len(x)
        for i, W in enumerate(self.W):
            np.matmul(inputs[i], W, out=self.z[i][..., :m, :])
        for i in range(len(self.W) - 1, -1, -1):
            np.matmul(inputs[i].mT[..., :m], self.dz[i][..., :m, :], out=self.dW[i])
            if i:
                np.matmul(self.dz[i][..., :m, :], self.W[i].mT, out=self.dx[i - 1][..., :m, :])

    def weights(self) -> Weights | None:
        """Nothing learns."""
        return None


class Streamed(Products):
    """The same with the rows of each batch read from memory, in file order; short batches are left out."""

    def run(self, steps: int) -> None:
        """Batch after batch."""
        x = rows("mnist")[0]
        for part in self.order.slices(steps):
            if part.stop - part.start == self.order.batch:
                self._step(x[part])


def streamed(workload: Workload) -> Products:
    """Only where rows are many."""
    return Streamed(workload) if workload.source == "mnist" else Products(workload)


FORMS: dict[str, Callable[[Workload], Products]] = {"products": Products, "streamed": streamed}
