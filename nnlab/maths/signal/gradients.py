"""How much of a gradient reaches the first layer: what theory predicts, and a random network measured.

In L layers of one width, started so that the pre-activations of each have the variance 1, the gradient by those of the
first has the norm

    ‖δ_1‖ / ‖δ_L‖ = χ₁^((L - 1) / 2)

times that by those of the last, for χ₁ multiplies its square L - 1 times (see `nnlab.maths.signal.criticality`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnlab.maths.bound_activation import Array, BoundActivation

DEPTHS = (2, 5, 10, 20, 50)
WIDTH = 256
NETWORKS, INPUTS = 6, 16


def predicted_ratio(chi: float, layers: int) -> float:
    """‖δ_1‖ / ‖δ_L‖ = χ₁^((L - 1) / 2); inf where that is beyond float64."""
    try:
        return math.pow(chi, (layers - 1) / 2)
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class MeasuredRatio:
    """‖δ_1‖ / ‖δ_L‖ of random networks of L layers: the root of the mean square, and the least and the largest."""

    layers: int
    ratio: float
    least: float
    largest: float


def measured_ratios(
    f: BoundActivation, gain: float, depths: Sequence[int] = DEPTHS, width: int = WIDTH, networks: int = NETWORKS
) -> list[MeasuredRatio]:
    """The ratios of `networks` random networks at these depths, L layers being the first L of the deepest.

    Weights are N(0, gain² / width), biases 0; pre-activations of the first layer and gradients of the last N(0, 1), for
    16 inputs to each network. In float32, but for norms.
    """
    single = f.forms(np.dtype(np.float32))
    found = np.array([_squares(single, gain, depths, width, np.random.default_rng(seed)) for seed in range(networks)])
    with np.errstate(all="ignore"):
        root = np.sqrt(found)
        means = np.sqrt(found.mean(axis=0))
    ends = zip(means.tolist(), root.min(axis=0).tolist(), root.max(axis=0).tolist(), strict=True)
    return [MeasuredRatio(depth, *numbers) for depth, numbers in zip(depths, ends, strict=True)]


def _squares(f: BoundActivation, gain: float, depths: Sequence[int], width: int, draws: np.random.Generator) -> Array:
    """‖δ_1‖² / ‖δ_L‖² of one network for each depth, (depths,), both being sums over its inputs."""
    value, slope = f.both(draws.standard_normal((INPUTS, width), np.float32))
    slopes, weights, scale = [slope], list[Array](), np.float32(gain / math.sqrt(width))
    with np.errstate(all="ignore"):
        for _ in range(max(depths) - 1):
            weights.append(draws.standard_normal((width, width), np.float32) * scale)
            value, slope = f.both(value @ weights[-1])
            slopes.append(slope)
        return np.array([_back(slopes[:depth], weights[: depth - 1], draws) for depth in depths])


def _back(slopes: Sequence[Array], weights: Sequence[Array], draws: np.random.Generator) -> float:
    """δ_l = f'(z_l) ⊙ (δ_(l+1) Wᵀ) from the last layer, where it is N(0, 1), to the first."""
    last: Array = draws.standard_normal(slopes[-1].shape, np.float32)
    delta = last
    for slope, W in zip(slopes[-2::-1], weights[::-1], strict=True):
        delta = slope * (delta @ W.T)
    return _square(delta) / _square(last)


def _square(delta: Array) -> float:
    return float(np.square(delta, dtype=np.float64).sum())
