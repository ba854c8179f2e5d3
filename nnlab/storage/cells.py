"""Whole arrays of numbers as cells of a table, for tables of millions of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from nnlab.storage.metrics import cell

Array = NDArray[Any]


def cells_of(values: Array) -> list[str]:
    """The text that `cell` gives for each value of an array, row by row; an eighth of the time."""
    values = values.astype(np.float64).ravel()
    if _repeats(values):
        return list(map(_Texts().__getitem__, values.view(np.int64).tolist()))
    # It writes as `repr` does, but for numbers with exponents.
    texts = to_json(values.tolist()).decode()[1:-1].split(",")
    size = np.abs(values)
    for place in np.flatnonzero(~((size >= _LEAST_PLAIN) & (size < _MOST_PLAIN))).tolist():
        texts[place] = cell(float(values[place]))
    return texts


_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e15  # what `repr` writes without an exponent


class _Texts(dict[int, str]):
    """The text of a number by its bits, as -0.0 == 0.0; each is formatted when it is first asked for."""

    def __missing__(self, bits: int) -> str:
        self[bits] = text = cell(float(np.int64(bits).view(np.float64)))
        return text


def _repeats(values: Array) -> bool:
    """Whether few of some hundred values differ, as accuracies on few rows: then each is formatted once."""
    some = values[:: 1 + len(values) // _LOOKED_AT].view(np.int64)
    return 2 * len(np.unique(some)) <= len(some)


_LOOKED_AT = 500
