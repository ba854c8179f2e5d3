"""Batch normalisation: each unit over the samples of a batch; see `normalization` for the formulas.

Of an image each channel is normalised, over the samples and all their pixels (Ioffe, Szegedy 2015, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.networks.layers.base import BoundLayer, Buffers, Shape, features_of, units_of
from nnlab.networks.layers.forward_mode import ForwardMode
from nnlab.networks.layers.normalization import BoundNormalization, Normalization, NormalizationForwardMode
from nnlab.networks.layout import ParameterSpec

Array = NDArray[Any]


@dataclass(frozen=True)
class BatchNormalization(Normalization):
    """Normalise each unit over the samples of a batch; an evaluation uses running means and variances.

    After each training batch of m samples running ← (1 - momentum) running + momentum · batch, with the variance
    multiplied by m / (m - 1) to be that of the population; for an image m counts the pixels of all samples. A batch of
    m = 1, which has no variance, leaves both as they are.
    """

    over_channels = True
    mixes_samples = True
    momentum: float

    def statistic_specs(self, shape: Shape) -> tuple[ParameterSpec, ...]:
        """Mean, from 0, and variance, from 1."""
        scales = (self.scales(shape),)
        return ParameterSpec(f"{self.name}/mean", scales), ParameterSpec(f"{self.name}/variance", scales, fill=1.0)

    def needs_two_rows(self, shape: Shape) -> bool:
        """One row minus its mean is 0, unless it is an image of several pixels."""
        return units_of(shape) == features_of(shape)

    def bind(self, buffers: Buffers) -> BoundLayer:
        """By the batch in training, by the running statistics in an evaluation."""
        return TrainingBatch(self, buffers) if buffers.context.trains else EvaluatedBatch(self, buffers)


class TrainingBatch(BoundNormalization):
    """Batch normalisation in a training pass."""

    def __init__(self, layer: BatchNormalization, buffers: Buffers) -> None:
        super().__init__(layer, buffers)
        self.kept, self.momentum = buffers.statistics, layer.momentum
        self.context = buffers.context

    def forward(self, x: Array) -> Array:
        """Normalise over the samples of x, and move the running statistics towards the batch's."""
        m = x.shape[-2]
        mean = (self.ones @ x) / m  # (…, 1, units)
        centred = x - mean
        variance = (self.ones @ (centred * centred)) / m
        self.mean, self.variance = mean, variance
        self.scale_down = 1 / np.sqrt(variance + self.layer.epsilon)
        if self.context.learns and m > 1:
            self._keep("mean", mean)
            self._keep("variance", variance * (m / (m - 1)))
        return self.scale(centred * self.scale_down)

    def _keep(self, name: str, batch: Array) -> None:
        kept = self.kept[f"{self.layer.name}/{name}"]
        kept *= 1 - self.momentum
        kept += self.momentum * batch.squeeze(axis=-2)

    def backward(self, dy: Array, *, wants_dx: bool) -> Array | None:
        """See `normalization`; n is the number of samples."""
        d = self.learn(dy)
        if not wants_dx:
            return None
        m = dy.shape[-2]
        by_mean, by_size = (self.ones @ d) / m, (self.ones @ (d * self.normalized)) / m
        dx: Array = (d - by_mean - self.normalized * by_size) * self.scale_down
        return dx

    def forward_mode(self) -> ForwardMode:
        """The mean is over samples."""
        return NormalizationForwardMode(self.normalized, self.scale_down, self.gamma, axis=-2)


class EvaluatedBatch(BoundNormalization):
    """Batch normalisation in an evaluation, which has no backward pass, and so no gradient to check."""

    def __init__(self, layer: BatchNormalization, buffers: Buffers) -> None:
        super().__init__(layer, buffers)
        self.mean = buffers.statistics[f"{layer.name}/mean"][..., None, :]
        self.variance = buffers.statistics[f"{layer.name}/variance"][..., None, :]

    def forward(self, x: Array) -> Array:
        """Normalise with the running statistics."""
        return self.scale((x - self.mean) / np.sqrt(self.variance + self.layer.epsilon))
