"""How the training rows of an epoch are cut into batches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """`rows` training rows in batches of `size`, 1 <= size <= rows; batches are counted from 0.

    Where rows are left over they are a short last batch, or with `drop_last` are left out. A last batch of fewer than
    `fewest` rows is joined to the one before: a normalisation over the samples of a batch means nothing for one row.
    """

    rows: int
    size: int
    drop_last: bool = False
    fewest: int = 1

    @property
    def left_over(self) -> int:
        """How many rows are left behind the last full batch."""
        return self.rows % self.size

    @property
    def joins(self) -> bool:
        """Whether the rows left over are joined to the last full batch."""
        return not self.drop_last and 0 < self.left_over < self.fewest

    @property
    def dropped(self) -> int:
        """How many rows each epoch leaves out."""
        return self.left_over if self.drop_last else 0

    @property
    def steps(self) -> int:
        """The number of batches, and so of updates."""
        full = self.rows // self.size
        return full if self.joins or self.drop_last else full + (self.left_over > 0)

    @property
    def is_one_batch(self) -> bool:
        """Whether one batch holds all rows."""
        return self.steps == 1 and not self.dropped

    def part(self, number: int) -> slice:
        """The places of a batch's rows in the order of the epoch."""
        last = number == self.steps - 1
        return slice(number * self.size, self.rows - self.dropped if last else (number + 1) * self.size)

    def rows_of(self, number: int) -> int:
        """How many rows a batch has."""
        part: slice = self.part(number)
        return int(part.stop - part.start)

    @property
    def sizes(self) -> frozenset[int]:
        """The one or two numbers of rows that batches have."""
        return frozenset({self.rows_of(0), self.rows_of(self.steps - 1)})
