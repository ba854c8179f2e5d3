"""One-hot targets of very many classes: the class of each row, in place of a number for each row and class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

MOST_DENSE = 1000  # classes up to which targets and outputs hold a number for each row and class


class OneHot:
    """Stands for an array (..., N, K) of one-hot rows, of which `codes` (..., N) has the classes.

    Indexing takes rows and leaves them as codes; `numpy.asarray` makes an array, of a batch or of some rows at a time.
    With `weights` (..., N) the weights of the rows are a last column, as `with_row_weights` puts them there.
    """

    def __init__(self, codes: Any, classes: int, dtype: DTypeLike = np.float64, weights: Array | None = None) -> None:
        self.codes: NDArray[np.int64] = np.asarray(codes)
        self.classes, self.dtype, self.weights = classes, np.dtype(dtype), weights

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that this stands for."""
        return (*self.codes.shape, self.classes + (self.weights is not None))

    @property
    def ndim(self) -> int:
        """The number of its dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        """The length of its first axis."""
        return len(self.codes)

    def __getitem__(self, key: Any) -> OneHot:
        """Some of the rows; `key` is about all axes but the last."""
        return self._with(self.codes[key], None if self.weights is None else self.weights[key])

    def _with(self, codes: Any, weights: Array | None) -> OneHot:
        return OneHot(codes, self.classes, self.dtype, weights)

    def __array__(self, dtype: DTypeLike | None = None, *, copy: bool | None = None) -> Array:
        """All rows as an array in memory."""
        dense: Array = np.zeros(self.shape, dtype or self.dtype)
        self._write(self.codes, self.weights, dense)
        return dense

    @staticmethod
    def _write(codes: NDArray[np.int64], weights: Array | None, out: Array) -> None:
        """Write rows to an array of zeros."""
        np.put_along_axis(out, codes[..., np.newaxis], 1, axis=-1)
        if weights is not None:
            out[..., -1] = weights

    def take(self, rows: Array, axis: int, out: Array, mode: Any) -> None:
        """Write some rows of (N, K) to `out`, (..., K); the arguments are those of `numpy.ndarray.take`."""
        out[...] = 0
        weights = None if self.weights is None else self.weights.take(rows, axis, mode=mode)
        self._write(self.codes.take(rows, axis, mode=mode), weights, out)

    def reshape(self, *shape: int) -> OneHot:
        """The same rows along other axes; the last one stays."""
        return self._with(
            self.codes.reshape(shape[:-1]), None if self.weights is None else self.weights.reshape(shape[:-1])
        )

    def astype(self, dtype: DTypeLike) -> OneHot:
        """The same rows for arrays of another type."""
        return OneHot(self.codes, self.classes, dtype, self.weights)

    def argmax(self, axis: int = -1) -> NDArray[np.int64]:  # noqa: ARG002 - as of an array
        """The class of each row, (..., N): the index of the largest number along the last axis."""
        return self.codes

    def with_weights(self, weights: Array) -> OneHot:
        """The same rows with their weights (..., N) as a last column."""
        return self._with(self.codes, np.broadcast_to(weights, self.codes.shape))

    @staticmethod
    def stack(each: Sequence[OneHot]) -> OneHot:
        """The rows of several along a new first axis."""
        return OneHot(np.stack([one.codes for one in each]), each[0].classes, each[0].dtype)

    @staticmethod
    def concatenate(each: Sequence[OneHot]) -> OneHot:
        """The rows of several one after the other."""
        return OneHot(np.concatenate([one.codes for one in each]), each[0].classes, each[0].dtype)
