"""The physical limit: the matrix products that no training step can do without, and nothing else.

Forward x W for each layer, backward dW = xᵀ dz for each and dx = dz Wᵀ for all but the first; float32, with
`np.matmul(out=)` into buffers that are there already. Samples are the columns where there are convolutions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workloads import Array, Convolutions, Order, Weights, Workload, rows, start

PACKAGES = ("numpy",)

BLOCK = 512 * 1024  # bytes of columns


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


class ImageProducts:
    """The products of a step with convolutions: of the weights with columns, one for each place of each image.

    Columns are cut into blocks that stay in the caches. What writes them, and adds up dx from them, is not counted.
    """

    def __init__(self, workload: Workload, convolutions: Convolutions) -> None:
        self.seeds, self.layers = workload.seeds, []
        places = [height * width for height, width in convolutions.outputs] + [1] * len(workload.sizes[1:])
        for (inputs, units), each in zip(workload.widths, places, strict=True):
            columns = workload.batch * each
            blocks = -(-columns * inputs * 4 // BLOCK)
            x, dx = (np.full((inputs, -(-columns // blocks)), 0.1, np.float32) for _ in range(2))
            W, dW = (np.full((inputs, units), 0.1, np.float32) for _ in range(2))
            self.layers.append((blocks, W, dW, x, dx, np.full((units, x.shape[1]), 1e-3, np.float32)))

    def run(self, steps: int) -> None:
        """The same blocks again and again, for one seed after the other."""
        for _ in range(steps * self.seeds):
            for depth, layer in enumerate(self.layers):
                self._products(*layer, wants_dx=depth > 0)

    @staticmethod
    def _products(blocks: int, W: Array, dW: Array, x: Array, dx: Array, y: Array, *, wants_dx: bool) -> None:
        for _ in range(blocks):
            np.matmul(W.T, x, out=y)
            np.matmul(x, y.T, out=dW)
            if wants_dx:
                np.matmul(W, y, out=dx)

    def weights(self) -> Weights | None:
        """Nothing learns."""
        return None


def products(workload: Workload) -> Products | ImageProducts:
    """What the workload's layers need."""
    of = workload.convolutions
    return ImageProducts(workload, of) if of else Products(workload)


FORMS: dict[str, Callable[[Workload], Products | ImageProducts]] = {"products": products, "streamed": streamed}
