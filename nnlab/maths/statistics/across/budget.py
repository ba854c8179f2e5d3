"""What tuning is worth: the error to expect of the best of b drawn settings, for every b that was paid for."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nnlab.maths.statistics.across.sets import Array


def best_of(tuning: ArrayLike, values: ArrayLike | None = None) -> Array:
    """The expected value of the setting with the smallest tuning error among b of B drawn ones, (..., B), b = 1 … B.

    tuning (..., B), an error for each draw; `values` (..., B), what is asked of the setting that is chosen, as its
    error on the test set: the tuning errors themselves if not given. In order from the largest to the smallest error,
    the i-th is the best of b drawn without replacement if the other b - 1 are among the i - 1 before it:

        E_b = Σ_i C(i-1, b-1)/C(B, b) v_(i)

    which is unbiased, unlike the best so far in one order of the draws, or the maximum's expectation from the
    empirical distribution (Tang et al. 2020). Settings with the same tuning error are chosen equally often.

    Raises ValueError for shapes that differ and for values that are not finite: a setting that diverged has the error
    of chance. Source: Dodge, Gururangan, Card, Schwartz, Smith 2019, EMNLP; Tang, Lee, Xin, Liu, Yu, Lin 2020, ACL.
    """
    errors = np.asarray(tuning, dtype=np.float64)
    wanted = errors if values is None else np.asarray(values, dtype=np.float64)
    if errors.shape != wanted.shape or errors.ndim == 0 or errors.size == 0:
        raise ValueError(f"tuning errors {errors.shape} and values {wanted.shape} need the same draws")
    if not (np.isfinite(errors).all() and np.isfinite(wanted).all()):
        raise ValueError("the best of b draws needs finite values: a setting that diverged has the error of chance")
    draws = errors.shape[-1]
    rows = [_worst_first(*row) for row in zip(errors.reshape(-1, draws), wanted.reshape(-1, draws), strict=True)]
    return (np.array(rows) @ _weights(draws).T).reshape(errors.shape)


def _worst_first(errors: Array, values: Array) -> Array:
    """The values (B,) from the largest error to the smallest; those of equal errors are their mean."""
    _, place, count = np.unique(-errors, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=values) / count
    return np.repeat(means, count)


def _weights(draws: int) -> Array:
    """C(i-1, b-1)/C(B, b) for each b and i, (B, B).

    b/B for i = B; each i before has (i - b)/(i - 1) of the weight after it. These factors lie between 0 and 1, so
    that nothing overflows, whatever B.
    """
    b, i = np.arange(1, draws + 1)[:, None], np.arange(draws, 1, -1)
    factors = np.concatenate([b / draws, np.maximum(i - b, 0) / (i - 1)], axis=1)
    weights: Array = np.cumprod(factors, axis=1)[:, ::-1]
    return weights
