"""Hinge losses of scores z: 0 once the true side or class leads by a margin of 1.

Their outputs, which metrics and pictures read, are the scores squeezed into (0, 1): by a sigmoid where each output
decides for itself, so that 0.5 is the score 0, and by a softmax where classes compete. Both keep the order of the
scores and so every decision, as far as the precision tells them from 0 and 1; they are no estimates of a probability,
which a hinge loss does not give.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.losses.classes import chosen, row_sum

Array = NDArray[Any]


def hinge(z: Array, y: Array) -> Array:
    """Sum over outputs of max(0, 1 - t z), with t = 2y - 1, so ±1.

    (Cortes, Vapnik 1995, Machine Learning 20.)
    """
    return row_sum(_shortfall(z, y))


def hinge_gradient(z: Array, _a: Array, y: Array, out: Array) -> None:
    """dL/dz = -t where t z < 1, else 0; at the kink t z = 1 it is 0."""
    sides = 2 * y - 1
    np.copyto(out, np.where(sides * z < 1, -sides, 0))


def squared_hinge(z: Array, y: Array) -> Array:
    """Sum over outputs of max(0, 1 - t z)², whose slope has no jump.

    (Lee, Mangasarian 2001, Computational Optimization and Applications 20.)
    """
    short = _shortfall(z, y)
    return row_sum(short * short)


def squared_hinge_gradient(z: Array, _a: Array, y: Array, out: Array) -> None:
    """dL/dz = -2 t max(0, 1 - t z)."""
    np.multiply(2 - 4 * y, _shortfall(z, y), out=out)


def _shortfall(z: Array, y: Array) -> Array:
    """How far each output falls short of its margin: max(0, 1 - t z)."""
    short: Array = np.maximum(1 - (2 * y - 1) * z, 0)
    return short


def class_hinge(z: Array, y: Array) -> Array:
    """max(0, 1 - u) with u = z_t - max_{j≠t} z_j, the lead of the true class; y is one-hot.

    (Crammer, Singer 2001, Journal of Machine Learning Research 2.)
    """
    return _behind(z, y)


def class_hinge_gradient(z: Array, _a: Array, y: Array, out: Array) -> None:
    """By the true class -1 and by its first strongest rival +1, where the lead is below 1; else 0."""
    _along_lead((_behind(z, y) > 0).astype(z.dtype), z, y, out)


def squared_class_hinge(z: Array, y: Array) -> Array:
    """max(0, 1 - u)² with the lead u of `class_hinge`."""
    short = _behind(z, y)
    return short * short


def squared_class_hinge_gradient(z: Array, _a: Array, y: Array, out: Array) -> None:
    """By the true class -2 max(0, 1 - u), by its first strongest rival the same with the other sign."""
    _along_lead(2 * _behind(z, y), z, y, out)


def _behind(z: Array, y: Array) -> Array:
    """How far the true class falls short of a lead of 1 over its strongest rival, (…, m)."""
    own = np.where(chosen(y), z, 0).sum(axis=-1)
    short: Array = np.maximum(1 - (own - np.where(chosen(y), -np.inf, z).max(axis=-1)), 0)
    return short


def _along_lead(pull: Array, z: Array, y: Array, out: Array) -> None:
    """Write -pull at the true class, pull at the first strongest rival, 0 elsewhere; pull is (…, m)."""
    rival = np.where(chosen(y), -np.inf, z).argmax(axis=-1)[..., np.newaxis]
    direction = (np.arange(z.shape[-1]) == rival).astype(z.dtype) - y
    np.multiply(pull[..., np.newaxis], direction, out=out)
