"""What outputs of classes decide, row by row: the winner, how sure it is, and where the true class ranks.

Figures and pictures of a multiclass task read no more of outputs. Of very many classes this is all that is kept: see
`Decisions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths import one_hot

Array = NDArray[Any]
Ints = NDArray[np.int64]

BEYOND_ANY = np.iinfo(np.int64).max  # classes before the true one in a row with a score that is nan


def keeps_decisions(task: str, outputs: int) -> bool:
    """Whether of so many outputs only the decisions are kept, and of their targets only the classes."""
    return task == "multiclass" and outputs > one_hot.MOST_DENSE


@dataclass(frozen=True, eq=False)
class Decisions:
    """What is kept of outputs (..., N, K) of very many `classes` K; all arrays are (..., N).

    `winner` is the class of the largest output, first of equals, or -1 where an output is nan. `lowest` and `highest`
    are the smallest and the largest output that is a number. `ahead` is how many classes rank before the true one by
    their scores (see `classes_ahead`); None where that is not known.
    """

    classes: int
    winner: Ints
    lowest: Array
    highest: Array
    ahead: Ints | None = None

    @classmethod
    def of(cls, outputs: Array, scores: Array | None = None, truth: Ints | None = None) -> Decisions:
        """What rows decide with outputs (..., N, K), and given their scores and true classes (..., N), the ranks."""
        ahead = None if scores is None or truth is None else classes_ahead(scores, truth)
        ends = np.fmin.reduce(outputs, axis=-1), np.fmax.reduce(outputs, axis=-1)
        return cls(outputs.shape[-1], winners(outputs), *ends, ahead)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the outputs."""
        return (*self.winner.shape, self.classes)

    @property
    def ndim(self) -> int:
        """The number of dimensions of the outputs."""
        return len(self.shape)

    def __len__(self) -> int:
        """The length of the first axis."""
        return len(self.winner)

    def __getitem__(self, key: Any) -> Decisions:
        """The decisions of some rows; `key` is about all axes but the last."""
        return self._each(lambda values: values[key])

    def _each(self, changed: Callable[[Array], Array]) -> Decisions:
        arrays = (getattr(self, field.name) for field in fields(self)[1:])
        return Decisions(self.classes, *(None if array is None else changed(array) for array in arrays))  # type: ignore[arg-type]

    def spread(self, rows: Ints, count: int) -> Decisions:
        """These decisions (n,) as those of the `rows` among `count`; the others have none, as if outputs were nan."""

        def among(values: Array) -> Array:
            is_class, is_ahead = values is self.winner, values is self.ahead
            spread = np.full(count, -1 if is_class else BEYOND_ANY if is_ahead else np.nan, values.dtype)
            spread[rows] = values
            return spread

        return self._each(among)

    @staticmethod
    def joined(blocks: Sequence[Decisions]) -> Decisions:
        """The decisions of blocks of rows, along the axis of rows."""
        first = blocks[0]
        columns = zip(*([getattr(block, field.name) for field in fields(first)[1:]] for block in blocks), strict=True)
        joined = (None if each[0] is None else np.concatenate(each, axis=-1) for each in columns)
        return Decisions(first.classes, *joined)  # type: ignore[arg-type]


def winners(outputs: Any) -> Ints:
    """The index of the largest output of each row, first of equals, (..., N, K) -> (..., N); -1 in a row with a nan."""
    if isinstance(outputs, Decisions):
        return outputs.winner
    if isinstance(outputs, one_hot.OneHot):
        return outputs.codes
    winner: Ints = outputs.argmax(axis=-1)
    # argmax returns the first nan, if there is one.
    best = np.take_along_axis(outputs, winner[..., None], axis=-1)[..., 0]
    return np.where(np.isnan(best), -1, winner)


def classes_ahead(scores: Any, truth: Ints) -> Ints:
    """How many classes rank before the true one, (..., N, K) -> (..., N); of equal scores the last ranks first.

    A row with a nan has more before it than there are classes. `truth` (..., N) may be that of `Decisions` alone, which
    have it already.
    """
    if isinstance(scores, Decisions):
        assert scores.ahead is not None
        return scores.ahead
    place = np.broadcast_to(truth, scores.shape[:-1])[..., np.newaxis]
    own = np.take_along_axis(scores, place, axis=-1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[-1]) > place))
    return np.where(np.isnan(scores).any(axis=-1), BEYOND_ANY, np.count_nonzero(ahead, axis=-1))


@dataclass(frozen=True, eq=False)
class ConfusionCounts:
    """How often each true class was taken for each: the pairs that occur, in ascending order, with their counts.

    `truth`, `predicted` and `counts` are (pairs,), `classes` is the number of classes K.
    """

    classes: int
    truth: Ints
    predicted: Ints
    counts: Array

    @classmethod
    def of(cls, predicted: Ints, truth: Ints, classes: int, weights: Array | None = None) -> ConfusionCounts:
        """The pairs of decisions (N,); rows that decide nothing, -1, are not counted. With weights counts are sums."""
        decided = predicted >= 0
        cells, of_row = np.unique((truth * classes + predicted)[decided], return_inverse=True)
        counts = np.bincount(of_row, None if weights is None else weights[decided], len(cells))
        return cls(classes, *np.divmod(cells, classes), counts)

    @classmethod
    def of_matrix(cls, matrix: Array) -> ConfusionCounts:
        """The pairs of a confusion matrix (K, K)."""
        truth, predicted = np.nonzero(matrix)
        return cls(len(matrix), truth, predicted, matrix[truth, predicted])

    def matrix(self, classes: Iterable[int] | None = None) -> Array:
        """The counts among some classes in ascending order, (n, n), by default among all."""
        chosen = np.arange(self.classes) if classes is None else np.asarray([*classes])
        place = np.full(self.classes, -1)
        place[chosen] = np.arange(len(chosen))
        among = (place[self.truth] >= 0) & (place[self.predicted] >= 0)
        found = np.zeros((len(chosen), len(chosen)), self.counts.dtype)
        found[place[self.truth[among]], place[self.predicted[among]]] = self.counts[among]
        return found

    def of_truth(self) -> Array:
        """The sum of each row of the matrix, (K,)."""
        return np.bincount(self.truth, self.counts, self.classes).astype(self.counts.dtype)

    def of_predicted(self) -> Array:
        """The sum of each column of the matrix, (K,)."""
        return np.bincount(self.predicted, self.counts, self.classes).astype(self.counts.dtype)

    def right(self) -> Array:
        """The diagonal of the matrix, (K,)."""
        right = self.truth == self.predicted
        return np.bincount(self.truth[right], self.counts[right], self.classes).astype(self.counts.dtype)
