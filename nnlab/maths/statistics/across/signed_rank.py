"""Tests of two arms over data sets: is the difference as likely to have either sign?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.maths.statistics.across.ranks import midranks
from nnlab.maths.statistics.across.sets import Array
from nnlab.maths.statistics.pairs import permutation_test
from nnlab.maths.statistics.samples import finite_numbers


def signed_rank_test(differences: ArrayLike) -> float:
    """The two-sided p-value of Wilcoxon's signed rank test of differences (N,), one per data set.

    If either sign is equally likely, so is every pattern of signs. p is the share of all 2^N patterns in which W, the
    sum of the ranks of positive differences, is as far from its mean as the one seen. Differences of 0 are left out,
    and equal sizes share their mean rank. The distribution of W is the product of (1 + x^rank)/2 over all ranks,
    doubled so that they are whole, and therefore exact for any N, with ties as well: where SciPy's `wilcoxon` is
    exact, it is the same, and elsewhere what its `PermutationMethod` converges to. 1 where all differences are 0.

    Raises ValueError for no difference and one that is not finite. Source: Wilcoxon 1945.
    """
    sample = np.array(finite_numbers(differences))
    sample = sample[sample != 0]
    if sample.size == 0:
        return 1.0
    doubled = np.round(2 * midranks(np.abs(sample))).astype(np.int64)
    total, seen = int(doubled.sum()), int(doubled[sample > 0].sum())
    as_far = np.abs(2 * np.arange(total + 1) - total) >= abs(2 * seen - total)
    return min(1.0, float(_chances_of_sums(doubled)[as_far].sum()))


def sign_flip_test(differences: ArrayLike) -> float:
    """The two-sided p-value of the mean of differences (N,), if each might as well have the other sign.

    Of all 2^N patterns of signs up to 16 sets, and beyond that of 9,999 from a fixed stream, as `permutation_test`.
    It weighs large differences more than the signed rank test does. Raises ValueError as that does.
    """
    sample = finite_numbers(differences)
    return permutation_test(sample, np.zeros(len(sample)))


def _chances_of_sums(sizes: NDArray[np.int64]) -> Array:
    """The chance of each sum from 0 to Σ sizes if each size is in it or not, with chance 1/2."""
    chances = np.zeros(int(sizes.sum()) + 1)
    chances[0] = 1.0
    for size in sizes:
        chances[size:] = (chances[size:] + chances[:-size]) / 2
        chances[:size] /= 2
    return chances
