"""What batch and layer normalisation share: x̂ = (x - mean) / sqrt(variance + ε) and y = γ x̂ + β, with γ and β learned.

γ and β are one number a unit (in batch normalisation of an image, a channel), without weight decay. With n the number
of values that share a mean, and d = γ dL/dy, the chain rule through mean and variance gives

    dL/dx = (d - mean(d) - x̂ mean(d x̂)) / sqrt(variance + ε)

where the means are over those n values. (Ioffe, Szegedy 2015, ICML; Ba, Kiros, Hinton 2016, arXiv 1607.06450.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.maths.signal.normal import STANDARD, Moments
from nnlab.networks.layers.base import (
    STANDARD_INPUTS,
    BoundLayer,
    Buffers,
    DrawsFor,
    InputSignal,
    Layer,
    Shape,
    features_of,
    units_of,
)
from nnlab.networks.layers.equations import Equations
from nnlab.networks.layers.forward_mode import ForwardMode, of_sum, one_by_one, widened
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]


@dataclass(frozen=True)
class Normalization(Layer):
    """A layer that normalises; γ starts at 1, β at 0."""

    epsilon: float

    def scales(self, shape: Shape) -> int:
        """How many γ and β there are."""
        return features_of(shape) if self.over_channels else units_of(shape)

    def parameter_specs(self, shape: Shape) -> tuple[ParameterSpec, ...]:
        """γ and β, one for each unit, or for each channel of an image that is normalised over its channels."""
        scales = (self.scales(shape),)
        return ParameterSpec(f"{self.name}/gamma", scales), ParameterSpec(f"{self.name}/beta", scales)

    def equations(self, _shape: Shape) -> Equations:
        """The formulas at the top of this file, with n for x̂."""
        own = {"gamma": "Σ {dy} · n", "beta": "Σ {dy}"}
        means = "means over the batch, unit by unit" if self.over_channels else "means over the units, row by row"
        where = f"n = ({{x}} − mean) / √(variance + ε); d = {{gamma}} · {{dy}}; {means}; ε = {self.epsilon:g}"
        backward = "(d − mean(d) − n · mean(d · n)) / √(variance + ε)"
        return Equations("{gamma} · n + {beta}", backward, own, where)

    def signal(self, _incoming: Moments) -> Moments:
        """Mean 0 and variance 1, whatever it gets."""
        return STANDARD

    def start(self, shape: Shape, _draws: DrawsFor, _incoming: InputSignal = STANDARD_INPUTS) -> dict[str, Array]:
        """No change of scale, no shift."""
        scales = self.scales(shape)
        return {f"{self.name}/gamma": np.ones(scales), f"{self.name}/beta": np.zeros(scales)}


class BoundNormalization(BoundLayer):
    """γ x̂ + β and its gradient."""

    mean: Array
    variance: Array

    def __init__(self, layer: Normalization, buffers: Buffers) -> None:
        self.layer, self.y = layer, buffers.outputs
        gamma, beta = f"{layer.name}/gamma", f"{layer.name}/beta"
        self.gamma, self.beta = (buffers.parameters[name][..., None, :] for name in (gamma, beta))
        self.ones = np.ones((1, self.y.shape[-2]), self.y.dtype)
        if buffers.gradients is not None:
            self.dgamma, self.dbeta = (buffers.gradients[name][..., None, :] for name in (gamma, beta))

    def scale(self, normalized: Array) -> Array:
        """Write γ x̂ + β."""
        self.normalized = normalized
        np.multiply(normalized, self.gamma, out=self.y)
        return np.add(self.y, self.beta, out=self.y)

    def intermediates(self) -> dict[str, Array]:
        """Mean, variance and x̂."""
        return {"mean": self.mean, "variance": self.variance, "normalized": self.normalized}

    def learn(self, dy: Array) -> Array:
        """Write dL/dγ = sum of dy x̂ and dL/dβ = sum of dy over samples; return d = γ dy."""
        np.matmul(self.ones, dy * self.normalized, out=self.dgamma)
        np.matmul(self.ones, dy, out=self.dbeta)
        return dy * self.gamma


class NormalizationForwardMode(ForwardMode):
    """The tangents of γ x̂ + β with x̂ = c s, c = x - mean and s = (variance + ε)^(-1/2), along the axis of the mean.

    dc = dx - mean(dx), d variance = 2 mean(c dc) and ds = -s³/2 d variance, so that d x̂ = s dc - c s³ mean(c dc), which
    is s (dc - x̂ mean(x̂ dc)): there nothing underflows.
    """

    def __init__(self, normalized: Array, scale_down: Array, gamma: Array, axis: int) -> None:
        self.normalized, self.s, self.gamma, self.axis = normalized, scale_down, gamma, axis

    def push(self, dx: Array, at: slice) -> tuple[Array, slice]:
        """A mean over samples keeps units apart, one over units needs them all."""
        if self.axis == -1:
            dx, at = widened(dx, at, self.normalized.shape[-1])
        scale_down = self.s[..., at] if self.axis == -2 else self.s
        normalized = self.normalized[..., at]
        dc = dx - dx.mean(axis=self.axis, keepdims=True)
        moved = (normalized * dc).mean(axis=self.axis, keepdims=True)
        return self.gamma[..., at] * scale_down * (dc - normalized * moved), at

    def tangents(self, parameter: str, columns: Array, most: int) -> Iterator[tuple[Array, Array, slice]]:
        """By γ the derivative is x̂, by β it is 1."""
        by_unit = self.normalized if parameter == "gamma" else np.ones_like(self.normalized)
        yield from one_by_one(by_unit, columns, most)

    def errors(self, dy: Array, error: Array) -> tuple[dict[str, Array], Array]:
        """As dL/dx is computed, term by term.

        That mean(x̂) is 0 holds up to rounding only, and the two ways use it in different places.
        """
        by_samples = error + of_sum(len(dy)) * np.abs(dy)
        own = {"gamma": (np.abs(self.normalized) * by_samples).sum(axis=0), "beta": by_samples.sum(axis=0)}
        size, d = np.abs(self.normalized), np.abs(self.gamma * dy)
        doubt = np.abs(self.gamma) * error + of_sum(4 * dy.shape[self.axis]) * d

        def mean(values: Array) -> Array:
            result: Array = values.mean(axis=self.axis, keepdims=True)
            return result

        off = np.abs(mean(self.normalized)) * mean(d * size)
        return own, self.s * (doubt + mean(doubt) + size * mean(doubt * size) + off)
