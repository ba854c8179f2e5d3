"""Weights of classes, so that rows of a rare class count more, and weights of single rows.

Class weights are (R or 1, 2, K): [:, 0] is the weight of a target 0 and [:, 1] that of a target 1, for each output. A
binary task has its two classes there; each label of a multilabel task is weighted for itself; a row of a multiclass
task has the weight of its class, and [:, 0] is 0.

The loss of a batch stays the mean over its rows: of w L, not divided by the sum of the batch's weights. A row then
counts the same in whatever batch it falls, the gradient is unbiased, and with `balanced` the weights of the training
part average to 1, so that learning rates keep their meaning. (Keras does the same; PyTorch's CrossEntropyLoss
divides by the sum.)

The weight of a row stands behind its targets, as a last column of y, so that it goes wherever y goes: into batches,
into the pieces of a batch, to each replica. `with_row_weights` puts it there; only the head knows of it. Weights of
rows average to 1 over a part, so that the mean of w L over the part is Σ w L / Σ w. Where classes are weighted as well,
the loss has the product of both weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.losses.classes import chosen
from nnlab.maths.one_hot import OneHot

Array = NDArray[Any]


def balanced(y: Array, task: str, rows: Array | None = None) -> Array:
    """Weights (2, K) that give each class the same share of the loss: N / (C n), n of the N rows being in it.

    C is the number of classes: K for one-hot targets y (N, K), else 2 for each output. With weights of `rows` (N,), N
    and n are sums of weights. inf for a class without rows, or with rows of weight 0 alone.
    (King, Zeng 2001, Political Analysis 9; scikit-learn's class_weight="balanced".)
    """
    each = np.ones(len(y)) if rows is None else rows.astype(np.float64)
    counts = _counts_of_classes(y, each) if isinstance(y, OneHot) else np.stack([each @ ~chosen(y), each @ chosen(y)])
    with np.errstate(divide="ignore"):
        weights: Array = each.sum() / ((y.shape[1] if task == "multiclass" else 2) * counts)
    if task == "multiclass":
        weights[0] = 0
    return weights


def _counts_of_classes(y: OneHot, each: Array) -> Array:
    """The weight of the rows without and with each class, (2, K)."""
    with_class = np.bincount(y.codes, each, y.classes)
    return np.stack([each.sum() - with_class, with_class])


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


def with_row_weights(y: Any, weights: Array) -> Any:
    """Targets (..., m, K) with the weights of their rows, (..., m), as a last column in the dtype of y."""
    if isinstance(y, OneHot):
        return y.with_weights(weights)
    return np.concatenate([y, weights[..., np.newaxis].astype(y.dtype)], axis=-1)


def row_weighted_losses(losses: Callable[..., Array], z: Array, y: Array) -> Array:
    """The loss of each sample times its weight, w L, (..., m); y is (..., m, K + 1) by `with_row_weights`."""
    weighted: Array = losses(z, y[..., :-1]) * y[..., -1]
    return weighted


def row_weighted_gradient(gradient: Callable[..., None], z: Array, a: Array, y: Array, out: Array) -> None:
    """Its derivative by the logits: d(w L)/dz = w dL/dz, as w depends neither on z nor on theta."""
    gradient(z, a, y[..., :-1], out)
    np.multiply(out, y[..., -1:], out=out)
