"""Units that learn nothing: dead ones and saturated ones, both read off their slopes |f'(z)|.

The gradient of every weight below a unit has the unit's slope as a factor. That is true of each activation, bounded or
not, so both words are defined through the slope, never through the value: a relu at 0 and a tanh at 1 are alike stuck.
The `reference` is the largest |slope| that the activation takes anywhere: 1 for relu and tanh, 1/4 for sigmoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEAD_BELOW = 1e-6
SATURATED_BELOW = 0.05


def dead_share(slopes: ArrayLike, reference: float) -> NDArray[np.float64]:
    """The share of units whose slope is next to nothing, below 10⁻⁶ of the reference, on every sample.

    slopes (..., m, units) on m samples -> (...). A millionth, because such a unit needs a million steps for what a
    healthy one moves in one. An exact 0, as relu has it, is of course below; a sigmoid beyond |z| = 16 is as well,
    though its slope is never 0. Samples should be the whole split: on a batch, more units look dead than are. Raises
    ValueError for nan, for no unit or sample, for a reference that is not positive.
    """
    small = _small(slopes, DEAD_BELOW, reference)
    return np.asarray(np.mean(np.all(small, axis=-2), axis=-1))


def saturated_share(slopes: ArrayLike, reference: float) -> NDArray[np.float64]:
    """The share of all samples and units on which the slope is below 5 % of the reference: |tanh| > 0.975.

    slopes (..., m, units) -> (...). There a unit passes on less than a twentieth of the gradient it could, and two
    such layers less than 1/400. For sigmoid it is an output within 1.3 % of 0 or 1; for relu every sample on the flat
    side, half of them in a healthy layer, so compare an activation with itself. A dead unit is saturated on every
    sample. Raises ValueError as `dead_share` does.
    """
    return np.asarray(np.mean(_small(slopes, SATURATED_BELOW, reference), axis=(-2, -1)))


def _small(slopes: ArrayLike, share: float, reference: float) -> NDArray[np.bool_]:
    sizes: NDArray[Any] = np.abs(np.asarray(slopes))
    if sizes.ndim < 2 or 0 in sizes.shape[-2:]:
        raise ValueError(f"slopes need samples and units, got shape {sizes.shape}")
    if np.isnan(sizes).any():
        raise ValueError("nan among the slopes: leave out the runs that diverged")
    if not reference > 0:
        raise ValueError(f"the largest slope of an activation is positive, got {reference}")
    return np.asarray(sizes < share * reference)
