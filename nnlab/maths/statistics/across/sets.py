"""The errors of arms on data sets: what counts as an error, and how far two arms are apart on each set.

The data set is the unit, not the seed. Errors of different sets have different sizes, so that arms are compared by the
logarithm of the ratio of their errors: log 2 is twice the error, on any set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SetErrors:
    """The errors of K arms on N data sets with R seeds each, none of them 0, nan or above chance. See `set_errors`.

    `errors` (N, R, K); `floors` and `chance` (N,), the smallest and the largest error that counts on a set;
    `family_of` (N,), the family of each set, its own name where it is alone.
    """

    sets: tuple[str, ...]
    arms: tuple[str, ...]
    errors: Array
    floors: Array
    chance: Array
    family_of: tuple[str, ...]

    @property
    def means(self) -> Array:
        """The mean error over the seeds, (N, K)."""
        raise NotImplementedError

    @property
    def at_floor(self) -> NDArray[np.bool_]:
        """The sets on which no arm errs with any seed, (N,): they tell no arms apart."""
        raise NotImplementedError

    @property
    def at_chance(self) -> NDArray[np.bool_]:
        """The sets on which no arm learns anything with any seed, (N,)."""
        raise NotImplementedError

    @property
    def families(self) -> tuple[str, ...]:
        """The F families that are compared, in the order of their first sets; not those of sets at floor or chance."""
        raise NotImplementedError


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

    A smaller error is better; nan and inf are runs that diverged. These count as `chance` (N,), the error of who knows
    nothing of the inputs, and so does every larger error, as no run is worse than one that diverged. An error of 0 has
    no logarithm. It counts as `floors` (N,): half a row of the test set, 1/(2m) for a share of m rows, below which the
    test set cannot see.
    Sets with the same label of `families` (N,), as mnist and a tenth of mnist, are counted once: their differences are
    averaged first. Raises ValueError for shapes that do not match, fewer than two arms, names given twice, negative
    errors, and floors that are not between 0 and chance.
    """
    raise NotImplementedError


def log_errors(errors: SetErrors) -> Array:
    """The mean logarithm of the arms' errors on each family, (F, K): its differences are logarithms of ratios."""
    raise NotImplementedError


def seed_noise(errors: SetErrors) -> Array:
    """What each seed adds to `log_errors`, (F, R, K), to first order: e_r/ē - 1, averaged over the sets of a family.

    log ē has the derivative 1/(R ē) by each e_r, so that the variance of log ē_i - log ē_j over draws of R seeds is
    that of the paired differences of this noise, divided by R.
    """
    raise NotImplementedError
