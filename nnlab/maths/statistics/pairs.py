"""Two arms on the same seeds: how far apart they are, whether chance would do that, and who wins on a seed.

Arms of a comparison share their seeds: split, order of the data and initial draws are the same for all. What a seed
does to both drops out of the difference, so a small one shows with few seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.maths import special
from nnlab.maths.statistics.intervals import UNBOUNDED, Interval, binomial_bounds, mean_over_seeds
from nnlab.maths.statistics.samples import (
    MANY,
    check_confidence,
    check_pairs,
    deviation,
    finite_numbers,
    mean,
    numbers,
)

Array = NDArray[np.float64]

MOST_SEEDS = 10_000  # beyond this a difference is not worth telling apart

_EXHAUSTIVE = 16  # differences up to which every pattern of signs is tried: 32,768 of them
_FLIPS = 9_999  # patterns drawn for more of them
_ALIKE = 250  # differences of like size from which the normal limit is nearer than drawn patterns
_FEW_ULPS = 4  # figures, and means of them, that are no further apart differ by rounding alone
_ROUNDING = 1e-12  # sums that differ by less, as a share of all differences, are equal


def paired_difference(
    a: ArrayLike, b: ArrayLike, confidence: float = 0.95, *, within: tuple[float, float] = UNBOUNDED
) -> Interval:
    """The mean of a - b with the interval of `mean_over_seeds`, where a[i] and b[i] come from the same seed.

    Of figures that lie `within` some bounds, differences lie within the bounds' distance. A mean that is only
    rounding of the figures is 0. Only seeds that both have may be given. Raises ValueError for lengths that differ, and
    as `mean_over_seeds` does.
    """
    most = within[1] - within[0]
    margin = mean_over_seeds(_differences(a, b), confidence, within=(-most, most))
    is_rounding = same_but_for_rounding(margin.estimate, 0, numbers(a) + numbers(b))
    return replace(margin, estimate=0.0) if is_rounding else margin


def same_but_for_rounding(first: float, second: float, figures: Sequence[float]) -> bool:
    """Whether two values that were computed from these figures differ by a few units of their last place at most."""
    return abs(first - second) <= _FEW_ULPS * math.ulp(max(map(abs, figures)))


def permutation_test(a: ArrayLike, b: ArrayLike) -> float:
    """The p-value of the paired permutation test that it does not matter which arm is called a and which b.

    If it does not, every difference a[i] - b[i] might as well have the other sign. p is the share of patterns of signs
    whose sum is at least as far from 0 as the one seen: of all 2^n patterns up to 16 pairs, and beyond that of 9,999
    drawn from a fixed seed and the one seen, so that the same figures always give the same p. Exact for arms of the
    same distribution, whatever it is. It cannot be smaller than 2^(1 - n): 5 pairs never reach 5 %.

    Beyond 500 pairs p is that of the normal limit of the sums, as long as no few differences outweigh the others; see
    `_limit`. It is never below 1/10,000, as if patterns had been drawn.

    Raises ValueError as `paired_difference` does. Source: Fisher 1935, The Design of Experiments, section 21.
    """
    differences = _differences(a, b)
    # Only sizes enter, in order of size: neither the order of the seeds nor that of the arms moves the drawn patterns.
    sizes = np.array(sorted(map(abs, differences)))
    if len(sizes) > MANY and _alike(sizes) >= _ALIKE:
        return max(_limit(sizes, abs(math.fsum(differences))), smallest_p(len(sizes)))
    sums = _all_sums(sizes) if len(sizes) <= _EXHAUSTIVE else _drawn_sums(sizes)
    as_far = np.sum(np.abs(sums) >= abs(math.fsum(differences)) - _ROUNDING * sizes.sum())
    return float(as_far / len(sums)) if len(sizes) <= _EXHAUSTIVE else float((as_far + 1) / (len(sums) + 1))


def smallest_p(pairs: int) -> float:
    """The smallest p-value that `permutation_test` can give for this many pairs."""
    return max(2.0 ** (1 - pairs), 0.0 if pairs <= _EXHAUSTIVE else 1 / (_FLIPS + 1))


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p-value of so many wins and losses if both are equally likely; ties are left out.

    Raises ValueError for negative counts. Source: Arbuthnott 1710.
    """
    if min(wins, losses) < 0:
        raise ValueError(f"no test of {wins} wins and {losses} losses")
    return min(1.0, 2 * float(special.bdtr(min(wins, losses), wins + losses, 0.5)))


def share_difference(only_a: int, only_b: int, total: int, confidence: float = 0.95) -> Interval:
    """By how much the share of seeds on which a succeeds exceeds that of b, both tried on the same `total` seeds.

    Only the seeds count on which one of them succeeded alone; of these `only_a` and `only_b` there are. The interval is
    Wald's after one success more for each and two seeds more, cut at -1 and 1:

        p = (only_a + 1)/(n + 2), q = (only_b + 1)/(n + 2):    p - q ± z √((p + q - (p - q)²)/(n + 2))

    Summed over all outcomes of 5 to 30 seeds, and simulated for 100 and 1,000, it holds the true difference in 93.5 %
    to all of the cases, for shares from 0 to 0.95, where the score interval (Tango 1998) falls to 89.6 %. Its test is
    `sign_test(only_a, only_b)`, McNemar's in its exact form.

    Raises ValueError for counts that cannot be, and for a confidence outside (0, 1). Source: Bonett and Price 2012.
    """
    check_confidence(confidence)
    if min(only_a, only_b) < 0 or not 0 < total >= only_a + only_b:
        raise ValueError(f"no difference of {only_a} and {only_b} in {total}")
    p, q = (only_a + 1) / (total + 2), (only_b + 1) / (total + 2)
    # Python's own quantile: every short training asks for it, and SciPy takes a tenth of a second to load.
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt((p + q - (p - q) ** 2) / (total + 2))
    return Interval((only_a - only_b) / total, max(-1.0, p - q - half), min(1.0, p - q + half))


def seeds_needed_for_shares(
    only_a: int, only_b: int, total: int, chance: float = 0.8, significance: float = 0.05
) -> int | None:
    """How many seeds would tell two shares apart with this chance, if they are as they were seen; None if over 10,000.

        n = (z √ψ + z' √(ψ - d²))²/d²      ψ = (only_a + only_b)/total, d = (only_a - only_b)/total

    z and z' are the normal quantiles of the significance, two-sided, and of the chance. None as well where there is no
    difference. Never fewer than the exact test needs to reach the significance at all. Source: Connor 1987, Biometrics.
    """
    both, difference = (only_a + only_b) / total, abs(only_a - only_b) / total
    if difference == 0:
        return None
    z, power = special.ndtri(np.array([1 - significance / 2, chance]))
    root = z * math.sqrt(both) + power * math.sqrt(max(both - difference**2, 0.0))
    least = math.ceil((1 - math.log2(significance)) / both)
    count = max(math.ceil((root / difference) ** 2), least)
    return count if count <= MOST_SEEDS else None


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted so that one of them falsely below 5 % has a chance of at most 5 %.

    The smallest of m is multiplied by m, the next by m - 1 and so on, none of them becoming smaller than the one
    before or larger than 1. Holds however the tests depend on each other. In the order given. Raises ValueError for
    what is no p-value. Source: Holm 1979.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie between 0 and 1, got {list(p_values)}")
    count, adjusted, largest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (count - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def chance_to_beat(a: ArrayLike, b: ArrayLike, *, larger_is_better: bool = True, confidence: float = 0.95) -> Interval:
    """The chance that a beats b on a seed, P(a better) + P(a = b)/2, estimated from values of the same seeds.

    The bounds are Clopper and Pearson's for the number of wins, a tie being half a win; with ties, as without, they
    hold at least the stated confidence (the tests add it up over every outcome). inf is allowed, for steps to a target
    that was not reached. Raises ValueError for lengths that differ, for nan, for no value.
    """
    check_confidence(confidence)
    first, second = numbers(a), numbers(b)
    check_pairs(first, second)
    wins = sum(x > y if larger_is_better else x < y for x, y in zip(first, second, strict=True))
    score = wins + sum(x == y for x, y in zip(first, second, strict=True)) / 2
    return Interval(score / len(first), *binomial_bounds(score, len(first), confidence))


def win_matrix(values: ArrayLike, *, larger_is_better: bool = True) -> Array:
    """The share of seeds on which the arm of the row beats the arm of the column, ties counting half.

    values (A, R), one row per arm and one column per seed -> (A, A); nan where a run diverged, and only seeds that
    both arms have are counted: nan if there are none. 1/2 on the diagonal, and M + Mᵀ = 1.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"expected arms and seeds, got shape {values.shape}")
    row, column = values[:, None, :], values[None, :, :]
    better = row > column if larger_is_better else row < column
    both = ~np.isnan(row) & ~np.isnan(column)
    scores, counts = np.sum(better + (row == column) / 2, axis=-1), both.sum(axis=-1)
    shares: Array = np.divide(scores, counts, out=np.full(scores.shape, np.nan), where=counts > 0)
    return shares


def power(effect: float, seeds: int, significance: float = 0.05) -> float:
    """The chance that a paired t test of `seeds` seeds finds a difference of `effect` standard deviations.

    The two-sided test, from the noncentral t distribution. Raises ValueError for fewer than two seeds.
    """
    if seeds < 2:
        raise ValueError(f"a test needs at least two seeds, got {seeds}")
    critical = special.stdtrit(seeds - 1, 1 - significance / 2)
    shift = min(abs(effect) * math.sqrt(seeds), 1e4)  # from there on it is found for certain, and nctdtr gives nan
    below = special.nctdtr(seeds - 1, shift, critical)
    far_below = special.nctdtr(seeds - 1, shift, -critical) if shift < 8 else 0.0  # less than Φ(-8), about 1e-15
    return float(1 - below + far_below)


def seeds_needed(a: ArrayLike, b: ArrayLike, chance: float = 0.8, significance: float = 0.05) -> int | None:
    """How many seeds would tell the difference seen apart with this chance; None for more than 10,000.

    From the noncentral t distribution and the mean and spread of a - b, as if they were the true ones: with few seeds
    they are not, and the answer is a rough one. Never fewer than `permutation_test` needs to reach the significance at
    all. None as well where there is no difference, or less than two seeds to see a spread.

    Raises ValueError as `paired_difference` does. Source: Cohen 1988, Statistical Power Analysis, chapter 2.
    """
    differences = _differences(a, b)
    middle = mean(differences)
    if len(differences) < 2 or same_but_for_rounding(middle, 0, numbers(a) + numbers(b)):
        return None
    least = 1 + math.ceil(-math.log2(significance))
    spread = deviation(differences)
    return _first_with(abs(middle) / spread, chance, significance, least) if spread else least


def _first_with(effect: float, chance: float, significance: float, least: int) -> int | None:
    """The smallest number of seeds, `least` or more, with this power; doubled until there, then halved back."""
    enough = least
    while enough < MOST_SEEDS and power(effect, enough, significance) < chance:
        enough = min(2 * enough, MOST_SEEDS)
    if power(effect, enough, significance) < chance:
        return None
    short = max(least - 1, enough // 2)
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (middle, enough) if power(effect, middle, significance) < chance else (short, middle)
    return enough


def _differences(a: ArrayLike, b: ArrayLike) -> list[float]:
    first, second = finite_numbers(a), finite_numbers(b)
    check_pairs(first, second)
    x, y = np.array(first), np.array(second)
    with np.errstate(over="ignore"):
        between = x - y
    rounding = _FEW_ULPS * np.spacing(np.maximum(np.abs(x), np.abs(y)))  # as `same_but_for_rounding`
    differences: list[float] = np.where(np.abs(between) <= rounding, 0.0, between).tolist()
    return differences


def _all_sums(sizes: Array) -> Array:
    """The sums of all patterns of signs, half of them: the others are their negatives. (2^(n - 1),)."""
    sums = sizes[:1]
    for size in sizes[1:]:
        sums = np.concatenate([sums + size, sums - size])
    return sums


def _drawn_sums(sizes: Array) -> Array:
    """The sums of patterns of signs drawn from a fixed seed, a few at a time so that 1,000 seeds need little memory."""
    generator, sums = np.random.Generator(np.random.PCG64(0)), []
    for _ in range(9):
        plus = generator.integers(0, 2, (_FLIPS // 9, len(sizes)), dtype=np.int8)
        sums.append(2 * (plus.astype(np.float64) @ sizes) - sizes.sum())
    return np.concatenate(sums)


def _alike(sizes: Array) -> float:
    """How many differences of one size would spread their sums as these do: (Σd²)²/Σd⁴, at most n; 0 if all are 0."""
    squares = np.square(sizes / max(sizes[-1], np.finfo(np.float64).tiny))
    return float(squares.sum() ** 2 / np.square(squares).sum()) if sizes[-1] else 0.0


def _limit(sizes: Array, total: float) -> float:
    """The share of patterns of signs whose sum is at least `total` away from 0, by the normal limit of these sums.

        p = 2 Φ(-z)      z = (total - δ)/√Σd²

    Where all differences are multiples of a number δ, as those of accuracies on few rows, sums are 2δ apart, and p
    begins halfway to the next one (continuity correction); else δ = 0. Signs are symmetric, so that the first term that
    is missing is that of the fourth cumulant, -2 Σd⁴ of Σ ±d, in Edgeworth's expansion: -φ(z) (z³ - 3z)/6 · Σd⁴/(Σd²)².
    |φ(z) (z³ - 3z)| is at most 0.551, so that p is off by at most 0.092/250 = 0.0004 for 250 `_alike` differences, and
    at p = 0.05 by 0.00007. The standard error of 9,999 drawn patterns at p = 0.05 is 0.0022. Source: Feller 1971, An
    Introduction to Probability Theory and Its Applications II, chapter XVI.
    """
    z = (total - _common_divisor(sizes)) / math.hypot(*sizes)
    return min(1.0, float(2 * special.ndtr(-z)))


def _common_divisor(sizes: Array) -> float:
    """The largest number of which all sizes are multiples; 0 where it would be too small to matter, or is none.

    Euclid's algorithm, in which what is left of a size counts as nothing below a share of the largest size.
    """
    nothing = _NO_STEP * sizes[-1]
    found = 0.0
    for size in np.unique(sizes[sizes > nothing]).tolist():
        while size > nothing:
            # Rounded to the nearest multiple, for a quotient just below a whole number is that number.
            found, size = size, abs(found - size * round(found / size))  # noqa: PLW2901
        if found < _LEAST_STEP * sizes[-1]:
            return 0.0
    return found


_NO_STEP, _LEAST_STEP = 1e-9, 1e-5  # shares of the largest size: its rounding errors, and what moves p by nothing
