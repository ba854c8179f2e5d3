"""Clipping of gradients before an update, and a largest norm of each unit's weights after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.network import Network

Array = NDArray[Any]


def gradient_clippers(gradient: Array, value: float | None, norm: float | None) -> Iterator[Callable[[], None]]:
    """What clips a gradient, (R, P), in place before an update: entries at `value`, the norm of a replica at `norm`."""
    if value is not None:
        yield partial(np.clip, gradient, -value, value, out=gradient)
    if norm is not None:
        yield partial(_clip_norm, gradient, norm)


def _clip_norm(gradient: Array, limit: float) -> None:
    """Scale each replica's gradient so that its norm is at most `limit` (Pascanu, Mikolov, Bengio 2013, ICML)."""
    # Each replica's squares lie in a row, wherever its gradient does: the sum then has the bits of a lone replica's.
    norm = np.sqrt(np.square(gradient, order="C").sum(axis=-1, keepdims=True))
    if not np.isfinite(norm).all():  # squares overflow long before the entries do
        largest = np.abs(gradient).max(axis=-1, keepdims=True)
        norm = np.where(np.isfinite(norm), norm, largest * np.linalg.norm(gradient / largest, axis=-1, keepdims=True))
    gradient *= np.minimum(1, limit / np.maximum(norm, np.finfo(gradient.dtype).tiny))


def norm_limiters(network: Network, theta: Array) -> Iterator[Callable[[], None]]:
    """For each tensor with a largest norm, what scales its units' weights in theta, (R, P), after an update."""
    views = network.layout.views(theta)
    for spec in network.bounded:
        assert spec.penalties is not None
        weights = views[spec.name]
        by_unit = weights.reshape(len(weights), -1, weights.shape[-1])  # the last axis counts units
        yield partial(_bound, by_unit, spec.penalties.max_norm)


def _bound(weights: Array, limit: float) -> None:
    """Scale each unit's incoming weights so that their norm is at most `limit` (Srivastava et al. 2014)."""
    norm = np.sqrt(np.ones((1, weights.shape[1]), weights.dtype) @ np.square(weights, order="C"))
    weights *= np.minimum(1, limit / np.maximum(norm, np.finfo(weights.dtype).tiny))
