"""Batches of a step: which rows of the training part, for every replica at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.batches import shuffled_in_blocks, shuffles
from nnlab.data.stored import Stacked
from nnlab.maths import memory
from nnlab.training.epochs import Epoch

Array = NDArray[Any]


class Batches:
    """The batch of any step, as a function of the step alone, so that a run can start anywhere.

    x (R or 1, N, inputs) and y (R or 1, N, outputs), as the head takes it, hold the training parts of the replicas, or
    the one part that they share, of the N rows that `cut` cuts into batches. y of very many classes becomes an array
    batch by batch. Without shuffling batches follow the rows.
    A batch that holds all rows is never shuffled: its loss is a sum over the same rows in any order.
    """

    def __init__(self, x: Any, y: Array, seeds: Sequence[int], cut: Epoch, *, shuffle: bool) -> None:
        self.x, self.y, self.seeds, self.cut, self.is_one_batch = x, y, seeds, cut, cut.is_one_batch
        if self.is_one_batch:  # always the same arrays: a pass need not copy what nobody can write to
            self.x, self.y = _unchanging(x), _unchanging(np.asarray(y))
        self.shuffle = shuffle and not self.is_one_batch
        self._epoch = -1
        if self.shuffle:
            self._flat_x, self._flat_y = self._flat_inputs(), y.reshape(-1, y.shape[2])
            self._taken = {m: (_room(x, len(seeds), m), _room(y, len(seeds), m)) for m in cut.sizes}

    def _flat_inputs(self) -> Array:
        """The inputs of all parts one after the other, (rows, inputs)."""
        flat: Array = self.x.reshape(-1, self.x.shape[2])
        return flat

    def at(self, step: int) -> tuple[Array, Array]:
        """X and y of the batch before update number `step` + 1; the next batch may overwrite them."""
        if self.is_one_batch:
            return self.x, self.y
        epoch, number = divmod(step, self.cut.steps)
        part = self.cut.part(number)
        return self._gathered(epoch, part) if self.shuffle else (self.x[:, part], np.asarray(self.y[:, part]))

    def positions(self, step: int) -> NDArray[np.int64]:
        """Where the rows of that batch stand in the training part of each replica, (R, m)."""
        epoch, number = divmod(step, self.cut.steps)
        in_order = np.broadcast_to(np.arange(self.cut.rows), (len(self.seeds), self.cut.rows))
        orders = self._orders_in(epoch) if self.shuffle else in_order
        return orders[:, self.cut.part(number)].copy()

    def _orders_in(self, epoch: int) -> NDArray[np.int64]:
        """The rows of each replica in the order of an epoch, (R, N)."""
        return shuffles(self.cut.rows, self.seeds, epoch)

    def _gathered(self, epoch: int, part: slice) -> tuple[Array, Array]:
        if epoch != self._epoch:
            self._orders, self._epoch = self._shuffled(epoch), epoch
        rows = self._orders[:, part]  # (R, m)
        x, y = self._taken[rows.shape[1]]
        # mode="clip" skips a bounds check that the orders make needless; it costs 1.6 times without.
        self._flat_x.take(rows, 0, x, "clip")
        self._flat_y.take(rows, 0, y, "clip")
        return x, y

    def _shuffled(self, epoch: int) -> Array:
        """Row numbers into the flattened parts, (R, N): each replica's own order within its own part."""
        orders = self._orders_in(epoch)
        if len(self.x) > 1:
            orders = orders + np.arange(len(self.x))[:, None] * self.cut.rows
        return orders.astype(np.int32 if self.x.size < 2**31 else np.int64)


class BlockBatches(Batches):
    """The same of rows that stay in their file, of which each replica has a block in memory: a whole number of batches.

    A row that is joined to the last batch of a block is read with it. Rows are shuffled as `shuffled_in_blocks` says;
    without shuffling a batch is read when it is asked for. The bits of a batch are those of the same rows in memory.
    """

    def __init__(self, x: Stacked, y: Array, seeds: Sequence[int], cut: Epoch, *, shuffle: bool) -> None:
        self.block = max(1, x.in_blocks // cut.size) * cut.size
        self._held = (-1, -1)
        super().__init__(x, y, seeds, cut, shuffle=shuffle)

    def _flat_inputs(self) -> Array:
        return np.empty((0, self.x.shape[2]), self.x.dtype)

    def _orders_in(self, epoch: int) -> NDArray[np.int64]:
        return np.stack([shuffled_in_blocks(self.cut.rows, self.block, seed, epoch) for seed in self.seeds])

    def _gathered(self, epoch: int, part: slice) -> tuple[Array, Array]:
        number, begin = divmod(part.start, self.block)
        if (epoch, number) != self._held:
            self._read(epoch, number)
        rows = self._orders[:, part]
        x, y = self._taken[rows.shape[1]]
        self._flat_x.take(self._places[:, begin : begin + rows.shape[1]], 0, x, "clip")
        self._flat_y.take(rows, 0, y, "clip")
        return x, y

    def _read(self, epoch: int, number: int) -> None:
        """Have a block of an epoch in memory, its rows in the order of the file, and where each of them is."""
        if epoch != self._epoch:
            self._orders, self._epoch = self._shuffled(epoch), epoch
        self._flat_x = self._flat_inputs()  # or there would be two blocks
        wanted = self._orders[:, number * self.block : self._end(number)]
        by_place = wanted.argsort(axis=1)
        self._places = by_place.argsort(axis=1) + np.arange(len(wanted))[:, None] * wanted.shape[1]
        rows = np.take_along_axis(wanted, by_place, axis=1) % self.cut.rows
        self._flat_x = self.x.take(list(rows)).reshape(-1, self.x.shape[2])
        self._held = (epoch, number)

    def _end(self, number: int) -> int:
        """The place behind the last row of a block, among whose batches may be one with joined rows."""
        end = (number + 1) * self.block
        return end + self.cut.left_over if self.cut.joins and end + self.cut.left_over == self.cut.rows else end


def batches_of(x: Any, y: Array, seeds: Sequence[int], cut: Epoch, *, shuffle: bool) -> Batches:
    """The batches of a training part, wherever its inputs are; where one batch holds them all, they are in memory."""
    if not isinstance(x, Stacked):
        return Batches(x, y, seeds, cut, shuffle=shuffle)
    if cut.is_one_batch:
        return Batches(x[:, :], y, seeds, cut, shuffle=shuffle)
    return BlockBatches(x, y, seeds, cut, shuffle=shuffle)


def _unchanging(values: Array) -> Array:
    """The same numbers in an array that cannot be written to."""
    view = values[...]
    view.flags.writeable = False
    return view


def _room(values: Array, replicas: int, rows: int) -> Array:
    """Where a batch is gathered, again and again: (R, m, columns)."""
    return memory.empty((replicas, rows, values.shape[2]), values.dtype)
