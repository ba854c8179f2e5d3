"""Figures that rows with some targets do not have, whatever a network gives for them.

The `r2` of a single row, or of a constant target, which is 1 or 0 by convention; the figures that rank rows of two
classes, where there is one; the precision, recall and F1 of a class that no row has. They cannot tell two networks
apart, so that nothing can be stopped, chosen or ranked by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import printable

Array = NDArray[Any]


def why_undefined(
    name: str, targets: Array, weights: Array | None = None, *, classes: Sequence[str] = (), names: Sequence[str] = ()
) -> str | None:
    """Why rows do not have the figure `name`, as the end of a sentence that begins with their part; None if they do.

    `targets` (N, K), N >= 1, are as in the data: values, 0 or 1, or one-hot. Rows with a weight (N,) of 0 do not count.
    `classes` are those of a binary or multiclass task, and `names` the labels or targets of the others.
    """
    if not may_be_undefined(name):
        return None
    family, _, one = name.partition("/")
    counted = targets if weights is None else targets[weights > 0]
    if family == "r2":
        return _no_variance(counted[:, [list(names).index(one)]] if one else counted)
    if family in ("roc_auc", "average_precision"):
        return _one_class(counted[:, 0] > 0.5, classes)
    return _absent(one, counted, classes, names)


def may_be_undefined(name: str) -> bool:
    """Whether there are rows without the figure `name`."""
    family, _, one = name.partition("/")
    return family in ("r2", "roc_auc", "average_precision") or (family in ("precision", "recall", "f1") and bool(one))


def _no_variance(targets: Array) -> str | None:
    if len(targets) == 1:
        return "has a single row, which has no r2"
    if (targets == targets[:1]).all():
        return "has a constant target, whose r2 is 0 by convention"
    return None


def _one_class(positive: NDArray[np.bool_], classes: Sequence[str]) -> str | None:
    if positive.any() and not positive.all():
        return None
    only = int(positive[0])
    return f"has rows of one class alone, '{printable(classes[only] if classes else str(only))}'"


def _absent(one: str, targets: Array, classes: Sequence[str], names: Sequence[str]) -> str | None:
    """Why there is no figure of one class, or of one label."""
    index = list(classes or names).index(one)
    if not classes:
        has = targets[:, index] > 0.5
    elif targets.shape[1] == 1:
        has = (targets[:, 0] > 0.5) == bool(index)
    else:
        has = targets.argmax(axis=1) == index
    return None if has.any() else f"has no row of {'class' if classes else 'label'} '{printable(one)}'"
