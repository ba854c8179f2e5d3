"""Batches of a step: which rows of the training part, for every replica at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.batches import shuffled, shuffled_in_blocks
from nnlab.data.stored import Stacked

Array = NDArray[Any]


class Batches:
    """The batch of any step, as a function of the step alone, so that a run can start anywhere.

    x (R or 1, N, inputs) and y (R or 1, N, outputs), as the head takes it, hold the training parts of the replicas, or
    the one part that they share. Without shuffling batches follow the rows and the last one of an epoch may be short. A
    batch that holds all rows is never shuffled: its loss is a sum over the same rows in any order.
    """

    def __init__(self, x: Any, y: Array, seeds: Sequence[int], batch_size: int, *, shuffle: bool) -> None:
        self.x, self.y, self.seeds = x, y, seeds
        self.rows = x.shape[1]
        self.size = min(batch_size, self.rows)
        self.per_epoch = -(-self.rows // self.size)
        self.shuffle = shuffle and self.per_epoch > 1
        self._epoch = -1
        if self.shuffle:
            self._flat_x, self._flat_y = self._flat_inputs(), y.reshape(-1, y.shape[2])
            self._taken = {m: (_room(x, len(seeds), m), _room(y, len(seeds), m)) for m in self.sizes()}

    def _flat_inputs(self) -> Array:
        """The inputs of all parts one after the other, (rows, inputs)."""
        flat: Array = self.x.reshape(-1, self.x.shape[2])
        return flat

    def sizes(self) -> set[int]:
        """The one or two batch sizes that occur."""
        return {self.size, self.rows - (self.per_epoch - 1) * self.size}

    def at(self, step: int) -> tuple[Array, Array]:
        """X and y of the batch before update number `step` + 1; the next batch may overwrite them."""
        if self.per_epoch == 1:
            return self.x, self.y
        epoch, position = divmod(step, self.per_epoch)
        part = slice(position * self.size, min((position + 1) * self.size, self.rows))
        return self._gathered(epoch, part) if self.shuffle else (self.x[:, part], self.y[:, part])

    def positions(self, step: int) -> NDArray[np.int64]:
        """Where the rows of that batch stand in the training part of each replica, (R, m)."""
        epoch, position = divmod(step, self.per_epoch)
        part = slice(position * self.size, min((position + 1) * self.size, self.rows))
        in_order = np.arange(self.rows)
        return np.stack([self._order(s, epoch) if self.shuffle else in_order for s in self.seeds])[:, part]

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """The rows (N,) of one replica in the order of an epoch."""
        return shuffled(self.rows, seed, epoch)

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
        orders = np.stack([self._order(seed, epoch) for seed in self.seeds])
        if len(self.x) > 1:
            orders = orders + np.arange(len(self.x))[:, None] * self.rows
        return orders.astype(np.int32 if self.x.size < 2**31 else np.int64)


class BlockBatches(Batches):
    """The same of rows that stay in their file, of which each replica has a block in memory: a whole number of batches.

    Rows are shuffled as `shuffled_in_blocks` says; without shuffling a batch is read when it is asked for. The bits of
    a batch are those of the same rows in memory.
    """

    def __init__(self, x: Stacked, y: Array, seeds: Sequence[int], batch_size: int, *, shuffle: bool) -> None:
        self.block = max(1, x.in_blocks // batch_size) * batch_size
        self._held = (-1, -1)
        super().__init__(x, y, seeds, batch_size, shuffle=shuffle)

    def _flat_inputs(self) -> Array:
        return np.empty((0, self.x.shape[2]), self.x.dtype)

    def _order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        return shuffled_in_blocks(self.rows, self.block, seed, epoch)

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
        wanted = self._orders[:, number * self.block : (number + 1) * self.block]
        by_place = wanted.argsort(axis=1)
        self._places = by_place.argsort(axis=1) + np.arange(len(wanted))[:, None] * wanted.shape[1]
        rows = np.take_along_axis(wanted, by_place, axis=1) % self.rows
        self._flat_x = self.x.take(list(rows)).reshape(-1, self.x.shape[2])
        self._held = (epoch, number)


def batches_of(x: Any, y: Array, seeds: Sequence[int], batch_size: int, *, shuffle: bool) -> Batches:
    """The batches of a training part, wherever its inputs are; where one batch holds them all, they are in memory."""
    if not isinstance(x, Stacked):
        return Batches(x, y, seeds, batch_size, shuffle=shuffle)
    if x.shape[1] <= batch_size:
        return Batches(x[:, :], y, seeds, batch_size, shuffle=shuffle)
    return BlockBatches(x, y, seeds, batch_size, shuffle=shuffle)


def _room(values: Array, replicas: int, rows: int) -> Array:
    """Where a batch is gathered, again and again: (R, m, columns)."""
    return np.empty((replicas, rows, values.shape[2]), values.dtype)
