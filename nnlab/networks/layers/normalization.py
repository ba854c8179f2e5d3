"""Layers that normalise: over the samples of a batch, or over the units of a layer; then scale and shift.

Both compute x̂ = (x - mean) / sqrt(variance + ε) and y = γ x̂ + β with γ and β learned, one per unit and without weight
decay. With n the number of values that share a mean, and d = γ dL/dy, the chain rule through mean and variance gives

    dL/dx = (d - mean(d) - x̂ mean(d x̂)) / sqrt(variance + ε)

where the means are over those n values. (Ioffe, Szegedy 2015, ICML; Ba, Kiros, Hinton 2016, arXiv 1607.06450.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.dense import Bound, Buffers, Start
from nnlab.networks.layers.forward_mode import ForwardMode, of_sum, one_by_one
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]


@dataclass(frozen=True)
class Normalization:
    """What both kinds share: γ starts at 1, β at 0."""

    name: str
    epsilon: float

    def units(self, inputs: int) -> int:
        """As many as it has inputs."""
        return inputs

    def parameter_specs(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """γ and β, (units,) each."""
        return ParameterSpec(f"{self.name}/gamma", (inputs,)), ParameterSpec(f"{self.name}/beta", (inputs,))

    def start(self, inputs: int, _draws: Start) -> dict[str, Array]:
        """No change of scale, no shift."""
        return {f"{self.name}/gamma": np.ones(inputs), f"{self.name}/beta": np.zeros(inputs)}


@dataclass(frozen=True)
class BatchNormalization(Normalization):
    """Normalise each unit over the samples of a batch; an evaluation uses running means and variances.

    After each training batch of m samples running ← (1 - momentum) running + momentum · batch, with the variance
    multiplied by m / (m - 1) to be that of the population.
    """

    momentum: float

    def running(self, inputs: int) -> tuple[ParameterSpec, ...]:
        """Mean, from 0, and variance, from 1."""
        return ParameterSpec(f"{self.name}/mean", (inputs,)), ParameterSpec(
            f"{self.name}/variance", (inputs,), fill=1.0
        )

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        return TrainingBatch(self, buffers) if buffers.context.trains else EvaluatedBatch(self, buffers)


@dataclass(frozen=True)
class LayerNormalization(Normalization):
    """Normalise each sample over the units of the layer; training and evaluation are the same."""

    def running(self, _inputs: int) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def bind(self, buffers: Buffers) -> Bound:
        """See `Layer`."""
        return BoundLayerNormalization(self, buffers)


class _Scaled:
    """γ x̂ + β and its gradient."""

    def __init__(self, layer: Normalization, buffers: Buffers) -> None:
        self.layer, self.y = layer, buffers.buffer
        gamma, beta = f"{layer.name}/gamma", f"{layer.name}/beta"
        self.gamma, self.beta = buffers.views[gamma][:, None, :], buffers.views[beta][:, None, :]
        self.ones = np.ones((1, self.y.shape[1]), self.y.dtype)
        if buffers.gradients is not None:
            self.dgamma, self.dbeta = buffers.gradients[gamma][:, None, :], buffers.gradients[beta][:, None, :]

    def scale(self, normalized: Array) -> Array:
        """Write γ x̂ + β."""
        self.normalized = normalized
        np.multiply(normalized, self.gamma, out=self.y)
        return np.add(self.y, self.beta, out=self.y)

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


def widened(dx: Array, at: slice, units: int) -> tuple[Array, slice]:
    """Tangents in all units, those outside `at` being 0."""
    if at == slice(0, units):
        return dx, at
    wide = np.zeros((*dx.shape[:-1], units))
    wide[..., at] = dx
    return wide, slice(0, units)


class TrainingBatch(_Scaled):
    """Batch normalisation in a training pass."""

    def __init__(self, layer: BatchNormalization, buffers: Buffers) -> None:
        super().__init__(layer, buffers)
        self.kept, self.momentum = buffers.running, layer.momentum
        self.context = buffers.context

    def forward(self, x: Array) -> Array:
        """Normalise over the samples of x, and move the running statistics towards the batch's."""
        m = x.shape[1]
        mean = (self.ones @ x) / m  # (R or 1, 1, units)
        centred = x - mean
        variance = (self.ones @ (centred * centred)) / m
        self.scale_down = 1 / np.sqrt(variance + self.layer.epsilon)
        if self.context.learns:
            self._keep("mean", mean)
            self._keep("variance", variance * (m / max(m - 1, 1)))
        return self.scale(centred * self.scale_down)

    def _keep(self, name: str, batch: Array) -> None:
        kept = self.kept[f"{self.layer.name}/{name}"]
        kept *= 1 - self.momentum
        kept += self.momentum * batch.squeeze(axis=1)

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """See the module; n is the number of samples."""
        d = self.learn(dy)
        if not wants_dx:
            return None
        m = dy.shape[1]
        by_mean, by_size = (self.ones @ d) / m, (self.ones @ (d * self.normalized)) / m
        dx: Array = (d - by_mean - self.normalized * by_size) * self.scale_down
        return dx

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        (normalized,), (scale_down,), (gamma,) = self.normalized, self.scale_down, self.gamma
        return NormalizationForwardMode(normalized, scale_down, gamma, axis=-2)


class EvaluatedBatch(_Scaled):
    """Batch normalisation in an evaluation."""

    def __init__(self, layer: BatchNormalization, buffers: Buffers) -> None:
        super().__init__(layer, buffers)
        self.mean = buffers.running[f"{layer.name}/mean"][:, None, :]
        self.variance = buffers.running[f"{layer.name}/variance"][:, None, :]

    def forward(self, x: Array) -> Array:
        """Normalise with the running statistics."""
        return self.scale((x - self.mean) / np.sqrt(self.variance + self.layer.epsilon))

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """An evaluation has no backward pass."""
        raise NotImplementedError

    def linear(self) -> ForwardMode:
        """Nor has it a gradient to check."""
        raise NotImplementedError


class BoundLayerNormalization(_Scaled):
    """Layer normalisation at work."""

    def forward(self, x: Array) -> Array:
        """Normalise each row of x."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        self.scale_down = 1 / np.sqrt(variance + self.layer.epsilon)
        return self.scale(centred * self.scale_down)

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """See the module; n is the number of units."""
        d = self.learn(dy)
        if not wants_dx:
            return None
        by_mean = d.mean(axis=-1, keepdims=True)
        by_size = (d * self.normalized).mean(axis=-1, keepdims=True)
        dx: Array = (d - by_mean - self.normalized * by_size) * self.scale_down
        return dx

    def linear(self) -> ForwardMode:
        """See `Bound`."""
        (normalized,), (scale_down,), (gamma,) = self.normalized, self.scale_down, self.gamma
        return NormalizationForwardMode(normalized, scale_down, gamma, axis=-1)
