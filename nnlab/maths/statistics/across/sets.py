"""The errors of arms on data sets: what counts as an error, and how far two arms are apart on each set.

The data set is the unit, not the seed. Errors of different sets have different sizes, so that arms are compared by the
logarithm of the ratio of their errors: log 2 is twice the error, on any set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_DECIMALS = 12  # of logarithms: what differs by less are rounding errors of the mean over seeds


@dataclass(frozen=True)
class SetErrors:
    """The errors of K arms on N data sets with R seeds each, none of them 0, nan or above chance. See `set_errors`.

    `errors` (N, R, K); `floors` and `chance` (N,), the smallest and the largest error that counts on a set;
    `family_of` (N,), the family of each set, its own name where it is alone; `diverged` (N, K), the number of seeds
    that diverged.
    """

    sets: tuple[str, ...]
    arms: tuple[str, ...]
    errors: Array
    floors: Array
    chance: Array
    family_of: tuple[str, ...]
    diverged: NDArray[np.int64]

    @property
    def seeds(self) -> int:
        """The number of seeds, R."""
        return int(self.errors.shape[1])

    @property
    def means(self) -> Array:
        """The mean error over the seeds, (N, K)."""
        means: Array = self.errors.mean(axis=1)
        return means

    @property
    def at_floor(self) -> Flags:
        """The sets on which no arm errs with any seed, (N,): they tell no arms apart."""
        return self._everywhere(self.floors)

    @property
    def at_chance(self) -> Flags:
        """The sets on which no arm learns anything with any seed, (N,): neither do these."""
        return self._everywhere(self.chance)

    def _everywhere(self, level: Array) -> Flags:
        """The sets on which every run has the error of its set in `level` (N,)."""
        flags: Flags = np.all(self.errors == level[:, None, None], axis=(1, 2))
        return flags

    @property
    def families(self) -> tuple[str, ...]:
        """The F families that are compared, in the order of their first sets; not those of sets at floor or chance."""
        return tuple(self.family_sizes)

    @property
    def family_sizes(self) -> dict[str, int]:
        """How many sets each of the `families` has, but for sets at floor or chance."""
        left_out = self.at_floor | self.at_chance
        return dict(Counter(f for f, out in zip(self.family_of, left_out, strict=True) if not out))


def set_errors(
    errors: ArrayLike,
    *,
    sets: Sequence[str],
    arms: Sequence[str],
    floors: ArrayLike,
    chance: ArrayLike,
    families: Sequence[str] | None = None,
) -> SetErrors:
    """The errors (N, R, K) of N sets, R seeds and K arms, each at least its set's floor and at most its chance level.

    A smaller error is better. nan and inf are runs that diverged: they count as `chance` (N,), the error of an answer
    that does not look at the inputs, and so does every larger error, so that no run is worse than one that diverged.
    An error of 0 has no logarithm: it counts as `floors` (N,), half a row, 1/(2m) for a share of the m rows that it is
    measured on, because less than a row cannot be seen there. Sets with the same label of `families` (N,), as mnist and
    a tenth of mnist, count once: their differences are averaged first. Without labels every set is a family of its own.

    Raises ValueError for shapes that do not match, fewer than two arms, names given twice, negative errors, and
    floors that do not lie between 0 and chance.
    """
    values, low, high = (np.asarray(numbers, dtype=np.float64) for numbers in (errors, floors, chance))
    family_of = tuple(sets if families is None else families)
    _check_shapes(values, low, high, sets, arms, family_of)
    _check_values(values, low, high)
    lost = ~np.isfinite(values)
    clipped = np.clip(np.where(lost, np.inf, values), low[:, None, None], high[:, None, None])
    return SetErrors(tuple(sets), tuple(arms), clipped, low, high, family_of, lost.sum(axis=1))


def log_errors(errors: SetErrors) -> Array:
    """The mean logarithm of the arms' errors on each family, (F, K): its differences are logarithms of ratios.

    Rounded to 12 decimals, so that errors whose means over seeds differ by rounding alone are equal.
    """
    return np.round(over_families(errors, np.log(errors.means)), _DECIMALS)


def seed_noise(errors: SetErrors) -> Array:
    """What each seed adds to `log_errors`, (F, R, K), to first order: e_r/ē - 1, averaged over the sets of a family.

    log ē has the derivative 1/(R ē) by each e_r, so that R seeds give log ē_i - log ē_j the variance s²/R, s² being
    that of the differences of this noise on the same seeds.
    """
    return over_families(errors, errors.errors / errors.means[:, None, :] - 1)


def over_families(errors: SetErrors, values: Array) -> Array:
    """The means (F, ...) of values (N, ...) over the sets of each family, but for sets at floor or chance."""
    counted = ~(errors.at_floor | errors.at_chance)
    members = np.array(errors.families)[:, None] == np.array(errors.family_of)
    shares = members * counted / np.sum(members * counted, axis=1, keepdims=True)
    means: Array = np.tensordot(shares, values, axes=1)
    return means


def _check_shapes(
    values: Array, low: Array, high: Array, sets: Sequence[str], arms: Sequence[str], families: Sequence[str]
) -> None:
    if values.ndim != 3 or (values.shape[0], values.shape[2]) != (len(sets), len(arms)) or 0 in values.shape:
        raise ValueError(f"errors {values.shape} are not those of {len(sets)} sets, some seeds and {len(arms)} arms")
    if not low.shape == high.shape == (len(sets),) or len(families) != len(sets):
        raise ValueError(f"floors, chance levels and families need one value for each of {len(sets)} sets")
    if len(arms) < 2:
        raise ValueError("a comparison needs at least two arms")
    for names in (sets, arms):
        if len({*names}) < len(names):
            raise ValueError(f"a name is given twice: {', '.join(names)}")


def _check_values(values: Array, low: Array, high: Array) -> None:
    if np.any(values < 0):
        raise ValueError(f"errors are not negative, got {values[values < 0].min():g}")
    if not np.all((low > 0) & (low < high) & np.isfinite(high)):
        raise ValueError("the floor of a set lies between 0 and its chance level")
