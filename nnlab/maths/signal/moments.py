"""The moments of an activation under normal pre-activations; see `normal`."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlab.maths.activations import Activation
from nnlab.maths.signal.normal import Moments, rule, total, within


def moments(entry: Activation, chosen: Mapping[str, Any], q: float = 1.0) -> Moments:
    """The moments of an activation with these values of its parameters, for z ~ N(0, q).

    An activation that draws its parameters in training has the moments of that: the mean over both ends and the middle
    of its draws by Simpson's rule, exact for a slope in which f is linear.
    """
    try:
        return _moments(entry, tuple(sorted(chosen.items())), q)
    except TypeError:  # a parameter that cannot be hashed
        return _moments.__wrapped__(entry, tuple(chosen.items()), q)


@functools.lru_cache(maxsize=512)
def _moments(entry: Activation, chosen: tuple[tuple[str, Any], ...], q: float) -> Moments:
    drawn = [(share, _of_curve(entry, values, q)) for share, values in _drawn(entry, dict(chosen))]
    mean, second, slope, fourth, by_size = (
        math.fsum(share * found[index] for share, found in drawn) for index in range(5)
    )
    return Moments(mean, second, slope, fourth, _log_slope(second, by_size))


def _log_slope(second: float, by_size: float) -> float:
    """D log V / d log q of V(q) = E[f²], from V and E[f² z²] / q; nan where V is 0 or infinite.

    The density of N(0, q) has the derivative (z² / q - 1) / (2 q) times itself by q. Hence q V' / V =
    E[f² (z² / q - 1)] / (2 V), without a derivative of f, so that kinks and jumps do not matter.
    """
    return (by_size / second - 1) / 2 if 0 < second < math.inf else math.nan


def _of_curve(entry: Activation, chosen: Mapping[str, Any], q: float) -> tuple[float, float, float, float, float]:
    """E[f], E[f²], E[f'²], E[f⁴] and E[f² z²] / q with fixed parameters."""
    u, weights = rule(within(entry.kinks(**chosen), q))
    z, value, slope = math.sqrt(q) * u, np.empty_like(u), np.empty_like(u)
    with np.errstate(all="ignore"):
        at, a = z[:, None], value[:, None]  # as in a network: a batch of one unit
        entry.value(at, a, **chosen)
        entry.slope(at, a, slope[:, None], **chosen)
        squares = np.square(value)
        powers = value, squares, np.square(slope), np.square(squares), squares * u * u
        mean, second, of_slope, fourth, by_size = (total(power * weights) for power in powers)
    return mean, second, of_slope, fourth, by_size


def _drawn(entry: Activation, chosen: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """The parameters that an activation has in training, each with its share."""
    if entry.randomized is None:
        return [(1.0, chosen)]
    shares = {0.0: 1 / 6, 0.5: 4 / 6, 1.0: 1 / 6}
    return [(share, {**chosen, **entry.randomized(draw, **chosen)}) for draw, share in shares.items()]
