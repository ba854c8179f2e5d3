"""Weights of classes: rows of a rare class count more.

Weights are (R or 1, 2, K): [:, 0] is the weight of a target 0 and [:, 1] that of a target 1, for each output. A binary
task has its two classes there; each label of a multilabel task is weighted for itself; a row of a multiclass task has
the weight of its class, and [:, 0] is 0.

The loss of a batch stays the mean over its rows: of w L, not divided by the sum of the batch's weights. A row then
counts the same in whatever batch it falls, the gradient is unbiased, and with `balanced` the weights of the training
part average to 1, so that learning rates keep their meaning. (Keras does the same; PyTorch's CrossEntropyLoss
divides by the sum.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.losses.classes import chosen

Array = NDArray[Any]


def balanced(y: Array, task: str) -> Array:
    """Weights (2, K) that give each class the same share of the loss: N / (C n), n of the N rows being in it.

    C is the number of classes: K for one-hot targets y (N, K), else 2 for each output. inf for a class without rows.
    (King, Zeng 2001, Political Analysis 9; scikit-learn's class_weight="balanced".)
    """
    there = chosen(y).sum(axis=0)
    counts = np.stack([len(y) - there, there])
    with np.errstate(divide="ignore"):
        if task != "multiclass":
            return len(y) / (2.0 * counts)
        weights: Array = len(y) / (y.shape[1] * counts.astype(float))
    weights[0] = 0
    return weights


def weighted_losses(losses: Callable[..., Array], weights: Array, z: Array, y: Array, *, by_row: bool) -> Array:
    """The loss of each sample, (..., m): of whole rows, or of each output as a row of its own, times its weight."""
    w = _weights_of(y, weights, by_row=by_row)
    if by_row:
        return losses(z, y) * w[..., 0]
    total: Array = (losses(z[..., np.newaxis], y[..., np.newaxis]) * w).sum(axis=-1)
    return total


def weighted_gradient(
    gradient: Callable[..., None], weights: Array, z: Array, a: Array, y: Array, out: Array, *, by_row: bool
) -> None:
    """Its derivative by the logits: that of the loss, times the same weights, which do not depend on z."""
    gradient(z, a, y, out)
    np.multiply(out, _weights_of(y, weights, by_row=by_row), out=out)


def _weights_of(y: Array, weights: Array, *, by_row: bool) -> Array:
    """The weight of each target, (..., m, K), or of each row, (..., m, 1)."""
    each = np.where(chosen(y), weights[:, 1:], weights[:, :1])
    return each.sum(axis=-1, keepdims=True) if by_row else each
