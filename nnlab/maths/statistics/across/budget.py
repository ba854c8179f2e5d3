"""What tuning is worth: the error to expect of the best of b drawn settings, for every b that was paid for."""

from __future__ import annotations

from numpy.typing import ArrayLike

from nnlab.maths.statistics.across.sets import Array


def best_of(tuning: ArrayLike, values: ArrayLike | None = None) -> Array:
    """The expected value of the setting with the smallest tuning error among b of B drawn ones, (..., B), b = 1 … B.

    tuning (..., B), an error for each draw; `values` (..., B), what is asked of the setting that is chosen, such as
    its test error: the tuning errors themselves if not given.
    """
    raise NotImplementedError
