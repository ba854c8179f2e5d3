"""On how many data sets at least an arm is better: partial conjunction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nnlab.maths.statistics.arms import SIGNIFICANCE
from nnlab.maths.statistics.samples import finite_numbers


def conjunction_p(p_values: ArrayLike, least: int) -> float:
    """The p-value that fewer than `least` of N hypotheses are false, from their p-values (N,), a test of each.

    Under it at least N - u + 1 of them are true, u being `least`, so that the u - 1 smallest p-values say nothing. The
    others are combined by Simes' test:

        p^(u/N) = min over i = 1 … N - u + 1 of (N - u + 1)/i · p_(u-1+i)

    Exact for independent p-values and valid for positively dependent ones, as those of arms with the same seeds on
    different sets. u = 1 asks whether any is false, u = N whether all are: p^(N/N) is the largest p-value.

    Raises ValueError for what is no p-value and for `least` outside 1 … N. Source: Benjamini and Heller 2008,
    "Screening for partial conjunction hypotheses", Biometrics 64.
    """
    sample = np.sort(finite_numbers(p_values))
    if not (sample[0] >= 0 and sample[-1] <= 1):
        raise ValueError(f"p-values lie between 0 and 1, got {sample.tolist()}")
    if not 1 <= least <= len(sample):
        raise ValueError(f"at least {least} of {len(sample)} is no claim")
    rest = sample[least - 1 :]
    return float(min(1.0, np.min(len(rest) / np.arange(1, len(rest) + 1) * rest)))


def better_on_at_least(p_values: ArrayLike, significance: float = SIGNIFICANCE) -> int:
    """The largest u for which "at least u of these N hypotheses are false" holds, and every smaller one; 0 for none.

    A lower bound with confidence 1 - `significance`: if u₀ of them are false, it exceeds u₀ only where the true claim
    "fewer than u₀ + 1" was rejected. No correction for the several u is therefore needed.
    """
    count = len(finite_numbers(p_values))
    fails = (u for u in range(1, count + 1) if conjunction_p(p_values, u) > significance)
    return next(fails, count + 1) - 1
